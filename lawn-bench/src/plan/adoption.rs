//! Trials of an extended plan that an earlier plan trained under another id.
//!
//! The id of a trial whose setting is chosen is a hash of all candidates, since all of them decide
//! what it trains. With more candidates the ids are others. Where the choice is the same setting
//! again, what is trained is the same, step by step: the files are taken over, and `trial.json`
//! says from which trial.

use std::path::Path;

use super::choices::Choices;
use super::trials::{Plan, Round, Trial};
use crate::Error;
use crate::run::files;
use crate::run::lease::{self, Claim, Terms};
use crate::run::run_dir::RunDir;
use crate::run::trial_dir::TrialDir;
use crate::run::trial_file::TrialFile;

/// Takes over what trials of earlier plans left that trained what a trial of `round` is to train;
/// says how many were. The settings of the round are chosen.
///
/// # Errors
///
/// As [`Plan::read`], [`Choices::read`] and [`crate::run::document::read`].
pub(crate) fn adopt(run: &RunDir, plan: &Plan, round: &Round) -> Result<usize, Error> {
    if plan.history.is_empty() {
        return Ok(0);
    }
    let choices = Choices::read(run, &plan.sweep)?;
    let mut earlier: Option<Vec<Trial>> = None;
    let mut adopted = 0;
    for index in round.trials.clone() {
        let trial = &plan.trials[index];
        let dir = run.trial(&trial.id);
        if dir.outcome().exists() || dir.checkpoint().exists() {
            continue;
        }
        let Ok((setting, config)) = plan.resolve(index, &choices) else {
            continue;
        };
        if earlier.is_none() {
            let retired = plan.retired(run)?.into_iter();
            earlier = Some(retired.map(|retired| retired.trial).collect());
        }
        let wanted = TrialFile {
            id: trial.id.clone(),
            setting,
            rule: Some(config.optimizer.rule_config()),
            config,
            adopted_from: None,
        };
        let same = earlier.iter().flatten().filter(|other| {
            (&other.cell, other.stage, other.seed) == (&trial.cell, trial.stage, trial.seed)
        });
        for other in same {
            let from = run.trial(&other.id);
            if is_same(&wanted, &from) && take_over(plan, &from, &dir, &wanted, &other.id)? {
                adopted += 1;
                break;
            }
        }
    }
    Ok(adopted)
}

/// Whether the trial in `from` came to its end and trained what `wanted` says. One whose files are
/// damaged is not taken over.
fn is_same(wanted: &TrialFile, from: &TrialDir) -> bool {
    let there = TrialFile::read(from).ok().flatten();
    let is_over = || from.final_outcome().is_ok_and(|ending| ending.is_some());
    there.is_some_and(|there| there.trains_as(wanted)) && is_over()
}

/// Copies what the trial in `from` left to `to`, its outcome last: without it the trial is one to
/// be trained. Says whether it did: another process may have the trial.
fn take_over(
    plan: &Plan,
    from: &TrialDir,
    to: &TrialDir,
    wanted: &TrialFile,
    id: &str,
) -> Result<bool, Error> {
    let terms = Terms::new(plan.sweep.resources.lease);
    let Claim::Taken(held) = lease::ask(to.root(), &terms)? else {
        return Ok(false);
    };
    let entries = std::fs::read_dir(from.root()).map_err(Error::io("read", from.root()))?;
    for entry in entries {
        let path = entry.map_err(Error::io("read", from.root()))?.path();
        if is_result(&path) {
            copy(&path, &to.root().join(files::name(&path)))?;
        }
    }
    let file = TrialFile {
        adopted_from: Some(id.to_owned()),
        ..wanted.clone()
    };
    file.write(to)?;
    copy(&from.outcome(), &to.outcome())?;
    drop(held);
    lease::clear(to.root())?;
    Ok(true)
}

/// Whether a file of a trial is part of its result, its outcome aside.
fn is_result(path: &Path) -> bool {
    let name = files::name(path);
    name == "log.jsonl" || name.starts_with("model.")
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(from).map_err(Error::io("read", from))?;
    files::write(to, &bytes)
}
