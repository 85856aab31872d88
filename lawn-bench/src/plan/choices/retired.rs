//! Checkpoints of tuning trials, and when nothing needs them any more.
//!
//! A trial of a rung leaves its checkpoint to the trial of the next rung with its setting,
//! which copies it before it trains. So those of settings that are not promoted go when the
//! promotion is written, and the others when the next rung is over. Removing what is gone
//! already is nothing, so that a launcher that was killed in between is made up for by the
//! next: each decides all rounds again.

use crate::Error;
use crate::plan::choices::decided::Choices;
use crate::plan::trials::{Plan, Round, Trial};
use crate::run::run_dir::RunDir;

/// Removes the checkpoints that no trial can go on from now that `choices` hold the decision
/// after `round`, whose trials are all over.
pub(super) fn remove_checkpoints(
    run: &RunDir,
    plan: &Plan,
    round: &Round,
    choices: &Choices,
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
        if !is_needed(trial) {
            let checkpoint = run.trial(&trial.id).checkpoint();
            lawn_models::remove_checkpoints(&checkpoint)
                .map_err(Error::io("remove", &checkpoint))?;
        }
    }
    Ok(())
}
