//! CPR: the norm has an upper bound, which a multiplier holds it to.

use serde::{Deserialize, Serialize};

use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::constraint::interface::NormConstraint;
use crate::constraint::untouched::UntouchedRows;
use crate::error::{Error, require};
use crate::parameters::scope::{Extent, Scope};
use crate::units::Granularity;

/// Constrained parameter regularization on any rule: AdamCPR.
///
/// For a unit of `n` weights `w`, whose squared norm shall stay below `κ`, with a multiplier `λ`
/// that starts at 0:
///
/// ```text
/// w ← w − η d                          the step of the rule
/// λ ← max(0, λ + μ (‖w‖₂² − κ) / n)
/// w ← (1 − 2 λ) w                      or (1 − 2 η λ) w
/// ```
///
/// `κ` is the square of the radius that a state has. `λ` is f64 and saved with it, as `multiplier`.
///
/// *Source:* Franke et al. 2024, arXiv 2311.09058; `AdamCPR` of the package `pytorch-cpr` with
/// `reg_function="l2"`. As there, embeddings and vectors are free ([`Scope::Matrices`]).
///
/// *Differs from* LAWN: an upper bound where LAWN has an equality, and no projections. *Differs
/// from* the source: its default bound, that of the inflection point, is not here, and the units
/// may be rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CprConfig {
    /// Where the bound is from.
    pub bound: CprBound,
    /// `μ` of at least 0.
    #[serde(default = "one")]
    pub rate: f64,
    /// Whether the learning rate multiplies what the multiplier takes away.
    #[serde(default)]
    pub by_learning_rate: bool,
    /// Which parameters are constrained.
    #[serde(default = "matrices")]
    pub scope: Scope,
    /// What one bound belongs to.
    #[serde(default)]
    pub granularity: Granularity,
    /// What becomes of rows of an embedding table without a gradient.
    #[serde(default, skip_serializing_if = "UntouchedRows::is_default")]
    pub untouched_rows: UntouchedRows,
}

/// Where the bound `κ` of [`CprConfig`] is from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CprBound {
    /// `κ = ‖w‖₂²` after so many steps, which are free.
    WarmStart(u64),
    /// `κ` is so many times `‖w‖₂²` at the start.
    Dependent(f64),
    /// `κ` is this number for every unit.
    Uniform(f64),
}

fn one() -> f64 {
    1.0
}

fn matrices() -> Scope {
    Scope::Matrices
}

impl CprConfig {
    /// A bound, `μ = 1`, over every matrix as a whole.
    #[must_use]
    pub fn new(bound: CprBound) -> Self {
        Self {
            bound,
            rate: one(),
            by_learning_rate: false,
            scope: matrices(),
            granularity: Granularity::Layer,
            untouched_rows: UntouchedRows::default(),
        }
    }
}

impl NormConstraint for CprConfig {
    fn extent(&self) -> Extent<'_> {
        Extent {
            scope: &self.scope,
            granularity: self.granularity,
        }
    }

    fn free_steps(&self) -> u64 {
        match self.bound {
            CprBound::WarmStart(steps) => steps,
            CprBound::Dependent(_) | CprBound::Uniform(_) => 0,
        }
    }

    fn radius(&self, norm: f64) -> f64 {
        match self.bound {
            CprBound::WarmStart(_) => norm,
            CprBound::Dependent(times) => times.sqrt() * norm,
            CprBound::Uniform(square) => square.sqrt(),
        }
    }

    fn form(&self) -> ConstraintForm {
        ConstraintForm {
            granularity: self.granularity,
            project_gradient: false,
            project_update: false,
            centred: false,
            length: StepLength::Own,
            hold: Hold::Ball {
                rate: self.rate,
                by_learning_rate: self.by_learning_rate,
            },
            untouched_rows: self.untouched_rows,
        }
    }

    fn validate(&self) -> Result<(), Error> {
        let rate = self.rate;
        let valid = rate.is_finite() && rate >= 0.0;
        require(valid, "cpr.rate", "a finite number of at least 0", rate)?;
        let (setting, bound) = match self.bound {
            CprBound::WarmStart(_) => return Ok(()),
            CprBound::Dependent(times) => ("cpr.bound.dependent", times),
            CprBound::Uniform(square) => ("cpr.bound.uniform", square),
        };
        let valid = bound.is_finite() && bound > 0.0;
        require(valid, setting, "a finite number above 0", bound)
    }
}
