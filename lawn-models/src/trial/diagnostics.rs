use serde::{Deserialize, Serialize};

use super::amount::{Amount, Length};
use super::error::{SettingsError, require};

/// What a trial measures at each evaluation beyond its metrics.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Diagnostics {
    /// Whether to tell of each parameter what the step before the evaluation did
    /// to its units: gradient norm, rotation, trust ratio and the like.
    pub units: bool,
    /// The step that distances are measured from. Left out: the freeze, in a trial
    /// with LAWN; nothing, in one without.
    pub distance_from: Option<FreePhase>,
}

/// The part of a budget before the norms are fixed.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum FreePhase {
    /// So many epochs, fractions allowed.
    Epochs(f64),
    /// This part of all steps.
    Fraction(f64),
    /// So many steps.
    Steps(u64),
}

impl FreePhase {
    /// Checks that the phase fits a budget and leaves something of it; `setting` is
    /// what it is called.
    ///
    /// # Errors
    /// [`SettingsError`] for epochs or steps beside a budget in another unit, where a
    /// fraction says the same at every batch size, and for a phase that takes the
    /// whole budget.
    pub fn validate(self, setting: &str, budget: Amount) -> Result<(), SettingsError> {
        match (self, budget) {
            (Self::Fraction(fraction), _) => require(
                (0.0..1.0).contains(&fraction),
                setting,
                fraction,
                "a fraction of all steps, at least 0 and below 1",
            ),
            (Self::Epochs(epochs), Amount::Epochs(most)) => require(
                epochs >= 0.0 && epochs < most as f64,
                setting,
                epochs,
                &format!("at least 0 and below the budget of {budget}"),
            ),
            (Self::Steps(steps), Amount::Steps(most)) => require(
                steps < most,
                setting,
                steps,
                &format!("at least 0 and below the budget of {budget}"),
            ),
            (Self::Epochs(_) | Self::Steps(_), _) => {
                let unit = match self {
                    Self::Steps(_) => "steps",
                    _ => "epochs",
                };
                Err(SettingsError::NotApplicable {
                    setting: setting.to_owned(),
                    context: format!("a budget of {budget}"),
                    allowed: format!(
                        "give a fraction of it (such as free_fraction), or a budget in {unit}"
                    ),
                })
            }
        }
    }

    /// The steps of the phase, rounded such that one step of the budget at least
    /// comes after it.
    #[must_use]
    pub fn steps(self, length: Length) -> u64 {
        let steps = match self {
            Self::Epochs(epochs) => epochs * length.steps_per_epoch as f64,
            Self::Fraction(fraction) => fraction * length.steps as f64,
            Self::Steps(steps) => return steps.min(length.steps - 1),
        };
        (steps.round() as u64).min(length.steps - 1)
    }

    /// The setting of an optimizer that this is.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Epochs(_) => "free_epochs",
            Self::Fraction(_) => "free_fraction",
            Self::Steps(_) => "free_steps",
        }
    }
}
