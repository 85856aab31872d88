//! What has been decided, asked for a trial or a cell.

use std::collections::HashMap;

use lawn_models::Stage;

use crate::plan::trials::{Cell, Trial};

/// What has been decided in a run so far.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// By rung from the second on, the settings promoted to it, the best first.
    pub(super) promoted: Vec<HashMap<Cell, Vec<usize>>>,
    /// The settings frozen. A cell has none before the choice, and none where all of its settings
    /// failed.
    pub(super) frozen: HashMap<Cell, Option<usize>>,
}

impl Choices {
    /// The setting that was chosen for `trial`, if that has been decided and one was left.
    #[must_use]
    pub fn setting(&self, trial: &Trial) -> Option<usize> {
        match (trial.stage, trial.place) {
            (Stage::Confirm, _) => *self.frozen.get(&trial.cell)?,
            (Stage::Tune, Some(place)) => {
                let rung = self.promoted.get(trial.rung.checked_sub(1)?)?;
                rung.get(&trial.cell)?.get(place).copied()
            }
            (Stage::Tune, None) => None,
        }
    }

    /// Whether the setting of `trial`, of a rung, goes on to the next.
    pub(super) fn goes_on(&self, trial: &Trial) -> bool {
        let promoted = self
            .promoted
            .get(trial.rung)
            .and_then(|it| it.get(&trial.cell));
        let setting = trial.setting.or_else(|| self.setting(trial));
        promoted
            .zip(setting)
            .is_some_and(|(promoted, setting)| promoted.contains(&setting))
    }

    /// The setting frozen for `cell`.
    #[must_use]
    pub fn frozen(&self, cell: &Cell) -> Option<usize> {
        *self.frozen.get(cell)?
    }
}
