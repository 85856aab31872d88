//! What the page of `lawn watch` says of a run that goes on.

use std::collections::HashMap;
use std::time::Duration;

use lawn_analysis::records::{Outcome, Word};
use lawn_analysis::report::{Live, LiveCell, RunningTrial};

use super::status::{CellStatus, Status};
use crate::duration::humantime;
use crate::plan::{Cell, Plan};
use crate::run::log;
use crate::run::run_dir::RunDir;

/// What `status` says, with the curves of the trials that run.
pub fn of(run: &RunDir, plan: &Plan, status: &Status) -> Live {
    let left = left(run, plan, status);
    Live {
        state: status.state().to_owned(),
        over: [status.finished, status.trials],
        outcomes: status
            .outcomes
            .iter()
            .map(|(word, count)| ((*word).to_owned(), *count))
            .collect(),
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
        is_final: status.is_over(),
    }
}

fn cell(status: &CellStatus) -> LiveCell {
    let failed = status
        .outcomes
        .iter()
        .filter(|(word, _)| **word != Outcome::Ok.as_str());
    LiveCell {
        task: status.cell.task.clone(),
        arm: status.cell.arm.clone(),
        batch_size: i64::try_from(status.cell.batch_size).unwrap_or(i64::MAX),
        tuned: [status.tuned.done, status.tuned.all],
        confirmed: [status.confirmed.done, status.confirmed.all],
        failed: failed
            .map(|(word, count)| ((*word).to_owned(), *count))
            .collect(),
        best: status.best_validation,
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
/// rate, each other one as long as those of its batch size and task took. None where nothing is
/// known, or nothing runs.
fn left(run: &RunDir, plan: &Plan, status: &Status) -> Option<f64> {
    let at_a_time = status.now.len();
    if at_a_time == 0 || status.finished == status.trials {
        return None;
    }
    let rates: Vec<(&Cell, f64)> = status
        .now
        .iter()
        .filter_map(|trial| {
            let pulse = trial.pulse.as_ref()?;
            Some((&trial.which.cell, pulse.steps as f64 / pulse.steps_per_second?))
        })
        .collect();
    let ended = crate::plan::outcomes::read(run, plan).ok()?;
    let mut seen: HashMap<(&str, u64), Vec<f64>> = HashMap::new();
    let whole = plan.trials.iter().zip(&ended.endings);
    for (trial, ending) in whole {
        let seconds = ending.as_ref().and_then(|ending| ending.seconds());
        if let Some(seconds) = seconds {
            let cell = &trial.cell;
            let key = (cell.task.as_str(), cell.batch_size);
            seen.entry(key).or_default().push(seconds);
        }
    }
    for (cell, seconds) in rates {
        let key = (cell.task.as_str(), cell.batch_size);
        seen.entry(key).or_default().push(seconds);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let all: Vec<f64> = seen.values().flatten().copied().collect();
    if all.is_empty() {
        return None;
    }
    let mut sum: f64 = status.now.iter().filter_map(seconds_left).sum();
    let runs: Vec<&str> = status
        .now
        .iter()
        .map(|trial| trial.which.trial.as_str())
        .collect();
    for (trial, ending) in plan.trials.iter().zip(&ended.endings) {
        let is_over = ending.as_ref().is_some_and(|ending| ending.is_final());
        if is_over || runs.contains(&trial.id.as_str()) {
            continue;
        }
        let of = seen.get(&(trial.cell.task.as_str(), trial.cell.batch_size));
        sum += mean(of.map_or(&all[..], Vec::as_slice));
    }
    Some(sum / at_a_time as f64)
}

fn in_words(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or("very long".to_owned(), humantime)
}
