//! Row-wise Adagrad: every row of an embedding table has a rate of its own.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::Error;
use crate::rule::adagrad::AdagradConfig;
use crate::rule::context::Context;
use crate::rule::form::Form;
use crate::rule::interface::Rule;
use crate::rule::rows::RowUpdates;

/// Row-wise Adagrad of embedding tables, and [Adagrad](AdagradConfig) of all other parameters.
///
/// For row `i` of a table with `D` columns, whose gradient is `gᵢ`:
///
/// ```text
/// sᵢ ← sᵢ + (1/D) Σⱼ gᵢⱼ²
/// dᵢ = gᵢ / (√(s₀ + sᵢ) + ε)            0 where that divides by 0
/// ```
///
/// `s` is `[rows, 1]`: one number a row where Adagrad has `D`. A table is a parameter of role
/// [`Embedding`](crate::Role::Embedding) with two dimensions ([`Context::table`]). Its rows
/// without a gradient [are left alone](RowUpdates::Touched): no weight decay, no norm constraint.
/// Its gradient may be sparse.
///
/// *Source:* FBGEMM's `EXACT_ROWWISE_ADAGRAD` and `RowWiseAdagrad` of torchrec, which MLPerf's
/// DLRM trains with.
///
/// *Differs from* FBGEMM with L2 decay, where the moment is of the decayed gradient and the
/// step of the raw one: here both are of the decayed gradient, as in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowwiseAdagradConfig {
    /// `ε` of at least 0. FBGEMM has 1e-8, torchrec's class 1e-10.
    pub epsilon: f64,
    /// `s₀` of at least 0: what the mean of squares starts at.
    pub initial_accumulator: f64,
}

impl Default for RowwiseAdagradConfig {
    /// `ε = 1e-8`, `s₀ = 0`.
    fn default() -> Self {
        Self {
            epsilon: 1e-8,
            initial_accumulator: 0.0,
        }
    }
}

impl RowwiseAdagradConfig {
    fn by_element(&self) -> AdagradConfig {
        AdagradConfig {
            epsilon: self.epsilon,
            initial_accumulator: self.initial_accumulator,
        }
    }
}

impl Rule for RowwiseAdagradConfig {
    fn name(&self) -> &str {
        "rowwise_adagrad"
    }

    fn buffers(&self) -> &[&str] {
        &["sum_of_squares"]
    }

    fn buffer_shape(&self, context: &Context, _buffer: &str, shape: &[i64]) -> Vec<i64> {
        match (context.table, shape) {
            (true, [rows, _]) => vec![*rows, 1],
            _ => shape.to_vec(),
        }
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let rule = self.by_element();
        if !context.table {
            return rule.direction(context, weight, gradient, buffers);
        }
        let [s] = buffers else {
            unreachable!("row-wise adagrad has one sum")
        };
        let mean = gradient.square().mean_dim(1i64, true, gradient.kind());
        let _ = s.g_add_(&mean);
        rule.scaled(gradient, s)
    }

    fn row_updates(&self, _context: &Context) -> RowUpdates {
        RowUpdates::Touched
    }

    fn squares_gradients(&self, _context: &Context) -> bool {
        true
    }

    fn validate(&self) -> Result<(), Error> {
        self.by_element().validate()
    }

    fn form(&self, context: &Context) -> Option<Form> {
        if context.table {
            None
        } else {
            self.by_element().form(context)
        }
    }
}
