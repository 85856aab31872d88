//! The trials of a run, to be listed, shown and read: each by its index, the beginning of its id,
//! or what it is of.

mod filter;
mod text;

use std::path::PathBuf;

use lawn_analysis::records::Word;
use lawn_models::{Freeze, Measurement, Notice, Stage};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::plan::choices::{Choices, score};
use crate::plan::{Cell, Plan, Trial, outcomes};
use crate::run::ending::{Ending, Execution};
use crate::run::lease::{self, State};
use crate::run::log;
use crate::run::run_dir::RunDir;
use crate::run::trial_file::TrialFile;

pub use filter::Filter;
pub(crate) use text::{describe, describe_log, table};

/// Words for a trial without a final outcome: one that runs, and one that waits.
pub const NOT_OVER: [&str; 3] = ["running", "waiting", "damaged"];

/// One trial of a run.
#[derive(Debug, Clone, Serialize)]
pub struct TrialEntry {
    /// Index in the plan; none where the trial is one of an earlier plan.
    pub index: Option<usize>,
    /// Its id.
    pub trial: String,
    /// Its cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// Its stage.
    pub stage: Stage,
    /// Its rung, from 0, where it tunes.
    pub rung: usize,
    /// Its setting, once that is known.
    pub setting: Option<usize>,
    /// Its seed.
    pub seed: u64,
    /// Its outcome, or a word of [`NOT_OVER`].
    pub state: String,
    /// The validation metric that settings of its task are chosen by.
    pub metric: String,
    /// That metric on validation data at the end of training.
    pub validation: Option<f64>,
    /// That metric on test data: of confirmations alone.
    pub test: Option<f64>,
    /// What is known about a failure.
    pub detail: Option<String>,
    /// What it came through on the way.
    pub notices: Vec<Notice>,
    /// How it was computed on CUDA, if it was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// Everything that it measured at the end.
    pub measurements: Vec<Measurement>,
    /// Optimizer steps done.
    pub steps: Option<u64>,
    /// When its norms were fixed, and by what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// The folder of its files.
    pub folder: PathBuf,
    /// The extension that it left the plan with, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_with: Option<usize>,
}

/// What only one trial's own files tell.
#[derive(Debug, Clone, Serialize)]
pub struct TrialDetails {
    /// The trial.
    #[serde(flatten)]
    pub entry: TrialEntry,
    /// Hyper-parameters as it was given them, once it began.
    pub optimizer: Option<Value>,
    /// All values of its rule.
    pub rule: Option<Value>,
    /// The trial of an earlier plan whose files these are.
    pub adopted_from: Option<String>,
    /// Its files with their sizes in bytes.
    pub files: Vec<(String, u64)>,
}

/// What a trial wrote on its way.
#[derive(Debug, Clone, Serialize)]
pub struct TrialLog {
    /// The trial.
    #[serde(flatten)]
    pub entry: TrialEntry,
    /// Its log.
    pub records: Vec<lawn_models::EvaluationRecord>,
    /// What its process wrote to standard error.
    pub stderr: String,
}

/// The trials of `run` that `filter` asks for, in the order of the plan.
///
/// # Errors
///
/// [`Error::Option`] where the run has no such trial, task, arm, batch size, stage, setting or seed, and
/// as [`Plan::read`].
pub fn list(run: &RunDir, filter: &Filter) -> Result<(Plan, Vec<TrialEntry>), Error> {
    let plan = Plan::read(run)?;
    let mut entries = match filter.retired {
        true => retired(run, &plan)?,
        false => planned(run, &plan)?,
    };
    filter.check(&plan)?;
    // One that left the plan is asked for by its id, as one of the plan is.
    if !filter.retired && !filter.trials.is_empty() && !plan.history.is_empty() {
        entries.extend(retired(run, &plan)?);
    }
    filter.check_entries(&entries)?;
    let ids = filter.named(&plan, run, &entries)?;
    entries.retain(|entry| {
        (filter.trials.is_empty() || ids.contains(&entry.trial)) && filter.holds(entry)
    });
    Ok((plan, entries))
}

/// The trials of the plan.
fn planned(run: &RunDir, plan: &Plan) -> Result<Vec<TrialEntry>, Error> {
    let choices = Choices::read(run, &plan.sweep)?;
    let outcomes = outcomes::read(run, plan)?;
    let trials = plan.trials.iter().zip(&outcomes.endings).enumerate();
    trials
        .map(|(index, (trial, ending))| {
            let setting = trial.setting.or_else(|| choices.setting(trial));
            let entry = entry(run, plan, trial, setting, ending.as_ref())?;
            let damage = outcomes.damaged.iter().find(|one| one.index == index);
            Ok(TrialEntry {
                index: Some(index),
                state: damage.map_or(entry.state, |_| NOT_OVER[2].to_owned()),
                detail: damage.map_or(entry.detail, |one| Some(one.detail.clone())),
                ..entry
            })
        })
        .collect()
}

/// The trials of earlier plans.
fn retired(run: &RunDir, plan: &Plan) -> Result<Vec<TrialEntry>, Error> {
    let retired = plan.retired(run)?.into_iter();
    retired
        .map(|retired| {
            let dir = run.trial(&retired.trial.id);
            let trained = TrialFile::read(&dir)?.map(|file| file.setting);
            let ending = dir.read_outcome()?;
            let setting = retired.trial.setting.or(trained);
            let entry = entry(run, plan, &retired.trial, setting, ending.as_ref())?;
            Ok(TrialEntry {
                retired_with: Some(retired.extension),
                ..entry
            })
        })
        .collect()
}

fn entry(
    run: &RunDir,
    plan: &Plan,
    trial: &Trial,
    setting: Option<usize>,
    ending: Option<&Ending>,
) -> Result<TrialEntry, Error> {
    let dir = run.trial(&trial.id);
    let is_over = ending.is_some_and(Ending::is_final);
    let is_running = !is_over && matches!(lease::look(dir.root(), None)?, State::Held { .. });
    let state = match ending {
        _ if is_running => NOT_OVER[0],
        Some(ending) => ending.outcome.as_str(),
        None => NOT_OVER[1],
    };
    let metric = plan.metric(&trial.cell.task).unwrap_or_default();
    let summary = ending.and_then(|ending| ending.summary.as_ref());
    let measurements = summary.map_or_else(Vec::new, |summary| summary.measurements.clone());
    let test = measurements
        .iter()
        .find(|one| one.split == lawn_models::Split::Test && one.metric == metric);
    Ok(TrialEntry {
        index: None,
        trial: trial.id.clone(),
        cell: trial.cell.clone(),
        stage: trial.stage,
        rung: trial.rung,
        setting,
        seed: trial.seed,
        state: state.to_owned(),
        metric: metric.to_owned(),
        validation: summary.and_then(|summary| score(metric, summary)),
        test: test.map(|measured| measured.value),
        detail: ending.and_then(|ending| ending.detail.clone()),
        notices: ending.map_or_else(Vec::new, |ending| ending.notices.clone()),
        execution: ending.and_then(|ending| ending.execution.clone()),
        steps: summary.map(|summary| summary.steps),
        freeze: summary.and_then(|summary| summary.freeze),
        measurements,
        folder: dir.root().into(),
        retired_with: None,
    })
}

impl TrialEntry {
    /// What its own files say beyond that.
    ///
    /// # Errors
    ///
    /// As [`TrialFile::read`].
    pub fn details(self, run: &RunDir) -> Result<TrialDetails, Error> {
        let file = TrialFile::read(&run.trial(&self.trial))?;
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let mut files: Vec<(String, u64)> = entries
            .flatten()
            .filter_map(|entry| {
                let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
                Some((
                    entry.file_name().to_string_lossy().into_owned(),
                    about.len(),
                ))
            })
            .collect();
        files.sort();
        Ok(TrialDetails {
            entry: self,
            optimizer: file
                .as_ref()
                .map(|file| serde_json::Value::Object(file.config.optimizer.applying())),
            rule: file.as_ref().map(|file| serde_json::json!(file.rule)),
            adopted_from: file.and_then(|file| file.adopted_from),
            files,
        })
    }

    /// What it wrote on its way; nothing where it did not begin.
    ///
    /// # Errors
    ///
    /// As [`log::read`].
    pub fn log(self, run: &RunDir) -> Result<TrialLog, Error> {
        let dir = run.trial(&self.trial);
        let records = match dir.log().exists() {
            true => log::read(&dir.log())?.records,
            false => Vec::new(),
        };
        let stderr = std::fs::read(dir.stderr()).unwrap_or_default();
        Ok(TrialLog {
            entry: self,
            records,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }
}
