//! What the page of `lawn watch` says of a run that goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use lawn_analysis::Records;
use lawn_analysis::records::{Outcome, Word};
use lawn_analysis::report::{Live, LiveCell, RunningTrial};

use super::status::{CellStatus, Contestant, Count, Leaderboard, Status};
use crate::duration::humantime;
use crate::plan::Plan;
use crate::run::log;
use crate::run::run_dir::RunDir;

/// Seconds that trials of a task and batch size took: their sum, and how many.
#[derive(Debug, Clone, Default)]
pub struct Times(BTreeMap<(String, u64), (f64, usize)>);

impl Times {
    /// Those of the trials that ended well.
    #[must_use]
    pub fn of(records: &Records) -> Self {
        let mut times = Self::default();
        let well = records.trials.iter();
        for trial in well.filter(|trial| trial.outcome == Outcome::Ok) {
            let batch_size = u64::try_from(trial.batch_size).unwrap_or(0);
            times.add(&trial.task, batch_size, trial.seconds_total);
        }
        times
    }

    fn add(&mut self, task: &str, batch_size: u64, seconds: f64) {
        let of = self.0.entry((task.to_owned(), batch_size)).or_default();
        *of = (of.0 + seconds, of.1 + 1);
    }

    /// The mean of a task and batch size, else that of all trials; none where there are none.
    fn mean(&self, task: &str, batch_size: u64) -> Option<f64> {
        let all = || {
            let sum = |(a, n): (f64, usize), (b, m): &(f64, usize)| (a + b, n + m);
            self.0.values().fold((0.0, 0), sum)
        };
        let of = self.0.get(&(task.to_owned(), batch_size)).copied();
        let (sum, count) = of.unwrap_or_else(all);
        (count > 0).then(|| sum / count as f64)
    }
}

/// What `status` says, with the curves of the trials that run. `times` are those of trials before.
pub fn of(run: &RunDir, plan: &Plan, status: &Status, times: &Times) -> Live {
    let left = left(status, times);
    Live {
        state: status.state().to_owned(),
        over: [status.finished, status.trials],
        outcomes: counted(&status.outcomes, |_| true),
        left: left.map(|seconds| format!("about {}", in_words(seconds))),
        running: status.now.iter().map(|trial| running(run, trial)).collect(),
        cells: status.cells.iter().map(cell).collect(),
        metrics: plan
            .sweep
            .tasks
            .iter()
            .filter_map(|task| {
                let metric = plan.metric(&task.name)?;
                let higher = plan.task(&task.name)?.metrics().is_higher_better(metric);
                Some((task.name.clone(), metric.to_owned(), higher))
            })
            .collect(),
        floors: status
            .leaderboards
            .chunk_by(|a, b| a.task == b.task)
            .flat_map(|of_task| floors(&of_task[0]))
            .collect(),
        is_final: status.is_over(),
    }
}

/// The floors of a task, the best first.
fn floors(board: &Leaderboard) -> Vec<(String, String, f64)> {
    let entries = board.entries.iter();
    entries
        .filter_map(|entry| match &entry.what {
            Contestant::Floor(name) => Some((board.task.clone(), name.clone(), entry.validation)),
            Contestant::Setting { .. } => None,
        })
        .collect()
}

/// Words and how often they stand there, of those that are `wanted`.
fn counted(
    words: &BTreeMap<&'static str, usize>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<(String, usize)> {
    let wanted = words.iter().filter(|(word, _)| wanted(word));
    wanted
        .map(|(word, count)| ((*word).to_owned(), *count))
        .collect()
}

/// Trials that ended well, of all.
fn ended_well(count: Count) -> [usize; 2] {
    [count.done - count.failed, count.all]
}

fn cell(status: &CellStatus) -> LiveCell {
    LiveCell {
        task: status.cell.task.clone(),
        arm: status.cell.arm.clone(),
        batch_size: i64::try_from(status.cell.batch_size).unwrap_or(i64::MAX),
        tuned: ended_well(status.tuned),
        confirmed: ended_well(status.confirmed),
        failed: counted(&status.outcomes, |word| word != Outcome::Ok.as_str()),
        best: status.best_validation,
        mean: status.confirmed_validation.map(|of| (of.mean, of.trials)),
    }
}

fn running(run: &RunDir, trial: &super::status::RunningTrial) -> RunningTrial {
    let dir = run.trial(&trial.which.trial);
    // Its process may be writing the last line.
    let measured = log::read(&dir.log()).unwrap_or_default();
    let pulse = trial.pulse.as_ref();
    RunningTrial {
        name: trial.which.described.clone(),
        step: pulse.map_or(0, |pulse| pulse.step),
        steps: pulse.map_or(0, |pulse| pulse.steps),
        steps_per_second: pulse.and_then(|pulse| pulse.steps_per_second),
        left: seconds_left(trial).map(in_words),
        losses: measured
            .records
            .iter()
            .map(|record| record.train_loss)
            .collect(),
    }
}

/// Seconds that a running trial still takes, at its own rate.
fn seconds_left(trial: &super::status::RunningTrial) -> Option<f64> {
    let pulse = trial.pulse.as_ref()?;
    let rate = pulse.steps_per_second?;
    Some(pulse.steps.saturating_sub(pulse.step) as f64 / rate)
}

/// Seconds until every trial is over, with as many at a time as now: those that run at their own
/// rate, each other one as long as those of its task and batch size took. None where nothing is
/// known, or nothing runs.
fn left(status: &Status, times: &Times) -> Option<f64> {
    // Between two trials nothing runs.
    let at_a_time = status.now.len().max(usize::from(status.running));
    if at_a_time == 0 || status.finished == status.trials {
        return None;
    }
    let mut times = times.clone();
    for trial in &status.now {
        let pulse = trial.pulse.as_ref();
        let rate = pulse.and_then(|pulse| Some((pulse.steps, pulse.steps_per_second?)));
        if let Some((steps, rate)) = rate {
            let cell = &trial.which.cell;
            times.add(&cell.task, cell.batch_size, steps as f64 / rate);
        }
    }
    let mut sum = 0.0;
    for status_of in &status.cells {
        let cell = &status_of.cell;
        let runs = status.now.iter().filter(|trial| trial.which.cell == *cell);
        let open = [status_of.tuned, status_of.confirmed].map(|count| count.all - count.done);
        let waiting = open.iter().sum::<usize>().saturating_sub(runs.count());
        if waiting > 0 {
            sum += waiting as f64 * times.mean(&cell.task, cell.batch_size)?;
        }
    }
    sum += status.now.iter().filter_map(seconds_left).sum::<f64>();
    Some(sum / at_a_time as f64)
}

fn in_words(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or("very long".to_owned(), humantime)
}
