//! What a trial trains, once its setting is known.

use lawn_models::{Stage, TrialConfig};

use super::defaults::{self, Kept};
use crate::Error;
use crate::config::Sweep;
use crate::plan::choices::Choices;
use crate::plan::trials::{Plan, Trial};

impl Plan {
    /// All that the trial at `index` trains, and the index of its setting.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrial`]; [`Error::NotFrozen`] for a trial whose setting has not been
    /// chosen, or of a cell that had none to choose.
    pub fn resolve(&self, index: usize, choices: &Choices) -> Result<(usize, TrialConfig), Error> {
        let defaults = Kept {
            rules: &self.defaults,
            constraints: &self.constraint_defaults,
        };
        resolve(&self.sweep, defaults, self.trial(index)?, choices)
            .ok_or(Error::NotFrozen { index })
    }
}

/// All that `trial` trains, and the index of its setting. There is none before the setting is
/// chosen.
pub(super) fn resolve(
    sweep: &Sweep,
    defaults: Kept<'_>,
    trial: &Trial,
    choices: &Choices,
) -> Option<(usize, TrialConfig)> {
    let cell = &trial.cell;
    let setting = trial.setting.or_else(|| choices.setting(trial))?;
    let arm = sweep.arms.iter().find(|arm| arm.name == cell.arm)?;
    let task = sweep.tasks.iter().find(|task| task.name == cell.task)?;
    let part = match trial.stage {
        Stage::Tune => sweep.rungs[trial.rung].part,
        Stage::Confirm => 1.0,
    };
    let config = TrialConfig {
        task: task.config.clone(),
        optimizer: defaults::fill(
            &arm.settings.get(setting)?.at(cell.batch_size, arm, sweep),
            defaults,
        ),
        batch_size: cell.batch_size,
        precision: sweep.precision,
        budget: sweep.budget,
        evaluation: sweep.evaluation,
        diagnostics: sweep.diagnostics,
        seed: trial.seed,
        stage: trial.stage,
        stop_after: (part < 1.0).then_some(part),
        micro_batch_size: sweep.resources.micro_batch_size,
    };
    Some((setting, config))
}
