//! `lawn retry`: gives failed trials another chance.

use std::fs;

use lawn_analysis::records::Outcome;
use lawn_models::Stage;

use crate::plan::Plan;
use crate::run_dir::RunDir;
use crate::{Error, launchers};

/// Forgets the outcome of the trials that ended as one of `outcomes`, so that the next
/// `lawn sweep DIR` runs them again; returns how many.
///
/// Once the settings are frozen only confirmation trials are given another chance: a
/// setting that failed in tuning counted against its arm's budget when the choice was made.
///
/// # Errors
///
/// [`Error::NoRun`], [`Error::Busy`], [`Error::Io`], and as [`crate::files::read_json`].
pub fn retry(run: &RunDir, outcomes: &[Outcome]) -> Result<usize, Error> {
    let plan = Plan::read(run)?;
    if let Some(by) = launchers::present(run)?.into_iter().next() {
        let dir = run.root().into();
        return Err(Error::Busy { dir, by });
    }
    let frozen = run.frozen().exists();
    let mut forgotten = 0;
    for trial in plan
        .trials
        .iter()
        .filter(|trial| !frozen || trial.stage == Stage::Confirm)
    {
        let dir = run.trial(&trial.id);
        let Some(ending) = dir.read_outcome()? else {
            continue;
        };
        if outcomes.contains(&ending.outcome) {
            let path = dir.outcome();
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}
