//! Adafactor: Adam's second moment of a matrix in two vectors, and steps in parts of the weights.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::interface::Rule;
use crate::rule::moments::quotient;

/// Adafactor: a second moment of rows and one of columns in the place of one of elements, and steps
/// that are a part of the weights.
///
/// ```text
/// τ = t⁻ᶜ                                1 − β₂ of this update
/// R ← R + τ (mean of g² over columns − R)
/// C ← C + τ (mean of g² over rows − C)
/// V = R C / max(mean of R, ε₁)           at least two dimensions: of the last two
/// V ← V + τ (g² − V)                     else
/// u = g / max(√V, ε₁)                    0 where that divides by 0
/// d = max(ε₂, RMS(w)) min(1, 1 / (η √t)) u / max(1, RMS(u) / D)
/// ```
///
/// `RMS(x) = ‖x‖ / √n`, of the whole parameter. `R` has the parameter's shape but for a last dimension
/// of 1, `C` but for a last but one of 1. An embedding table ([`Context::table`]) has `V` of its
/// elements, since its buffers have a row for each of its rows. The learning rate is relative: 1e-2
/// moves weights by about a hundredth of what they are, and less from `t = 1/η²` on.
///
/// *Source:* Shazeer and Stern 2018, arXiv 1804.04235; `torch.optim.Adafactor`, which has the same
/// defaults and goes by these equations rather than by the paper's: no momentum, and `ε₁` is a floor.
///
/// *Differs from* PyTorch, whose `ε₁` is by default the spacing of the weight's own numbers at 1, in
/// bf16 and in f64 another than here; in embedding tables, as said. With ε₁ = 0, 0/0 is 0 and not NaN. It
/// has no kernels: `reference` computes it on every device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdafactorConfig {
    /// `c` of at least 0: how fast the second moment forgets less; `−beta2_decay` in PyTorch.
    pub beta2_power: f64,
    /// `ε₁` of at least 0: least root of a second moment.
    pub epsilon: f64,
    /// `ε₂` of at least 0: least size of weights that a step is a part of.
    pub least_scale: f64,
    /// `D` of at least 1: size of an update from which on it is shortened.
    pub update_threshold: f64,
}

impl Default for AdafactorConfig {
    /// `c = 0.8`, `ε₁ = 2⁻²³`, `ε₂ = 1e-3`, `D = 1`.
    fn default() -> Self {
        Self {
            beta2_power: 0.8,
            epsilon: f64::from(f32::EPSILON),
            least_scale: 1e-3,
            update_threshold: 1.0,
        }
    }
}

/// Whether the second moment is that of rows and columns.
fn is_factored(context: &Context, dimensions: usize) -> bool {
    dimensions >= 2 && !context.table
}

/// `m ← m + τ (x − m)`.
fn follow(m: &mut Tensor, x: &Tensor, part: f64) {
    let _ = m.g_mul_scalar_(1.0 - part);
    let _ = m.g_add_(&(x * part));
}

/// The root of the mean square, of no dimension.
fn size(x: &Tensor) -> Tensor {
    x.square().mean(x.kind()).sqrt()
}

impl AdafactorConfig {
    /// `V`, of buffers that are updated.
    fn second_moment(&self, context: &Context, g: &Tensor, buffers: &mut [Tensor]) -> Tensor {
        let [rows, columns, v] = buffers else {
            unreachable!("adafactor has three moments")
        };
        let part = (context.updates as f64).powf(-self.beta2_power);
        let square = g.square();
        if !is_factored(context, g.dim()) {
            follow(v, &square, part);
            return v.shallow_clone();
        }
        let mean = |x: &Tensor, dimension: i64| x.mean_dim(dimension, true, x.kind());
        follow(rows, &mean(&square, -1), part);
        follow(columns, &mean(&square, -2), part);
        let whole = mean(rows, -2).clamp_min(self.epsilon);
        quotient(&(&*rows * &*columns), &whole)
    }
}

impl Rule for AdafactorConfig {
    fn name(&self) -> &str {
        "adafactor"
    }

    fn buffers(&self) -> &[&str] {
        &["row_moment", "column_moment", "second_moment"]
    }

    fn buffer_shape(&self, context: &Context, buffer: &str, shape: &[i64]) -> Vec<i64> {
        let last = shape.len();
        let one_at = |dimension: usize| {
            let mut shape = shape.to_vec();
            shape[dimension] = 1;
            shape
        };
        match (buffer, is_factored(context, last)) {
            ("row_moment", true) => one_at(last - 1),
            ("column_moment", true) => one_at(last - 2),
            ("second_moment", false) => shape.to_vec(),
            // Nothing in each row.
            _ if context.table => vec![shape[0], 0],
            _ => vec![0],
        }
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let v = self.second_moment(context, gradient, buffers);
        let u = quotient(gradient, &v.sqrt().clamp_min(self.epsilon));
        let longest = 1.0 / (context.learning_rate * (context.updates as f64).sqrt());
        let shortened = (size(&u) / self.update_threshold).clamp_min(1.0);
        let scale = size(weight).clamp_min(self.least_scale) / shortened;
        u * (scale * longest.min(1.0))
    }

    fn squares_gradients(&self, _context: &Context) -> bool {
        true
    }

    fn treats(&self, context: &Context) -> &'static str {
        match context.table {
            true => "a second moment of elements",
            false => "",
        }
    }

    fn validate(&self) -> Result<(), Error> {
        let expected = "a finite number of at least 0";
        for (setting, found) in [
            ("beta2_power", self.beta2_power),
            ("epsilon", self.epsilon),
            ("least_scale", self.least_scale),
        ] {
            require(found.is_finite() && found >= 0.0, setting, expected, found)?;
        }
        let threshold = self.update_threshold;
        let valid = threshold.is_finite() && threshold >= 1.0;
        let expected = "a finite number of at least 1";
        require(valid, "update_threshold", expected, threshold)
    }
}
