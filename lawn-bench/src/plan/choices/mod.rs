//! What is decided between rounds, from validation data alone: which settings are
//! promoted to the next rung, and which is frozen for confirmation.

mod border;
mod decided;
mod freeze;
mod halving;
mod reopen;
mod retired;
mod tried;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;

use lawn_models::Stage;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use decided::Choices;
pub use freeze::{Frozen, FrozenCell};
pub use halving::{Promoted, PromotedCell};
pub(crate) use reopen::reopen;
pub use tried::{TuningResult, score};

use crate::Error;
use crate::config::Sweep;
use crate::plan::Only;
use crate::plan::trials::{Cell, Plan, Round};
use crate::run::document;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use lawn_analysis::records::Outcome;

impl Choices {
    /// Reads what has been decided in a run of `sweep`.
    ///
    /// # Errors
    ///
    /// [`Error::RunDamaged`], and as [`document::read`].
    pub fn read(run: &RunDir, sweep: &Sweep) -> Result<Self, Error> {
        let mut choices = Self::default();
        for rung in 1..sweep.rungs.len() {
            match CellChoice::read(&run.promoted(rung), halving::KNOWN)? {
                Some(promoted) => choices.promoted.push(promoted),
                None => break,
            }
        }
        choices.frozen = CellChoice::read(&run.frozen(), freeze::KNOWN)?.unwrap_or_default();
        Ok(choices)
    }

    fn promote(&mut self, promoted: &Promoted) {
        let cells = promoted.cells.iter();
        let settings = cells.map(|one| (one.cell.clone(), one.settings.clone()));
        self.promoted.truncate(promoted.rung - 1);
        self.promoted.push(settings.collect());
    }

    fn freeze(&mut self, frozen: &Frozen) {
        let cells = frozen.cells.iter();
        self.frozen = cells.map(|one| (one.cell.clone(), one.setting)).collect();
    }
}

/// What was chosen for one cell. A trial's process reads only this, and not what was tried before
/// the choice.
#[derive(Deserialize)]
struct CellChoice<T> {
    task: String,
    arm: String,
    batch_size: u64,
    #[serde(rename = "setting", alias = "settings")]
    chosen: T,
}

impl<T: DeserializeOwned> CellChoice<T> {
    /// By cell, what the file `path` says was chosen; none where there is no file.
    fn read(path: &Path, known: RangeInclusive<u32>) -> Result<Option<HashMap<Cell, T>>, Error> {
        #[derive(Deserialize)]
        struct File<T> {
            cells: Vec<CellChoice<T>>,
        }
        let file = document::read_if_there::<File<T>>(path, known).map_err(Error::of_the_run)?;
        let Some(file) = file else {
            return Ok(None);
        };
        let cells = file.cells.into_iter().map(|one| {
            let cell = Cell {
                task: one.task,
                arm: one.arm,
                batch_size: one.batch_size,
            };
            (cell, one.chosen)
        });
        Ok(Some(cells.collect()))
    }
}

/// Decides what the round after `round` trains, in the cells of `only`, whose trials of `round`
/// must be over. A decision that was made is read, and another one is made and written.
///
/// A trial of the next round that no setting is left for gets its outcome now. Checkpoints that
/// no trial can go on from are removed.
///
/// # Errors
///
/// As [`crate::run::document::read`] and [`crate::run::document::write`].
pub fn decide(run: &RunDir, plan: &Plan, round: &Round, only: &Only) -> Result<(), Error> {
    if round.stage == Stage::Confirm {
        return Ok(());
    }
    let mut choices = Choices::read(run, &plan.sweep)?;
    let cells = plan.trials[round.trials.clone()].iter().map(|it| &it.cell);
    let mut cells = cells.filter(|cell| only.has(cell));
    if round.rung + 1 < plan.sweep.rungs.len() {
        let promoted = choices.promoted.get(round.rung);
        if !promoted.is_some_and(|known| cells.all(|cell| known.contains_key(cell))) {
            choices.promote(&Promoted::make(run, plan, round, &choices, only)?);
        }
    } else if !cells.all(|cell| choices.frozen.contains_key(cell)) {
        choices.freeze(&Frozen::make(run, plan, round, &choices, only)?);
    }
    let rounds = plan.rounds();
    let mut later = rounds.iter().skip_while(|other| *other != round).skip(1);
    if let Some(next) = later.next() {
        give_up_on_hopeless(run, plan, [round, next], &choices, only)?;
    }
    retired::remove_checkpoints(run, plan, round, &choices, only)
}

/// Gives each trial of `next` that no setting is left for its outcome, so that it is a row of the
/// records: the outcome that most trials of its cell failed with in the round before.
fn give_up_on_hopeless(
    run: &RunDir,
    plan: &Plan,
    [before, next]: [&Round; 2],
    choices: &Choices,
    only: &Only,
) -> Result<(), Error> {
    let mut failed: HashMap<&Cell, Vec<Outcome>> = HashMap::new();
    for trial in &plan.trials[before.trials.clone()] {
        if let Some(ending) = run.trial(&trial.id).read_outcome()? {
            failed.entry(&trial.cell).or_default().push(ending.outcome);
        }
    }
    for trial in &plan.trials[next.trials.clone()] {
        let is_open = trial.setting.is_none() && choices.setting(trial).is_none();
        if !is_open || !only.has(&trial.cell) {
            continue;
        }
        let dir = run.trial(&trial.id);
        if dir.final_outcome()?.is_some() {
            continue;
        }
        let outcomes = failed.get(&trial.cell).map_or(&[][..], Vec::as_slice);
        let detail = format!(
            "no setting was left for it: too few of the {} tuned before came to a finite score",
            outcomes.len()
        );
        let ending = Ending::failed(usual_failure(outcomes), detail);
        std::fs::create_dir_all(dir.root()).map_err(Error::io("create", dir.root()))?;
        dir.write_outcome(&ending)?;
    }
    Ok(())
}

/// The most frequent failure, the first of equals. A trial that ended without a finite score
/// counts as diverged.
fn usual_failure(outcomes: &[Outcome]) -> Outcome {
    let is_failure = |kind: &&Outcome| **kind != Outcome::Ok;
    let count = |kind: &Outcome| outcomes.iter().filter(|other| *other == kind).count();
    // The last of equals is what `max_by_key` gives.
    let kinds = outcomes.iter().filter(is_failure).rev();
    kinds
        .max_by_key(|kind| count(kind))
        .copied()
        .unwrap_or(Outcome::Diverged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_failure_is_the_most_frequent_one() {
        use Outcome::{Crashed, Diverged, Ok, Timeout};
        assert_eq!(usual_failure(&[Ok, Timeout, Crashed, Crashed, Ok]), Crashed);
        assert_eq!(usual_failure(&[Timeout, Crashed]), Timeout);
        assert_eq!(usual_failure(&[Ok, Ok]), Diverged);
        assert_eq!(usual_failure(&[]), Diverged);
    }
}
