//! CowClip: the gradient of a row is clipped by the length of the row.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::gradient::Gradient;
use crate::backend::slot::Slot;
use crate::error::{Error, require};

/// Adaptive column-wise clipping of embedding gradients, before any rule.
///
/// For row `i` of a table, with weights `wᵢ`, gradient `gᵢ` of the batch, and `cntᵢ`, how often its
/// id comes in the batch:
///
/// ```text
/// cᵢ = r · max(‖wᵢ‖₂, ζ) · cntᵢ
/// gᵢ ← gᵢ · cᵢ / max(‖gᵢ‖₂, cᵢ)
/// ```
///
/// It acts on tables ([`Context::table`](crate::Context::table)) of more than one column: those of
/// one are the linear terms of wide-and-deep and factorization machines, which the authors leave
/// out. The counts come from [`Optimizer::count_rows`](crate::Optimizer::count_rows); a row with a
/// gradient whose id was not told counts as 1, as with the authors.
///
/// Gradients are unscaled by it as the [scale](crate::StepOptions::gradient_scale) of the step
/// says. It comes before weight decay, the global
/// [`clip_norm`](crate::OptimizerConfig::clip_norm) and any projection; the gradient norm that a
/// step reports is of what it has left.
///
/// *Source:* Zheng et al. 2022, "CowClip", arXiv 2204.06240, and `clip.py` of
/// bytedance/LargeBatchCTR, whose equation this is: there `r` multiplies the lower bound `ζ` too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CowClipConfig {
    /// `r` above 0.
    pub ratio: f64,
    /// `ζ` above 0, so that a row of zeros can move.
    pub zeta: f64,
}

impl Default for CowClipConfig {
    /// `r = 1`, `ζ = 1e-5`, the authors' on Criteo; on Avazu they took `ζ = 1e-4`.
    fn default() -> Self {
        Self {
            ratio: 1.0,
            zeta: 1e-5,
        }
    }
}

impl CowClipConfig {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let expected = "a finite number above 0";
        for (setting, found) in [("cow_clip.ratio", self.ratio), ("cow_clip.zeta", self.zeta)] {
            require(found.is_finite() && found > 0.0, setting, expected, found)?;
        }
        Ok(())
    }

    /// The gradient that it makes of one. What it is not for it hands back.
    ///
    /// # Errors
    ///
    /// [`Error::NoRowCounts`] for a table whose ids were not told.
    pub(crate) fn clip(
        &self,
        slot: &Slot,
        gradient: Gradient,
        scale: f64,
    ) -> Result<Gradient, Error> {
        let columns = slot.weight.size().get(1).copied();
        if !slot.is_table() || columns == Some(1) || gradient.values.numel() == 0 {
            return Ok(gradient);
        }
        let Some(counts) = &slot.row_counts else {
            return Err(Error::NoRowCounts {
                name: slot.name.clone(),
            });
        };
        let Gradient { values, rows } = gradient;
        let (w, counts) = match &rows {
            Some(rows) => (
                slot.working().index_select(0, rows),
                counts.index_select(0, rows),
            ),
            None => (slot.working().shallow_clone(), counts.shallow_clone()),
        };
        let norm = |x: &Tensor| x.norm_scalaropt_dim_dtype(2, 1i64, true, Kind::Double);
        let counts = counts.clamp_min(1).unsqueeze(1);
        let largest = norm(&w).clamp_min(self.zeta) * counts * (self.ratio * scale);
        let factor = &largest / norm(&values).maximum(&largest);
        Ok(Gradient {
            values: &values * factor.to_kind(values.kind()),
            rows,
        })
    }
}
