//! First and second moments of gradients, as Adam and LAMB have them.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, require};

/// Where `ε` of [`LambConfig`](crate::LambConfig) enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpsilonPlace {
    /// `m̂ / (√v̂ + ε)`.
    #[default]
    OutsideRoot,
    /// `m̂ / √(v̂ + ε)`.
    InsideRoot,
}

/// Whether [`LambConfig`](crate::LambConfig) corrects for moments that start at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasCorrection {
    /// `m̂ = m / (1 − β₁ᵗ)`, `v̂ = v / (1 − β₂ᵗ)`.
    #[default]
    Applied,
    /// `m̂ = m`, `v̂ = v`; `bias_correction=False` in apex and timm.
    Omitted,
}

/// What [`LambConfig`](crate::LambConfig) keeps of the gradients in its first moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientAveraging {
    /// Their moving average, `β₃ = 1 − β₁`.
    #[default]
    Averaged,
    /// Their decaying sum, `β₃ = 1`; `grad_averaging=False` in apex and timm.
    Summed,
}

/// The numbers of a rule with a first and a second moment.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// `m / divisor`, and 0 where the divisor is 0. Without ε it is 0 for an element that has never
/// had a gradient.
pub(super) fn quotient(m: &Tensor, divisor: &Tensor) -> Tensor {
    (m / divisor).masked_fill(&divisor.eq(0.0), 0.0)
}

/// `m ← β₁ m + β₃ g`, `v ← β₂ v + (1 − β₂) g²`.
pub(super) fn update_moments(
    m: &mut Tensor,
    v: &mut Tensor,
    g: &Tensor,
    beta1: f64,
    beta3: f64,
    beta2: f64,
) {
    let _ = m.g_mul_scalar_(beta1);
    let _ = m.g_add_(&(g * beta3));
    let _ = v.g_mul_scalar_(beta2);
    let _ = v.g_add_(&(g * g * (1.0 - beta2)));
}

/// Checks both decays and ε.
pub(super) fn validate_moments(beta1: f64, beta2: f64, epsilon: f64) -> Result<(), Error> {
    require(
        (0.0..1.0).contains(&beta1),
        "beta1",
        "a number in [0, 1)",
        beta1,
    )?;
    require(
        (0.0..1.0).contains(&beta2),
        "beta2",
        "a number in [0, 1)",
        beta2,
    )?;
    let valid = epsilon.is_finite() && epsilon >= 0.0;
    require(valid, "epsilon", "a finite number of at least 0", epsilon)
}
