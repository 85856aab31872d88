//! Lazy Adam: rows of an embedding table that no sample looked up do not move.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::Error;
use crate::rule::adam::AdamConfig;
use crate::rule::context::Context;
use crate::rule::form::Form;
use crate::rule::interface::Rule;
use crate::rule::moments::{quotient, update_moments};
use crate::rule::rows::RowUpdates;

/// Lazy Adam of embedding tables, and [Adam](AdamConfig) of all other parameters.
///
/// For each row of a table that has a gradient `g` in this step:
///
/// ```text
/// m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
/// d = (√(1 − β₂ᵗ) / (1 − β₁ᵗ)) m / (√v + ε)         0 where that divides by 0
/// ```
///
/// `t` counts the updates of the table, not those of the row. A table is a parameter of role
/// [`Embedding`](crate::Role::Embedding) with two dimensions ([`Context::table`]). Its rows
/// without a gradient [are left alone](RowUpdates::Touched): they do not move, their moments do
/// not decay, and weight decay and a norm constraint pass them by. Its gradient may be sparse.
///
/// *Source:* Kingma and Ba 2015, section 2, for the order of the operations;
/// `torch.optim.SparseAdam`, which has the same defaults.
///
/// *Differs from* [`AdamConfig`], where every row moves in every step by its moments, and ε is
/// added after the bias correction; and from PyTorch for a row whose gradients add up to
/// exactly 0, which counts as one without a gradient here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LazyAdamConfig {
    /// `β₁` in `[0, 1)`.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`.
    pub beta2: f64,
    /// `ε` of at least 0.
    pub epsilon: f64,
}

impl Default for LazyAdamConfig {
    /// `β₁ = 0.9`, `β₂ = 0.999`, `ε = 1e-8`.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl LazyAdamConfig {
    fn adam(&self) -> AdamConfig {
        AdamConfig {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            amsgrad: false,
        }
    }
}

impl Rule for LazyAdamConfig {
    fn name(&self) -> &str {
        "lazy_adam"
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
        if !context.table {
            return self.adam().direction(context, weight, gradient, buffers);
        }
        let [m, v] = buffers else {
            unreachable!("lazy adam has two moments")
        };
        update_moments(m, v, gradient, self.beta1, 1.0 - self.beta1, self.beta2);
        let (c1, c2) = self.adam().moments().corrections(context.updates);
        quotient(m, &(v.sqrt() + self.epsilon)) * (c2.sqrt() / c1)
    }

    fn row_updates(&self, _context: &Context) -> RowUpdates {
        RowUpdates::Touched
    }

    fn squares_gradients(&self, _context: &Context) -> bool {
        true
    }

    fn validate(&self) -> Result<(), Error> {
        self.adam().validate()
    }

    fn form(&self, context: &Context) -> Option<Form> {
        if context.table {
            None
        } else {
            self.adam().form(context)
        }
    }
}
