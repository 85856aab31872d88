//! Rotational variants: the norm is fixed from the start, and each step turns by the same angle.

use serde::{Deserialize, Serialize};

use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::constraint::interface::NormConstraint;
use crate::constraint::untouched::UntouchedRows;
use crate::error::{Error, require};
use crate::parameters::scope::{Extent, Scope};
use crate::units::Granularity;

/// Rotational variant of any rule: each neuron turns by the angle that it would turn by in the
/// balance of the rule with weight decay.
///
/// For a unit with weights `w`, gradient `g`, rule `U` with buffers `s`:
///
/// ```text
/// at the start     r = ‖w‖₂,  q = 0
/// every step       d = U(s, g),  without its mean and its radial part
///                  q ← φ q + (1 − φ) ‖d‖₂²       q̂ = q / (1 − φᵗ)
///                  w′ = w − η_r r d / (√q̂ + ε)
///                  w ← r w′ / ‖w′‖₂
/// η_r = √(2 η λ) f        f = √((1 − β₁)/(1 + β₁))  Adam, NAdamW, LAMB
///                         f = 1 / √(1 + μ)          momentum
///                         f = √(π/2) √((1 − β₁)² + β₁² (1 − β₂)/(1 + β₂))  Lion
///                         f = 1                     any other
/// ```
///
/// `λ` is `decay`, which only decides on the angle; `t` counts the updates of the parameter. With
/// `centred` the weights have a mean of 0 in each unit from the first step on. `q` is f64 and saved
/// with the state, as `update_square`.
///
/// *Source:* Kosson et al. 2024, arXiv 2305.17212, algorithm 1; `RotationalWrapper` of
/// `epfml/REQ`, which has the same defaults, and from which `f` is.
///
/// *Differs from* the source: the weights are centred by the first step and not before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationalConfig {
    /// `λ` above 0: the decoupled weight decay whose balance is kept.
    pub decay: f64,
    /// `φ` in `[0, 1)`.
    #[serde(default = "memory")]
    pub memory: f64,
    /// `ε` of at least 0.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether weights and directions have a mean of 0 in each unit.
    #[serde(default = "crate::defaults::yes")]
    pub centred: bool,
    /// Which parameters are constrained.
    #[serde(default = "matrices")]
    pub scope: Scope,
    /// What one radius belongs to.
    #[serde(default = "row")]
    pub granularity: Granularity,
    /// What becomes of rows of an embedding table without a gradient.
    #[serde(default, skip_serializing_if = "UntouchedRows::is_default")]
    pub untouched_rows: UntouchedRows,
}

fn memory() -> f64 {
    0.9
}

fn epsilon() -> f64 {
    1e-8
}

fn matrices() -> Scope {
    Scope::Matrices
}

fn row() -> Granularity {
    Granularity::Row
}

impl RotationalConfig {
    /// `φ = 0.9`, `ε = 1e-8`, over the rows of every matrix, centred.
    #[must_use]
    pub fn new(decay: f64) -> Self {
        Self {
            decay,
            memory: memory(),
            epsilon: epsilon(),
            centred: true,
            scope: matrices(),
            granularity: row(),
            untouched_rows: UntouchedRows::default(),
        }
    }
}

impl NormConstraint for RotationalConfig {
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
            project_update: true,
            centred: self.centred,
            length: StepLength::OfRotation {
                decay: self.decay,
                memory: self.memory,
                epsilon: self.epsilon,
            },
            hold: Hold::Sphere,
            untouched_rows: self.untouched_rows,
        }
    }

    fn validate(&self) -> Result<(), Error> {
        let Self {
            decay,
            memory,
            epsilon,
            ..
        } = *self;
        let valid = decay.is_finite() && decay > 0.0;
        require(valid, "rotational.decay", "a finite number above 0", decay)?;
        let valid = (0.0..1.0).contains(&memory);
        require(valid, "rotational.memory", "a number in [0, 1)", memory)?;
        let valid = epsilon.is_finite() && epsilon >= 0.0;
        let expected = "a finite number of at least 0";
        require(valid, "rotational.epsilon", expected, epsilon)
    }
}
