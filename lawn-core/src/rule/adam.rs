//! Adam, and with it AdamW and AMSGrad.

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
    pub(super) fn moments(&self) -> Moments {
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

    fn form(&self, context: &Context) -> Option<Form> {
        Some(Form {
            direction: Direction::Moments {
                moments: self.moments(),
                max: self.amsgrad,
            },
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
            radial: None,
        })
    }
}
