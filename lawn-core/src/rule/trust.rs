//! Trust ratios: the length of a step in proportion to the length of the weights.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::rule::context::Context;

/// Which parameters of [`LambConfig`](crate::LambConfig) and [`LarsConfig`](crate::LarsConfig) have
/// a trust ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adaptation {
    /// All.
    #[default]
    Always,
    /// Those with weight decay, and those under a norm constraint, which can have none.
    WhenDecayed,
}

impl Adaptation {
    pub(crate) fn applies(self, context: &Context) -> bool {
        self == Adaptation::Always || context.constrained || !context.decay.is_none()
    }
}

/// A trust ratio of a unit.
///
/// ```text
/// ρ = min(κ ‖w‖ / below, ρ_max)      1 where ‖w‖ or ‖x‖ is 0
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trust {
    /// κ.
    pub(crate) coefficient: f64,
    /// ρ_max.
    pub(crate) max: Option<f64>,
    pub(crate) base: TrustBase,
}

/// What `x` is, and what ρ divides by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TrustBase {
    /// The direction, which ρ multiplies: `below = ‖d‖`.
    Direction,
    /// The gradient, which ρ multiplies: `below = ‖g‖ + λ ‖w‖ + ε`.
    Gradient { epsilon: f64 },
}

impl Trust {
    /// ρ of one unit, from `‖w‖`, `‖x‖` and what it divides by.
    pub(crate) fn ratio(&self, w_norm: f64, x_norm: f64, below: f64) -> f64 {
        let ratio = if w_norm > 0.0 && x_norm > 0.0 {
            self.coefficient * w_norm / below
        } else {
            1.0
        };
        self.max.map_or(ratio, |max| ratio.min(max))
    }

    /// ρ of many units, from tensors of f64.
    pub(crate) fn ratios(&self, w_norm: &Tensor, x_norm: &Tensor, below: &Tensor) -> Tensor {
        let defined = w_norm.gt(0.0).logical_and(&x_norm.gt(0.0));
        let ratio = match self.coefficient {
            1.0 => w_norm / below,
            coefficient => w_norm * coefficient / below,
        };
        let ratio = ratio.where_scalarother(&defined, 1.0);
        match self.max {
            Some(max) => ratio.clamp_max(max),
            None => ratio,
        }
    }

    /// Whether ρ is taken of the direction, once that is known.
    pub(crate) fn is_of_direction(&self) -> bool {
        matches!(self.base, TrustBase::Direction)
    }
}
