//! What a status says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lawn_analysis::records::Outcome;
use lawn_models::Stage;
use serde::Serialize;

use super::leaderboard::Leaderboard;
use crate::engine::slurm::SlurmStatus;
use crate::plan::damage::Damage;
use crate::plan::{Cell, Extension};
use crate::run::launchers::Launcher;
use crate::run::pulse::Pulse;

/// How far a run is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Name of the sweep.
    pub sweep: String,
    /// Directory of the run.
    pub run: PathBuf,
    /// Whether a launcher is at work now.
    pub running: bool,
    /// The stage that the first trial not over belongs to; none where all are over.
    pub stage: Option<Stage>,
    /// Trials of the plan.
    pub trials: usize,
    /// Trials with a final outcome.
    pub finished: usize,
    /// Trials by the word of their outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// The launchers at work.
    pub launchers: Vec<Launcher>,
    /// The trials that run, under any engine.
    pub now: Vec<RunningTrial>,
    /// Cell by cell, in the order of the plan.
    pub cells: Vec<CellStatus>,
    /// Task by task, the settings and the floors, the best first.
    pub leaderboards: Vec<Leaderboard>,
    /// What was added to the plan since it was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// Trials that did not end `ok`, in the order of the plan.
    pub failures: Vec<Failure>,
    /// Trials whose outcome is damaged: they count as not over.
    pub damaged: Vec<Damage>,
    /// What Slurm's queue says, where the run was submitted to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slurm: Option<SlurmStatus>,
}

/// A trial, as its place in the plan tells it.
#[derive(Debug, Clone, Serialize)]
pub struct TrialRef {
    /// Its id.
    pub trial: String,
    /// Its index in the plan.
    pub index: usize,
    /// Its cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// Its stage.
    pub stage: Stage,
    /// Its rung, from 0, where it tunes.
    pub rung: usize,
    /// Its setting, where that does not depend on a choice.
    pub setting: Option<usize>,
    /// Its seed.
    pub seed: u64,
    /// All of it in a few words.
    #[serde(skip)]
    pub described: String,
}

/// A trial that runs.
#[derive(Debug, Clone, Serialize)]
pub struct RunningTrial {
    /// Which.
    #[serde(flatten)]
    pub which: TrialRef,
    /// Machine of its process.
    pub host: String,
    /// Number of its process.
    pub pid: u32,
    /// Seconds since its lease was touched.
    pub seen_seconds: f64,
    /// How far it says it is, once it has said so.
    pub pulse: Option<Pulse>,
}

/// A trial that did not end `ok`.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Which.
    #[serde(flatten)]
    pub which: TrialRef,
    /// How it ended.
    pub outcome: Outcome,
    /// The first line of what went wrong.
    pub reason: String,
    /// The file to look at: what the process wrote to standard error, the log where it wrote
    /// nothing, the outcome where there is no log.
    pub log: PathBuf,
}

/// How far one cell is.
#[derive(Debug, Clone, Serialize)]
pub struct CellStatus {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// Tuning trials over, and all.
    pub tuned: Count,
    /// Confirmation trials over, and all.
    pub confirmed: Count,
    /// Trials by the word of their outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Best validation metric of the tuning trials so far. None where nothing is tuned: the best
    /// of several seeds of one setting is luck.
    pub best_validation: Option<f64>,
    /// Where nothing is tuned, the validation metric of the confirmation trials that ended well so
    /// far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_validation: Option<MeanOfTrials>,
    /// Index of the setting chosen, once that is done.
    pub frozen: Option<usize>,
}

/// A mean, and of how many trials it is one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanOfTrials {
    /// The mean.
    pub mean: f64,
    /// The trials.
    pub trials: usize,
}

impl MeanOfTrials {
    /// With the value of one more trial.
    pub(super) fn with(before: Option<Self>, value: f64) -> Self {
        let (sum, trials) = before.map_or((0.0, 0), |of| (of.mean * of.trials as f64, of.trials));
        Self {
            mean: (sum + value) / (trials + 1) as f64,
            trials: trials + 1,
        }
    }
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Count {
    /// Over, whatever the outcome.
    pub done: usize,
    /// Those of them that did not end `ok`.
    pub failed: usize,
    /// All.
    pub all: usize,
}
