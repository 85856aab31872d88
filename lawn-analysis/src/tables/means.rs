//! Means of the test metric by arm and batch size, and how many trials they rest on.

use super::{Table, Value};
use crate::analysis::Task;
use crate::error::Error;
use crate::records::Outcome;
use crate::stats::{Interval, Sample, mean_t};

/// The mean test metric of every arm at every batch size, one row each, those of which no trial
/// ended well among them.
///
/// # Errors
/// As [`Sample::new`].
pub fn means(tasks: &[Task], level: f64) -> Result<Table, Error> {
    let mut table = Table::new(
        "means",
        "Mean test metric of the confirmation trials that ended well, with its t interval, and how \
         many did not end well: a mean with many of those is one of survivors.",
        &[
            "task",
            "metric",
            "arm",
            "batch_size",
            "n",
            "mean",
            "low",
            "high",
            "diverged",
            "failed",
        ],
    )
    .with_sections(2);
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                let trials = || task.confirmations(arm, *batch_size);
                let count = |of: fn(Outcome) -> bool| trials().filter(|t| of(t.outcome)).count();
                if trials().next().is_none() {
                    continue;
                }
                let ended = trials().filter(|trial| trial.outcome == Outcome::Ok);
                let values: Vec<f64> = ended.filter_map(|trial| trial.test_metric).collect();
                let mean = match values.is_empty() {
                    true => None,
                    false => Some(mean_t(&Sample::new(values)?, level)),
                };
                let interval = mean
                    .and_then(|mean| mean.interval)
                    .filter(Interval::has_width);
                let failed = count(|outcome| {
                    !matches!(
                        outcome,
                        Outcome::Ok | Outcome::Diverged | Outcome::Preempted
                    )
                });
                table.push(vec![
                    (&task.name).into(),
                    (&task.metric).into(),
                    arm.into(),
                    Value::Integer(*batch_size),
                    mean.map_or(0, |mean| mean.n).into(),
                    mean.map(|mean| mean.value).into(),
                    interval.map(|interval| interval.low).into(),
                    interval.map(|interval| interval.high).into(),
                    count(|outcome| outcome == Outcome::Diverged).into(),
                    failed.into(),
                ]);
            }
        }
    }
    Ok(table)
}
