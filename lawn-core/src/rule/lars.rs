//! LARS.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::decay::WeightDecay;
use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::form::{DecayEntry, DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::trust::{Adaptation, Trust, TrustBase};
use crate::units::scale;

/// LARS: momentum over gradients that are scaled by a trust ratio for each unit.
///
/// ```text
/// ρ = κ ‖w‖ / (‖g‖ + λ ‖w‖ + ε)      1 where ‖w‖ or ‖g‖ is 0
/// v ← μ v + ρ (g + λ w)              λ: L2 decay
/// d = v,  or  ρ (g + λ w) + μ v      Nesterov
/// ```
///
/// `κ` is `trust_coefficient`, `μ` `momentum`; `v` has the parameter's shape.
///
/// *Source:* You et al. 2017, arXiv 1708.03888, algorithm 1.
///
/// *Differs from* the paper: the learning rate is outside of `v`, as in
/// PyTorch's SGD, so that a change of it acts at once; `ε` is added; the ratio
/// is taken over the unit of a norm constraint where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LarsConfig {
    /// `μ` in `[0, 1)`.
    pub momentum: f64,
    /// Looks ahead by one momentum step.
    pub nesterov: bool,
    /// `κ` above 0.
    pub trust_coefficient: f64,
    /// `ε` of at least 0.
    pub epsilon: f64,
    /// Which parameters have a trust ratio.
    pub adaptation: Adaptation,
}

impl Default for LarsConfig {
    /// `μ = 0.9`, `κ = 0.001`, `ε = 1e-8`.
    fn default() -> Self {
        Self {
            momentum: 0.9,
            nesterov: false,
            trust_coefficient: 1e-3,
            epsilon: 1e-8,
            adaptation: Adaptation::Always,
        }
    }
}

impl LarsConfig {
    /// LARS of MLPerf's ResNet-50: no `ε`, and a trust ratio for what has weight decay, so that
    /// biases and normalization parameters take plain momentum. Its L2 decay of 1e-4 and its
    /// polynomial schedule of power 2 are set beside it. Its learning rate is inside of `v`, so
    /// that the two differ by its change over some ten steps.
    ///
    /// *Source:* mlcommons/training, ResNet-50 v1.5; mlcommons/training_policies.
    #[must_use]
    pub fn mlperf() -> Self {
        Self {
            momentum: 0.9,
            nesterov: false,
            trust_coefficient: 1e-3,
            epsilon: 0.0,
            adaptation: Adaptation::WhenDecayed,
        }
    }

    fn ratio(&self) -> Trust {
        let epsilon = self.epsilon;
        Trust {
            coefficient: self.trust_coefficient,
            max: None,
            base: TrustBase::Gradient { epsilon },
        }
    }
}

impl Rule for LarsConfig {
    fn name(&self) -> &str {
        "lars"
    }

    fn buffers(&self) -> &[&str] {
        &["momentum"]
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [v] = buffers else {
            unreachable!("lars has one buffer")
        };
        let lambda = match context.decay {
            WeightDecay::L2 { rate } => rate,
            _ => 0.0,
        };
        let w_norm = context.granularity.norm(weight);
        let g_norm = context.granularity.norm(gradient);
        let below = &g_norm + &w_norm * lambda + self.epsilon;
        let rho = self.ratio().ratios(&w_norm, &g_norm, &below);
        let g = gradient + weight * lambda;
        let g = if self.adaptation.applies(context) {
            scale(&g, &rho)
        } else {
            g
        };
        let _ = v.g_mul_scalar_(self.momentum);
        let _ = v.g_add_(&g);
        if self.nesterov {
            g + &*v * self.momentum
        } else {
            v.shallow_clone()
        }
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        matches!(decay, WeightDecay::L2 { .. })
    }

    fn validate(&self) -> Result<(), Error> {
        let Self {
            momentum,
            nesterov,
            trust_coefficient,
            epsilon,
            ..
        } = *self;
        require(
            (0.0..1.0).contains(&momentum),
            "momentum",
            "a number in [0, 1)",
            momentum,
        )?;
        let valid = !nesterov || momentum > 0.0;
        require(valid, "momentum", "more than 0 with nesterov", momentum)?;
        let valid = trust_coefficient.is_finite() && trust_coefficient > 0.0;
        require(
            valid,
            "trust_coefficient",
            "a finite number above 0",
            trust_coefficient,
        )?;
        let valid = epsilon.is_finite() && epsilon >= 0.0;
        require(valid, "epsilon", "a finite number of at least 0", epsilon)
    }

    fn form(&self, context: &Context) -> Option<Form> {
        let absorbs = self.absorbs(context.decay);
        Some(Form {
            // A momentum of 0 still keeps its buffer, as the state says it does.
            direction: Direction::Momentum {
                mu: self.momentum,
                dampening: 0.0,
                nesterov: self.nesterov,
            },
            trust: Some(self.ratio()),
            adapts: self.adaptation.applies(context),
            decay: DecayTerm::new(context, absorbs.then_some(DecayEntry::TrustedGradient)),
            radial: None,
        })
    }
}
