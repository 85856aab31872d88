//! NAdamW: Adam that looks one step of its momentum ahead.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::Error;
use crate::rule::context::Context;
use crate::rule::form::{DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::moments::{
    BiasCorrection, EpsilonPlace, GradientAveraging, Moments, quotient, update_moments,
    validate_moments,
};

/// NAdamW with [`WeightDecay::Decoupled`](crate::WeightDecay::Decoupled); NAdam in the
/// simplified form otherwise.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g                 v ← β₂ v + (1 − β₂) g²
/// m̂ = (β₁ m + (1 − β₁) g) / (1 − β₁ᵗ)   v̂ = v / (1 − β₂ᵗ)
/// d = m̂ / (√v̂ + ε)                      0 where that divides by 0
/// ```
///
/// `m`, `v` have the parameter's shape; `t` counts its updates from 1.
///
/// *Source:* Choi et al. 2019, arXiv 1910.05446, table 1; the baseline of AlgoPerf, and `NAdamW`
/// of timm, which has the same defaults.
///
/// *Differs from* Dozat 2016 and `torch.optim.NAdam`, whose momentum follows a schedule of its own
/// and whose two terms have bias corrections of their own. With ε = 0, 0/0 is 0 and not NaN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NadamwConfig {
    /// `β₁` in `[0, 1)`.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`.
    pub beta2: f64,
    /// `ε` of at least 0.
    pub epsilon: f64,
}

impl Default for NadamwConfig {
    /// `β₁ = 0.9`, `β₂ = 0.999`, `ε = 1e-8`.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl NadamwConfig {
    fn moments(&self) -> Moments {
        Moments {
            beta1: self.beta1,
            beta2: self.beta2,
            averaging: GradientAveraging::Averaged,
            epsilon: self.epsilon,
            epsilon_place: EpsilonPlace::OutsideRoot,
            bias_correction: BiasCorrection::Applied,
        }
    }
}

impl Rule for NadamwConfig {
    fn name(&self) -> &str {
        "nadamw"
    }

    fn buffers(&self) -> &[&str] {
        &["first_moment", "second_moment"]
    }

    fn direction(
        &self,
        context: &Context,
        _weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [m, v] = buffers else {
            unreachable!("nadamw has two moments")
        };
        let beta3 = self.moments().beta3();
        update_moments(m, v, gradient, self.beta1, beta3, self.beta2);
        let (c1, c2) = self.moments().corrections(context.updates);
        let ahead = &*m * self.beta1 + gradient * beta3;
        quotient(&(ahead / c1), &((&*v / c2).sqrt() + self.epsilon))
    }

    fn validate(&self) -> Result<(), Error> {
        validate_moments(self.beta1, self.beta2, self.epsilon)
    }

    fn form(&self, context: &Context) -> Option<Form> {
        Some(Form {
            direction: Direction::NesterovMoments(self.moments()),
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
            radial: None,
        })
    }
}
