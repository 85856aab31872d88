//! What Adam and LAMB have in common.

use tch::Tensor;

use crate::rule::lamb::{BiasCorrection, EpsilonPlace, GradientAveraging};

/// `m / divisor`; 0 where that divides by 0, as without ε it does for what has never
/// had a gradient.
pub(super) fn quotient(m: &Tensor, divisor: &Tensor) -> Tensor {
    (m / divisor).masked_fill(&divisor.eq(0.0), 0.0)
}

/// The numbers of a rule with a first and a second moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) averaging: GradientAveraging,
    pub(crate) epsilon: f64,
    pub(crate) epsilon_place: EpsilonPlace,
    pub(crate) bias_correction: BiasCorrection,
}

impl Moments {
    /// `β₃`, with which the gradient enters `m`.
    pub(crate) fn beta3(&self) -> f64 {
        match self.averaging {
            GradientAveraging::Averaged => 1.0 - self.beta1,
            GradientAveraging::Summed => 1.0,
        }
    }

    /// `c₁ = 1 − β₁ᵗ` and `c₂ = 1 − β₂ᵗ` after `t` updates; 1 without bias correction.
    pub(crate) fn corrections(&self, updates: u64) -> (f64, f64) {
        let t = updates as f64;
        match self.bias_correction {
            BiasCorrection::Applied => (1.0 - self.beta1.powf(t), 1.0 - self.beta2.powf(t)),
            BiasCorrection::Omitted => (1.0, 1.0),
        }
    }

    /// `ε_in` and `ε_out` of `√(v / c₂ + ε_in) + ε_out`.
    pub(crate) fn epsilons(&self) -> (f64, f64) {
        match self.epsilon_place {
            EpsilonPlace::InsideRoot => (self.epsilon, 0.0),
            EpsilonPlace::OutsideRoot => (0.0, self.epsilon),
        }
    }
}
