//! What AdamP and SGDP do to a direction: they take its radial part out where the gradient has
//! none.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, require};
use crate::rule::form::Radial;
use crate::units::{Granularity, scale};

/// When [`AdamPConfig`](crate::AdamPConfig) and [`SgdPConfig`](crate::SgdPConfig) project, and what
/// becomes of weight decay then.
///
/// For a parameter of at least two dimensions with `n` elements, whose `c` rows are indices of the
/// first dimension:
///
/// ```text
/// cos(g, w) = |⟨g,w⟩| / (max(‖g‖, ε) max(‖w‖, ε))
/// every row has cos < δ / √(n/c)         d ← d − ŵ ⟨ŵ,d⟩  of each row
/// else the whole has cos < δ / √n        d ← d − ŵ ⟨ŵ,d⟩  of the whole
/// else                                   d as it is
/// ŵ = w / (‖w‖ + ε)
/// ```
///
/// A weight that a normalization follows has a gradient across it, so it is told by that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadialTest {
    /// `δ` of at least 0; 0 never projects.
    pub delta: f64,
    /// What weight decay is multiplied by where the direction is projected, in `[0, 1]`.
    pub decay_ratio: f64,
}

impl Default for RadialTest {
    /// `δ = 0.1`, and a tenth of the decay.
    fn default() -> Self {
        Self {
            delta: 0.1,
            decay_ratio: 0.1,
        }
    }
}

impl RadialTest {
    /// The direction after the test, and the factor of weight decay, which broadcasts over it.
    pub(super) fn apply(
        self,
        weight: &Tensor,
        gradient: &Tensor,
        direction: Tensor,
        epsilon: f64,
    ) -> (Tensor, Tensor) {
        let mut ratio = Tensor::ones([], (direction.kind(), direction.device()));
        if weight.dim() < 2 || weight.numel() == 0 {
            return (direction, ratio);
        }
        let mut projected = direction;
        // The rows come last, so that they have the last word.
        let unprojected = projected.shallow_clone();
        for granularity in [Granularity::Layer, Granularity::Row] {
            let norm = |x: &Tensor| granularity.norm(x);
            let (w_norm, g_norm) = (norm(weight), norm(gradient));
            let below = w_norm.clamp_min(epsilon) * g_norm.clamp_min(epsilon);
            let cosine = (granularity.dot(gradient, weight) / below).abs();
            let elements = weight.numel() as i64 / granularity.units(&weight.size());
            let holds = cosine.max().lt(self.delta / (elements as f64).sqrt());
            let unit = scale(weight, &(w_norm + epsilon).reciprocal());
            let share = granularity.dot(&unit, &unprojected);
            let left = &unprojected - scale(&unit, &share);
            projected = left.where_self(&holds, &projected);
            ratio = ratio.masked_fill(&holds, self.decay_ratio);
        }
        (projected, ratio)
    }

    /// What the kernels need to know of it.
    pub(super) fn form(self, epsilon: f64) -> Radial {
        Radial {
            delta: self.delta,
            decay_ratio: self.decay_ratio,
            epsilon,
        }
    }

    pub(super) fn validate(self) -> Result<(), Error> {
        let Self { delta, decay_ratio } = self;
        let expected = "a finite number of at least 0";
        require(delta.is_finite() && delta >= 0.0, "delta", expected, delta)?;
        let valid = (0.0..=1.0).contains(&decay_ratio);
        require(valid, "decay_ratio", "a number in [0, 1]", decay_ratio)
    }
}

/// `d + λ ρ w`: decoupled decay of a rate, inside of the direction.
pub(super) fn decayed(direction: Tensor, weight: &Tensor, rate: f64, ratio: &Tensor) -> Tensor {
    if rate == 0.0 {
        return direction;
    }
    direction + weight * (ratio * rate)
}
