//! How far a run is: what is over, how it ended, what runs where and how fast, the best so far.

mod content;
mod leaderboard;
mod text;

pub use content::{CellStatus, Count, Failure, MeanOfTrials, RunningTrial, Status, TrialRef};
pub use leaderboard::{Contestant, Leaderboard, LeaderboardEntry};

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use lawn_analysis::records::{Outcome, Word};
use lawn_models::Stage;

use crate::Error;
use crate::engine::slurm::SlurmStatus;
use crate::plan::choices::{Choices, score};
use crate::plan::outcomes;
use crate::plan::{Cell, Plan, Trial};
use crate::process::streams;
use crate::report::render;
use crate::run::ending::Ending;
use crate::run::floors::Floors;
use crate::run::launchers;
use crate::run::lease::{self, State};
use crate::run::provenance;
use crate::run::pulse::Pulse;
use crate::run::run_dir::RunDir;

impl Status {
    /// Looks at the files of `run`.
    ///
    /// # Errors
    ///
    /// [`Error::NoRun`], and as [`crate::run::document::read`].
    pub fn read(run: &RunDir) -> Result<Self, Error> {
        let plan = Plan::read(run)?;
        let choices = Choices::read(run, &plan.sweep)?;
        let launchers = launchers::present(run)?;
        let outcomes = outcomes::read(run, &plan)?;
        let floors = match Floors::read(run) {
            Err(Error::Damaged(fault)) => {
                streams::say(&format!(
                    "warning: {fault}; the next sweep measures the floors again"
                ));
                None
            }
            read => read?,
        };
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
            leaderboards: leaderboard::leaderboards(
                &plan,
                &choices,
                &outcomes.endings,
                floors.as_ref(),
            ),
            extensions: plan.history.clone(),
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
                confirmed_validation: None,
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

    /// Whether somebody works on the run: a launcher, the process of a trial, or jobs in a queue.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.running || !self.now.is_empty() || self.is_queued()
    }

    /// How a run came to rest, in words, with what goes on where trials are left; none while somebody works
    /// on it.
    #[must_use]
    pub fn at_rest(&self) -> Option<String> {
        if self.is_at_work() {
            return None;
        }
        let all = render::count(self.trials, "trial");
        if self.is_over() {
            return Some(format!("the sweep is over: {all}"));
        }
        let goes_on = provenance::goes_on(&RunDir::new(&self.run));
        Some(format!(
            "stopped: {} of {all} over; `{goes_on}` goes on",
            self.finished
        ))
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
        let is_tuned = plan.sweep.tunes(&trial.cell.arm);
        if is_tuned && trial.stage != Stage::Tune {
            return;
        }
        let task = plan.task(&trial.cell.task);
        let found = task
            .zip(ending.summary.as_ref())
            .and_then(|(task, summary)| {
                let metric = plan.metric(&trial.cell.task)?;
                let higher = task.metrics().is_higher_better(metric);
                Some((score(metric, summary)?, higher))
            });
        if let Some((value, higher)) = found.filter(|(value, _)| value.is_finite()) {
            if !is_tuned {
                let before = self.confirmed_validation;
                self.confirmed_validation = Some(MeanOfTrials::with(before, value));
                return;
            }
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
