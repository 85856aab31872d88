//! Steps and time until a validation metric is reached.

use super::study::{CurvePoint, Task};
use crate::records::Outcome;
use crate::stats::Sample;

/// A validation metric that every arm reaches at the smallest batch size, and when each arm does.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The metric to reach: at the smallest batch size, the worst of the arms' mean final values.
    pub value: f64,
    /// The arms at their batch sizes.
    pub cells: Vec<TargetCell>,
}

/// When the seeds of one arm and batch size reach the target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetCell {
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// Seeds with a curve.
    pub seeds: usize,
    /// Optimizer steps of each seed that reaches the target, counted to the end of that epoch.
    pub steps: Vec<f64>,
    /// Seconds of training of each such seed.
    pub seconds: Vec<f64>,
}

/// The target of a task; none where no validation metric was recorded at the smallest batch size.
pub fn target(task: &Task) -> Option<Target> {
    let smallest = *task.batch_sizes.first()?;
    let sign = task.sign();
    let finals = task.arms.iter().filter_map(|arm| {
        let last: Vec<f64> = curves(task, arm, smallest)
            .filter_map(|curve| curve.last()?.validation_metric)
            .collect();
        // The mean of equal numbers is exactly that number, so that these trials reach it.
        Sample::new(last).ok().map(|last| sign * last.mean())
    });
    let least = finals.fold(f64::INFINITY, f64::min);
    if !least.is_finite() {
        return None;
    }
    let mut cells = Vec::new();
    for arm in &task.arms {
        for batch_size in &task.batch_sizes {
            let seen: Vec<&[CurvePoint]> = curves(task, arm, *batch_size).collect();
            if seen.is_empty() {
                continue;
            }
            let (mut steps, mut seconds) = (Vec::new(), Vec::new());
            for curve in &seen {
                let reaches = |point: &CurvePoint| {
                    point
                        .validation_metric
                        .is_some_and(|metric| sign * metric >= least)
                };
                if let Some(at) = curve.iter().position(reaches) {
                    steps.push(curve[at].step as f64);
                    seconds.push(curve[..=at].iter().map(|point| point.seconds_train).sum());
                }
            }
            cells.push(TargetCell {
                arm: arm.clone(),
                batch_size: *batch_size,
                seeds: seen.len(),
                steps,
                seconds,
            });
        }
    }
    Some(Target {
        value: sign * least,
        cells,
    })
}

fn curves<'a>(
    task: &'a Task,
    arm: &str,
    batch_size: i64,
) -> impl Iterator<Item = &'a [CurvePoint]> {
    task.confirmations(arm, batch_size)
        .filter(|trial| trial.outcome == Outcome::Ok)
        .map(|trial| task.curve(trial))
        .filter(|curve| curve.iter().any(|point| point.validation_metric.is_some()))
}
