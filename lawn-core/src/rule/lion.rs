//! Lion: the sign of a momentum.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::form::{DecayTerm, Direction, Form};
use crate::rule::interface::Rule;

/// Lion: every element moves by the learning rate, one way or the other.
///
/// ```text
/// d = sign(β₁ m + (1 − β₁) g)
/// m ← β₂ m + (1 − β₂) g
/// ```
///
/// `m` has the parameter's shape and is all that is kept. Learning rates are those of Adam divided
/// by 3 to 10, decoupled weight decay is Adam's times as much.
///
/// *Source:* Chen et al. 2023, arXiv 2302.06675, program 1; `Lion` of timm, which has the same
/// defaults.
///
/// *Differs from* both in nothing but rounding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LionConfig {
    /// `β₁` in `[0, 1)`: how much of the momentum is in the direction.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`: how much of it stays.
    pub beta2: f64,
}

impl Default for LionConfig {
    /// `β₁ = 0.9`, `β₂ = 0.99`.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.99,
        }
    }
}

impl Rule for LionConfig {
    fn name(&self) -> &str {
        "lion"
    }

    fn buffers(&self) -> &[&str] {
        &["momentum"]
    }

    fn direction(
        &self,
        _context: &Context,
        _weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [m] = buffers else {
            unreachable!("lion has one momentum")
        };
        // Product by product, as the kernels have it: another rounding is another sign.
        let mixed = &*m * self.beta1 + gradient * (1.0 - self.beta1);
        let _ = m.g_mul_scalar_(self.beta2);
        let _ = m.g_add_(&(gradient * (1.0 - self.beta2)));
        mixed.sign()
    }

    fn validate(&self) -> Result<(), Error> {
        for (setting, found) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            let valid = (0.0..1.0).contains(&found);
            require(valid, setting, "a number in [0, 1)", found)?;
        }
        Ok(())
    }

    fn form(&self, context: &Context) -> Option<Form> {
        Some(Form {
            direction: Direction::Sign {
                beta1: self.beta1,
                beta2: self.beta2,
            },
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
            radial: None,
        })
    }
}
