//! Adam, and with it AdamW and AMSGrad.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::form::{DecayTerm, Direction, Form};
use super::moments::quotient;
use crate::error::Error;
use crate::error::require;
use crate::rule::builtin::{Lowered, RuleConfig};
use crate::rule::interface::{Context, Rule};
use crate::rule::lamb::{BiasCorrection, EpsilonPlace, GradientAveraging};
use crate::rule::moments::Moments;

/// Adam; AdamW with [`WeightDecay::Decoupled`](crate::WeightDecay::Decoupled); AMSGrad with
/// [`amsgrad`](Self::amsgrad).
///
/// ```text
/// m ← β₁ m + (1 − β₁) g                 m̂ = m / (1 − β₁ᵗ)
/// v ← β₂ v + (1 − β₂) g²                v̂ = v / (1 − β₂ᵗ)
/// u ← max(u, v)                         v̂ = u / (1 − β₂ᵗ)        AMSGrad
/// d = m̂ / (√v̂ + ε)                      0 where that divides by 0
/// ```
///
/// `m`, `v`, `u` have the parameter's shape; `t` counts its updates from 1.
///
/// *Source:* Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019 for
/// AdamW; Reddi et al. 2018 for AMSGrad.
///
/// *Differs from* Reddi et al. and agrees with PyTorch: AMSGrad keeps the bias
/// correction, and takes the maximum before it. With ε = 0, 0/0 is 0 and not NaN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// `β₁` in `[0, 1)`.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`.
    pub beta2: f64,
    /// `ε` of at least 0. With 0 an element that has never had a gradient stays where
    /// it is.
    pub epsilon: f64,
    /// Whether the second moment never falls.
    pub amsgrad: bool,
}

impl Default for AdamConfig {
    /// `β₁ = 0.9`, `β₂ = 0.999`, `ε = 1e-8`.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            amsgrad: false,
        }
    }
}

impl AdamConfig {
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

impl Lowered for AdamConfig {
    fn form(&self, context: &Context) -> Form {
        Form {
            direction: Direction::Moments {
                moments: self.moments(),
                max: self.amsgrad,
            },
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
        }
    }
}

impl Rule for AdamConfig {
    fn name(&self) -> &str {
        if self.amsgrad { "amsgrad" } else { "adam" }
    }

    fn buffers(&self) -> &[&str] {
        if self.amsgrad {
            &["first_moment", "second_moment", "second_moment_max"]
        } else {
            &["first_moment", "second_moment"]
        }
    }

    fn direction(
        &self,
        context: &Context,
        _weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let (moments, max) = buffers.split_at_mut(2);
        let [m, v] = moments else {
            unreachable!("adam has two moments")
        };
        update_moments(m, v, gradient, self.beta1, 1.0 - self.beta1, self.beta2);
        let v = match max {
            [u] => {
                let larger = u.maximum(v);
                u.copy_(&larger);
                &*u
            }
            _ => &*v,
        };
        let (c1, c2) = self.moments().corrections(context.updates);
        let (m_hat, v_hat) = (&*m / c1, v / c2);
        quotient(&m_hat, &(v_hat.sqrt() + self.epsilon))
    }

    fn validate(&self) -> Result<(), Error> {
        validate_moments(self.beta1, self.beta2, self.epsilon)
    }

    fn builtin(&self) -> Option<RuleConfig> {
        Some(RuleConfig::Adam(*self))
    }
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
