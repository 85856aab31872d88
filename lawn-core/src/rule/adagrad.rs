//! Adagrad: every element has a rate of its own, which only falls.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::form::{DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::moments::quotient;
use crate::rule::rows::RowUpdates;

/// Adagrad.
///
/// ```text
/// s ← s + g²
/// d = g / (√(s₀ + s) + ε)               0 where that divides by 0
/// ```
///
/// `s` has the parameter's shape. A sparse gradient of an embedding table is taken where there
/// is neither weight decay nor a norm constraint: rows without a gradient stay where they are
/// then, whether the gradient is sparse or not.
///
/// *Source:* Duchi, Hazan and Singer 2011; `torch.optim.Adagrad`, which has the same defaults.
///
/// *Differs from* PyTorch: `s₀` is added when the root is taken and not when the state is made;
/// a learning rate that falls with the steps is the schedule's. With ε = 0, 0/0 is 0 and not NaN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdagradConfig {
    /// `ε` of at least 0. PyTorch has 1e-10, FBGEMM 1e-8.
    pub epsilon: f64,
    /// `s₀` of at least 0: what the sum of squares starts at.
    pub initial_accumulator: f64,
}

impl Default for AdagradConfig {
    /// `ε = 1e-10`, `s₀ = 0`.
    fn default() -> Self {
        Self {
            epsilon: 1e-10,
            initial_accumulator: 0.0,
        }
    }
}

impl AdagradConfig {
    /// `g / (√(s₀ + s) + ε)`, of a sum that broadcasts over the gradient.
    pub(super) fn scaled(&self, gradient: &Tensor, sum: &Tensor) -> Tensor {
        let divisor = (sum + self.initial_accumulator).sqrt() + self.epsilon;
        quotient(gradient, &divisor)
    }
}

impl Rule for AdagradConfig {
    fn name(&self) -> &str {
        "adagrad"
    }

    fn buffers(&self) -> &[&str] {
        &["sum_of_squares"]
    }

    fn direction(
        &self,
        _context: &Context,
        _weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [s] = buffers else {
            unreachable!("adagrad has one sum")
        };
        let _ = s.g_add_(&(gradient * gradient));
        self.scaled(gradient, s)
    }

    fn row_updates(&self, _context: &Context) -> RowUpdates {
        RowUpdates::Still
    }

    fn validate(&self) -> Result<(), Error> {
        let Self {
            epsilon,
            initial_accumulator,
        } = *self;
        let expected = "a finite number of at least 0";
        for (setting, found) in [
            ("epsilon", epsilon),
            ("initial_accumulator", initial_accumulator),
        ] {
            require(found.is_finite() && found >= 0.0, setting, expected, found)?;
        }
        Ok(())
    }

    fn form(&self, context: &Context) -> Option<Form> {
        Some(Form {
            direction: Direction::SumOfSquares {
                initial: self.initial_accumulator,
                epsilon: self.epsilon,
            },
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
            radial: None,
        })
    }
}
