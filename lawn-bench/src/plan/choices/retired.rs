//! Removes checkpoints of tuning trials that nothing needs any more.
//!
//! The trial of the next rung with the same setting copies a checkpoint before it trains.
//! Checkpoints of settings that are not promoted go when the promotion is written, and the others
//! when the next rung is over. A launcher may be killed in between: the next one decides all
//! rounds again, and removes what is left.

use crate::Error;
use crate::plan::Only;
use crate::plan::choices::decided::Choices;
use crate::plan::trials::{Plan, Round, Trial};
use crate::run::run_dir::RunDir;

/// Removes the checkpoints in the cells of `only` that no trial can go on from now that `choices`
/// hold the decision after `round`, whose trials there are all over.
pub(super) fn remove_checkpoints(
    run: &RunDir,
    plan: &Plan,
    round: &Round,
    choices: &Choices,
    only: &Only,
) -> Result<(), Error> {
    if plan.sweep.resources.keep_checkpoints {
        return Ok(());
    }
    let before = round.rung.checked_sub(1);
    let is_needed = |trial: &Trial| match trial.rung {
        rung if rung == round.rung => choices.goes_on(trial),
        rung => Some(rung) != before,
    };
    for trial in &plan.trials[..round.trials.end] {
        if only.has(&trial.cell) && !is_needed(trial) {
            let checkpoint = run.trial(&trial.id).checkpoint();
            lawn_models::remove_checkpoints(&checkpoint)
                .map_err(Error::io("remove", &checkpoint))?;
        }
    }
    Ok(())
}
