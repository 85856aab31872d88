//! Hyperball: the norm is fixed from the start, and each step is a part of it.

use serde::{Deserialize, Serialize};

use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::constraint::interface::NormConstraint;
use crate::constraint::untouched::UntouchedRows;
use crate::parameters::scope::{Extent, Scope};
use crate::units::Granularity;

/// Hyperball optimization on any rule: AdamH, MuonH.
///
/// For a unit with weights `w`, gradient `g`, learning rate `η`, rule `U` with buffers `s`:
///
/// ```text
/// at the start     r = ‖w‖₂
/// every step       d = U(s, g)
///                  w′ = w − η r d / ‖d‖₂
///                  w ← r w′ / ‖w′‖₂
/// ```
///
/// So `η` is the length of a step in radii, about the angle that the weights turn by, and a trust
/// ratio changes nothing. Neither gradient nor direction is projected. A direction of 0 moves
/// nothing. Units that cannot be held are free, as under [`LawnConfig`](crate::LawnConfig).
///
/// *Source:* Wen et al. 2025, "Fantastic Pretraining Optimizers and Where to Find Them 2.1:
/// Hyperball Optimization"; arXiv 2606.16899; `AdamHConfig` of Levanter. As there, embeddings and
/// vectors are left to the rule ([`Scope::Matrices`]).
///
/// *Differs from* LAWN: no free phase, no projections, and the length of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HyperballConfig {
    /// Which parameters are constrained.
    pub scope: Scope,
    /// What one radius belongs to.
    pub granularity: Granularity,
    /// What becomes of rows of an embedding table without a gradient.
    #[serde(skip_serializing_if = "UntouchedRows::is_default")]
    pub untouched_rows: UntouchedRows,
}

impl Default for HyperballConfig {
    /// Every matrix, as a whole.
    fn default() -> Self {
        Self {
            scope: Scope::Matrices,
            granularity: Granularity::Layer,
            untouched_rows: UntouchedRows::default(),
        }
    }
}

impl NormConstraint for HyperballConfig {
    fn extent(&self) -> Extent<'_> {
        Extent {
            scope: &self.scope,
            granularity: self.granularity,
        }
    }

    fn free_steps(&self) -> u64 {
        0
    }

    fn form(&self) -> ConstraintForm {
        ConstraintForm {
            granularity: self.granularity,
            project_gradient: false,
            project_update: false,
            centred: false,
            length: StepLength::OfRadius,
            hold: Hold::Sphere,
            untouched_rows: self.untouched_rows,
        }
    }
}
