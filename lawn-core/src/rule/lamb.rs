//! LAMB, in the forms that are in use.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::decay::WeightDecay;
use crate::error::{Error, require};
use crate::rule::context::{Context, Norms};
use crate::rule::form::{DecayEntry, DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::moments::{
    BiasCorrection, EpsilonPlace, GradientAveraging, Moments, quotient, update_moments,
    validate_moments,
};
use crate::rule::trust::{Adaptation, Trust, TrustBase};

/// LAMB: Adam with a trust ratio for each unit.
///
/// ```text
/// m ← β₁ m + β₃ g                        β₃ = 1 − β₁, or 1 without gradient averaging
/// v ← β₂ v + (1 − β₂) g²
/// m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)  m̂ = m, v̂ = v without bias correction
/// d = m̂ / (√v̂ + ε) + λ w                 λ: decoupled decay inside the trust ratio;
///                                        0 + λ w where that divides by 0
/// ρ = ‖w‖ / ‖d‖                          1 where either norm is 0, or not adapted
/// w ← w − η min(ρ, ρ_max) d
/// ```
///
/// Under a norm constraint `d` is projected before its norm is taken, and the
/// ratio adapts although there is no decay; it is the ratio of the unit.
///
/// *Source:* You et al. 2020, arXiv 1904.00962, algorithm 2, with φ the identity.
///
/// The public implementations differ in what the paper leaves open:
///
/// | | adapts without decay | ρ_max | decay inside ρ | global clip |
/// |---|---|---|---|---|
/// | [`paper`](Self::paper) | yes | none | yes | none |
/// | [`apex`](Self::apex) (FusedLAMB) | no | none | yes | 1 |
/// | [`nvlamb`](Self::nvlamb) (FusedLAMB, `use_nvlamb`) | yes | none | yes | 1 |
/// | [`timm`](Self::timm) | no | none | yes | 1 |
///
/// apex's kernel is `csrc/multi_tensor_lamb.cu`; with its `lr` inside the ratio,
/// `ratio = lr · ‖p‖ / ‖update‖` where `use_nvlamb` or the decay is not 0 and both
/// norms are not 0, otherwise `ratio = lr`, and `p ← p − ratio · update`.
///
/// The clip is the optimizer's [`clip_norm`](crate::OptimizerConfig::clip_norm) and
/// has to be set there, as their default weight decay of 0.01 has to be, by
/// [`decay`](crate::OptimizerConfig::decay). All four correct the bias, average the
/// gradient and add `ε` outside of the root.
///
/// *Differs from* apex and timm, which count the updates of a group of parameters:
/// here `t` counts those of each parameter, so that one without a gradient in some
/// step is corrected by its own count.
///
/// ```
/// use lawn_core::{WeightDecay, GradientAveraging, LambConfig, OptimizerConfig, Schedule};
///
/// // FusedLAMB(lr=2e-3), with all that it does by itself.
/// let config = OptimizerConfig::new(LambConfig::apex(), Schedule::constant(2e-3))
///     .with_clip_norm(1.0)
///     .with_decay(WeightDecay::Decoupled { rate: 0.01 });
/// // Any other implementation, convention by convention.
/// let summed = LambConfig {
///     gradient_averaging: GradientAveraging::Summed,
///     ..config.rule
/// };
/// assert_ne!(summed, LambConfig::apex());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LambConfig {
    /// `β₁` in `[0, 1)`.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`.
    pub beta2: f64,
    /// `ε` of at least 0. With 0 an element that has never had a gradient has no
    /// part in `d`.
    pub epsilon: f64,
    /// Where `ε` enters.
    pub epsilon_place: EpsilonPlace,
    /// Whether moments are divided by `1 − βᵗ`.
    pub bias_correction: BiasCorrection,
    /// Whether the gradient enters `m` with `1 − β₁` or with 1.
    pub gradient_averaging: GradientAveraging,
    /// Where decoupled weight decay enters.
    pub decay_place: DecayPlace,
    /// Which parameters have a trust ratio.
    pub adaptation: Adaptation,
    /// `ρ_max`, the largest trust ratio; LAMBC's is 1.
    ///
    /// Without one, ρ scales every direction up, however small it is. Where rows are units, a
    /// row that had a gradient once, such as the embedding of something rare, goes on along it
    /// at full length for as long as its moments are not 0. So give embeddings that are held by
    /// row a largest ratio.
    pub trust_max: Option<f64>,
}

/// Where decoupled weight decay enters [`LambConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayPlace {
    /// Part of the direction, whose norm the trust ratio takes.
    #[default]
    InsideTrust,
    /// `w ← (1 − ηλ) w` beside it; `decoupled_decay` in timm.
    OutsideTrust,
}

impl LambConfig {
    /// Algorithm 2 of the paper.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-6,
            epsilon_place: EpsilonPlace::OutsideRoot,
            bias_correction: BiasCorrection::Applied,
            gradient_averaging: GradientAveraging::Averaged,
            decay_place: DecayPlace::InsideTrust,
            adaptation: Adaptation::Always,
            trust_max: None,
        }
    }

    /// NVIDIA apex's `FusedLAMB` with its defaults.
    #[must_use]
    pub fn apex() -> Self {
        Self {
            adaptation: Adaptation::WhenDecayed,
            ..Self::paper()
        }
    }

    /// NVIDIA apex's `FusedLAMB` with `use_nvlamb=True`.
    #[must_use]
    pub fn nvlamb() -> Self {
        Self {
            adaptation: Adaptation::Always,
            ..Self::apex()
        }
    }

    /// timm's `Lamb` with its defaults.
    ///
    /// This is [`apex`](Self::apex), of which timm's is a port: both take the same
    /// corrected moments, add `λ w` before the norm, adapt only where `λ` is not 0
    /// (`always_adapt=False` there, `use_nvlamb=False` here), without a largest
    /// ratio (`trust_clip=False`) and with 1 where a norm is 0.
    #[must_use]
    pub fn timm() -> Self {
        Self::apex()
    }

    fn moments(&self) -> Moments {
        Moments {
            beta1: self.beta1,
            beta2: self.beta2,
            averaging: self.gradient_averaging,
            epsilon: self.epsilon,
            epsilon_place: self.epsilon_place,
            bias_correction: self.bias_correction,
        }
    }

    fn ratio(&self) -> Trust {
        Trust {
            coefficient: 1.0,
            max: self.trust_max,
            base: TrustBase::Direction,
        }
    }
}

impl Default for LambConfig {
    /// [`paper`](Self::paper).
    fn default() -> Self {
        Self::paper()
    }
}

impl Rule for LambConfig {
    fn name(&self) -> &str {
        "lamb"
    }

    fn buffers(&self) -> &[&str] {
        &["first_moment", "second_moment"]
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [m, v] = buffers else {
            unreachable!("lamb has two moments")
        };
        update_moments(
            m,
            v,
            gradient,
            self.beta1,
            self.moments().beta3(),
            self.beta2,
        );
        let (c1, c2) = self.moments().corrections(context.updates);
        let (m_hat, v_hat) = (&*m / c1, &*v / c2);
        let d = match self.epsilon_place {
            EpsilonPlace::OutsideRoot => quotient(&m_hat, &(v_hat.sqrt() + self.epsilon)),
            EpsilonPlace::InsideRoot => quotient(&m_hat, &(v_hat + self.epsilon).sqrt()),
        };
        match context.decay {
            WeightDecay::Decoupled { rate } if self.absorbs(context.decay) => d + weight * rate,
            _ => d,
        }
    }

    fn trust(&self, context: &Context, norms: &Norms<'_>) -> Option<Tensor> {
        if !self.adaptation.applies(context) {
            return None;
        }
        let (weight_norm, direction_norm) = (norms.weight(), norms.direction());
        let ratios = (self.ratio()).ratios(&weight_norm, &direction_norm, &direction_norm);
        Some(ratios)
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        matches!(decay, WeightDecay::Decoupled { .. })
            && self.decay_place == DecayPlace::InsideTrust
    }

    fn validate(&self) -> Result<(), Error> {
        validate_moments(self.beta1, self.beta2, self.epsilon)?;
        let max = self.trust_max.unwrap_or(1.0);
        require(max > 0.0, "trust_max", "a number above 0", max)
    }

    fn form(&self, context: &Context) -> Option<Form> {
        let absorbs = self.absorbs(context.decay);
        Some(Form {
            direction: Direction::Moments {
                moments: self.moments(),
                max: false,
            },
            trust: Some(self.ratio()),
            adapts: self.adaptation.applies(context),
            decay: DecayTerm::new(context, absorbs.then_some(DecayEntry::Direction)),
            radial: None,
        })
    }
}
