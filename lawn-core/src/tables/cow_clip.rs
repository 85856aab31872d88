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
/// out. The counts come from [`Optimizer::count_rows`](crate::Optimizer::count_rows). A row with a
/// gradient whose id was not told has the count 1, as with the authors.
///
/// `g` is the gradient without its [scale](crate::StepOptions::gradient_scale). This clipping
/// comes before weight decay, the global [`clip_norm`](crate::OptimizerConfig::clip_norm) and any
/// projection. The gradient norm that a step reports is of what it has left.
///
/// *Source:* Zheng et al. 2022, "CowClip", arXiv 2204.06240, and `clip_id_norm` in `clip.py` of
/// bytedance/LargeBatchCTR, whose equation this is: `r` multiplies the lower bound `ζ` there too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CowClipConfig {
    /// `r` above 0.
    pub ratio: f64,
    /// `ζ` above 0, so that a row of zeros can move.
    pub zeta: f64,
}

impl Default for CowClipConfig {
    /// `r = 1`, `ζ = 1e-5`. The authors' code multiplies its `--bound` by `r √D` for rows of `D`
    /// columns: with `D = 10` on Criteo, a bound of 1e-5 is `ζ = 3.16e-5`.
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

    /// The gradient that it makes of one. It hands back what it is not for.
    ///
    /// # Errors
    ///
    /// [`Error::NoRowCounts`] for a table whose ids were not told.
    pub(crate) fn clip(
        &self,
        slot: &Slot,
        gradient: Gradient,
        scale: f64,
        all_counted: bool,
    ) -> Result<Gradient, Error> {
        if !slot.has_clipped_rows() || gradient.values.numel() == 0 {
            return Ok(gradient);
        }
        let Some(counts) = slot.row_counts.told() else {
            return Err(Error::NoRowCounts {
                name: slot.name.clone(),
            });
        };
        let clipped = |values: &Tensor, rows: Option<&Tensor>| {
            let w = match rows {
                Some(rows) => slot.working().index_select(0, rows),
                None => slot.working().shallow_clone(),
            };
            let norm = |x: &Tensor| x.norm_scalaropt_dim_dtype(2, 1i64, true, Kind::Double);
            let counts = counts.of(rows).clamp_min(1).unsqueeze(1);
            let largest = norm(&w).clamp_min(self.zeta) * counts * (self.ratio * scale);
            let factor = &largest / norm(values).maximum(&largest);
            values * factor.to_kind(values.kind())
        };
        let Gradient { values, rows } = gradient;
        let values = match &rows {
            // A gradient of zeros is not clipped.
            None if all_counted && counts.are_few() => {
                let rows = counts.rows();
                let few = clipped(&values.index_select(0, &rows), Some(&rows));
                values.index_copy(0, &rows, &few)
            }
            rows => clipped(&values, rows.as_ref()),
        };
        Ok(Gradient { values, rows })
    }
}
