//! `lawn retry`: gives failed trials another chance.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lawn_analysis::records::{Outcome, Word};
use lawn_models::Stage;

use crate::error::{Error, Fault, Place};
use crate::plan::choices::{self, Choices};
use crate::plan::{Cell, LEAST_DIGITS, Plan, Trial, outcomes, trial_named};
use crate::run::ending::Ending;
use crate::run::launchers;
use crate::run::run_dir::RunDir;
use crate::run::trial_dir::TrialDir;

/// Which failed trials to give another chance: those that are in every list that is not empty.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// How they ended; any failure where this is empty.
    pub outcomes: Vec<Outcome>,
    /// Ids, beginnings of ids that one trial has, or indices in the plan.
    pub trials: Vec<String>,
    /// Names of arms.
    pub arms: Vec<String>,
    /// Batch sizes.
    pub batch_sizes: Vec<u64>,
    /// Train from the first step, not from the checkpoint.
    pub from_scratch: bool,
}

/// What a retry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySummary {
    /// Trials that the next `lawn sweep DIR` runs again.
    pub trials: usize,
    /// Trials selected whose failure counted when a setting was chosen.
    pub counted: usize,
    /// Trials that failed as is asked for, and that an extension took out of the plan.
    pub retired: usize,
}

/// Forgets the outcome of the trials selected, so that the next `lawn sweep DIR` runs them again.
/// What they left is kept beside, in `attempt-1`, `attempt-2` and so on.
///
/// A tuning trial gets another chance until a setting was chosen in its cell. After that its
/// failure has counted against the budget of the arm. Where every setting failed nothing was
/// chosen, and what followed from that is forgotten, too.
///
/// # Errors
///
/// [`Error::NoRun`]; [`Error::OtherSamples`]; [`Error::Busy`] while a launcher is at work; [`Error::NotSelected`]
/// where the plan has no such trial, arm or batch size, or a trial named did not fail;
/// [`Error::Io`], and as [`crate::run::document::read`].
pub fn retry(run: &RunDir, selection: &Selection) -> Result<RetrySummary, Error> {
    let plan = Plan::read(run)?;
    plan.require_samples(run)?;
    if let Some(by) = launchers::present(run)?.into_iter().next() {
        let dir = run.root().into();
        let by = by.to_string();
        return Err(Error::Busy { dir, by });
    }
    let named = selection.check(&plan, run)?;
    let endings = outcomes::read(run, &plan)?.endings;
    for &index in &named {
        let outcome = endings[index].as_ref().map(|ending| ending.outcome);
        if !outcome.is_some_and(is_failure) {
            let ended = outcome.map_or("is not over", |outcome| outcome.as_str());
            let found = format!("trial {index} ({}) {ended}", plan.trials[index].id);
            return Err(not_selected(Fault::new(Place::key(TRIAL), found)));
        }
    }
    let choices = Choices::read(run, &plan.sweep)?;
    let mut retried = RetrySummary {
        trials: 0,
        counted: 0,
        retired: 0,
    };
    if named.is_empty() {
        for retired in plan.retired(run)? {
            let ending = run.trial(&retired.trial.id).read_outcome()?;
            let holds = |ending: Ending| selection.holds(&retired.trial, ending.outcome);
            retried.retired += usize::from(ending.is_some_and(holds));
        }
    }
    let mut selected = Vec::new();
    // By cell, the first rung of which trials run again.
    let mut reopened: BTreeMap<Cell, usize> = BTreeMap::new();
    for (index, (trial, ending)) in plan.trials.iter().zip(&endings).enumerate() {
        let Some(ending) = ending else {
            continue;
        };
        let is_named = named.is_empty() || named.contains(&index);
        if !is_named || !selection.holds(trial, ending.outcome) {
            continue;
        }
        if !choices.is_open(trial, &plan) {
            retried.counted += 1;
            continue;
        }
        if trial.stage == Stage::Tune {
            let first = reopened.entry(trial.cell.clone()).or_insert(trial.rung);
            *first = trial.rung.min(*first);
        }
        selected.push(trial);
    }
    choices::reopen(run, &plan, &reopened)?;
    for trial in &plan.trials {
        let follows = reopened
            .get(&trial.cell)
            .is_some_and(|&rung| trial.stage == Stage::Confirm || trial.rung > rung);
        let dir = run.trial(&trial.id);
        // No setting was left for it, so that it was never trained.
        if follows && dir.outcome().exists() && !dir.trial().exists() {
            set_aside(&dir, selection.from_scratch)?;
            selected.retain(|other| other.id != trial.id);
        }
    }
    for trial in selected {
        set_aside(&run.trial(&trial.id), selection.from_scratch)?;
        retried.trials += 1;
    }
    Ok(retried)
}

/// The option that names a trial.
const TRIAL: &str = "--trial";

/// The error of an option that selects nothing that can be retried.
fn not_selected(fault: Fault) -> Error {
    Error::NotSelected(Box::new(fault))
}

fn is_failure(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Ok | Outcome::Preempted)
}

impl Selection {
    /// Whether `trial`, which ended as `outcome`, is selected, its name aside.
    fn holds(&self, trial: &Trial, outcome: Outcome) -> bool {
        let cell = &trial.cell;
        is_failure(outcome)
            && (self.outcomes.is_empty() || self.outcomes.contains(&outcome))
            && (self.arms.is_empty() || self.arms.contains(&cell.arm))
            && (self.batch_sizes.is_empty() || self.batch_sizes.contains(&cell.batch_size))
    }

    /// Makes sure that the plan has what is selected by name; gives the indices of the
    /// trials named.
    fn check(&self, plan: &Plan, run: &RunDir) -> Result<Vec<usize>, Error> {
        let arms: Vec<&str> = plan
            .sweep
            .arms
            .iter()
            .map(|arm| arm.name.as_str())
            .collect();
        for arm in &self.arms {
            if !arms.contains(&arm.as_str()) {
                let fault = Fault::new(Place::key("--arm"), format!("no arm is called `{arm}`"));
                return Err(not_selected(fault.allowed(&arms)));
            }
        }
        for size in &self.batch_sizes {
            if !plan.sweep.batch_sizes.contains(size) {
                let fault = Fault::new(Place::key("--batch"), format!("no batch size is {size}"));
                return Err(not_selected(fault.allowed(&plan.sweep.batch_sizes)));
            }
        }
        self.trials
            .iter()
            .map(|name| named(plan, name, run))
            .collect()
    }
}

/// The index of the trial that `name` means. One that left the plan counts nowhere, so that it is none to be
/// run again.
fn named(plan: &Plan, name: &str, run: &RunDir) -> Result<usize, Error> {
    let unknown = match trial_named(plan, name, run) {
        Ok(index) => return Ok(index),
        Err(unknown) => unknown,
    };
    let refused = |found: String| not_selected(Fault::new(Place::key(TRIAL), found));
    if name.len() < LEAST_DIGITS || plan.history.is_empty() {
        return Err(refused(unknown));
    }
    let retired = plan.retired(run)?;
    let mut begins = retired.iter().filter(|one| one.trial.id.starts_with(name));
    Err(refused(match begins.next() {
        Some(one) => format!(
            "trial {} left the plan with extension {}, and counts in nothing",
            one.trial.id, one.extension
        ),
        None => unknown,
    }))
}

/// Moves the outcome of a trial and what it wrote to a folder of its own. The log stays too,
/// beside the checkpoint that training goes on from; to train from scratch, nothing stays.
fn set_aside(dir: &TrialDir, from_scratch: bool) -> Result<(), Error> {
    let attempt = (1..)
        .map(|number| dir.root().join(format!("attempt-{number}")))
        .find(|folder| !folder.exists())
        .expect("there are enough numbers");
    fs::create_dir(&attempt).map_err(Error::io("create", &attempt))?;
    let aside = |path: &Path| attempt.join(path.file_name().unwrap_or_default());
    let rename = |path: &Path| fs::rename(path, aside(path)).map_err(Error::io("move", path));
    let entries = fs::read_dir(dir.root()).map_err(Error::io("read", dir.root()))?;
    for entry in entries {
        let path = entry.map_err(Error::io("read", dir.root()))?.path();
        if !path.is_file() || path == dir.outcome() {
            continue;
        }
        if from_scratch || path == dir.stderr() {
            rename(&path)?;
        } else if path == dir.log() {
            fs::copy(&path, aside(&path)).map_err(Error::io("copy", &path))?;
        }
    }
    // Last: from now on the trial is one to be run again.
    rename(&dir.outcome())
}
