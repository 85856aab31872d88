//! How far a run is: what is over, how it ended, what runs where and how fast, the best so far.

mod text;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use lawn_analysis::records::{Outcome, Word};
use lawn_models::Stage;
use serde::Serialize;

use crate::Error;
use crate::engine::slurm::SlurmStatus;
use crate::plan::choices::{Choices, score};
use crate::plan::damage::Damage;
use crate::plan::outcomes;
use crate::plan::{Cell, Plan, Trial};
use crate::report::render;
use crate::run::ending::Ending;
use crate::run::launchers;
use crate::run::launchers::Launcher;
use crate::run::lease::{self, State};
use crate::run::pulse::Pulse;
use crate::run::run_dir::RunDir;

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
    /// What its process wrote to standard error; its log where that is nothing, its outcome
    /// where there is no log.
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
    /// Index of the setting chosen, once that is done.
    pub frozen: Option<usize>,
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

impl Status {
    /// Looks at the files of `run`.
    ///
    /// # Errors
    ///
    /// [`Error::NoRun`], and as [`crate::run::files::read_json`].
    pub fn read(run: &RunDir) -> Result<Self, Error> {
        let plan = Plan::read(run)?;
        let choices = Choices::read(run, &plan.sweep)?;
        let launchers = launchers::present(run)?;
        let outcomes = outcomes::read(run, &plan)?;
        let mut status = Self {
            sweep: plan.sweep.name.clone(),
            run: run.root().into(),
            running: !launchers.is_empty(),
            stage: None,
            trials: plan.trials.len(),
            finished: 0,
            outcomes: BTreeMap::new(),
            launchers,
            now: Vec::new(),
            cells: Vec::new(),
            failures: Vec::new(),
            damaged: outcomes.damaged,
            slurm: SlurmStatus::read(run, &plan)?,
        };
        status.cells = plan
            .cells()
            .into_iter()
            .map(|cell| CellStatus {
                frozen: choices.frozen(&cell),
                cell,
                tuned: Count::default(),
                confirmed: Count::default(),
                outcomes: BTreeMap::new(),
                best_validation: None,
            })
            .collect();
        let places: HashMap<Cell, usize> = status
            .cells
            .iter()
            .enumerate()
            .map(|(place, status)| (status.cell.clone(), place))
            .collect();
        for (index, (trial, ending)) in plan.trials.iter().zip(&outcomes.endings).enumerate() {
            let cell = &mut status.cells[places[&trial.cell]];
            cell.count(&plan, trial, ending.as_ref());
            let Some(ending) = ending.as_ref().filter(|ending| ending.is_final()) else {
                status.stage.get_or_insert(trial.stage);
                status.now.extend(running(run, trial, index)?);
                continue;
            };
            status.finished += 1;
            *status.outcomes.entry(ending.outcome.as_str()).or_default() += 1;
            if ending.outcome != Outcome::Ok {
                status.failures.push(failure(run, trial, index, ending));
            }
        }
        Ok(status)
    }

    /// Whether every trial is over and no launcher at work.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.finished == self.trials && !self.running && !self.is_queued()
    }

    /// Whether a Slurm has jobs of the run.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        let slurm = self.slurm.as_ref();
        slurm.is_some_and(|slurm| slurm.next.is_some() || !slurm.tasks.is_empty())
    }
}

impl CellStatus {
    fn count(&mut self, plan: &Plan, trial: &Trial, ending: Option<&Ending>) {
        let count = match trial.stage {
            Stage::Tune => &mut self.tuned,
            Stage::Confirm => &mut self.confirmed,
        };
        count.all += 1;
        let Some(ending) = ending else {
            return;
        };
        *self.outcomes.entry(ending.outcome.as_str()).or_default() += 1;
        if !ending.is_final() {
            return;
        }
        count.done += 1;
        count.failed += usize::from(ending.outcome != Outcome::Ok);
        if trial.stage != Stage::Tune {
            return;
        }
        let task = plan.task(&trial.cell.task);
        let found = task
            .zip(ending.summary.as_ref())
            .and_then(|(task, summary)| {
                let metric = plan.metric(&trial.cell.task)?;
                Some((score(metric, summary)?, task.metrics().higher_is_better))
            });
        if let Some((value, higher)) = found.filter(|(value, _)| value.is_finite()) {
            let better = |best: f64| if higher { value > best } else { value < best };
            if self.best_validation.is_none_or(better) {
                self.best_validation = Some(value);
            }
        }
    }
}

fn which(trial: &Trial, index: usize) -> TrialRef {
    TrialRef {
        trial: trial.id.clone(),
        index,
        cell: trial.cell.clone(),
        stage: trial.stage,
        rung: trial.rung,
        setting: trial.setting,
        seed: trial.seed,
        described: render::trial(trial, true),
    }
}

/// The trial as it runs now; None where nobody runs it.
fn running(run: &RunDir, trial: &Trial, index: usize) -> Result<Option<RunningTrial>, Error> {
    let dir = run.trial(&trial.id);
    let State::Held { holder, age } = lease::look(dir.root(), None)? else {
        return Ok(None);
    };
    Ok(Some(RunningTrial {
        which: which(trial, index),
        host: holder.owner.host,
        pid: holder.owner.pid,
        seen_seconds: age.as_secs_f64(),
        pulse: Pulse::read(&dir),
    }))
}

fn failure(run: &RunDir, trial: &Trial, index: usize, ending: &Ending) -> Failure {
    let dir = run.trial(&trial.id);
    let holds = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    let log = [dir.stderr(), dir.log()].into_iter().find(holds);
    let detail = ending.detail.as_deref().unwrap_or_default();
    Failure {
        which: which(trial, index),
        outcome: ending.outcome,
        reason: detail.lines().next().unwrap_or_default().to_owned(),
        log: log.unwrap_or_else(|| dir.outcome()),
    }
}
