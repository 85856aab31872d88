//! Means of the test metric by arm and batch size, and how many trials they rest on.

use super::row::{Rows, row};
use crate::analysis::Task;
use crate::error::Error;
use crate::records::Outcome;
use crate::stats::{Estimate, Interval, Sample, mean_t};

row! {
    /// The mean test metric of one arm at one batch size.
    pub struct MeanRow {
        /// The task.
        task: String,
        /// Its primary metric.
        metric: String,
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// Trials that the mean rests on.
        n: usize,
        /// The mean; none where no trial ended well.
        mean: Option<Estimate> as [mean, low, high],
        /// Trials that diverged.
        diverged: usize,
        /// Trials that failed otherwise.
        failed: usize,
    }
}

impl MeanRow {
    /// The mean at one place; none where no trial was made.
    fn new(task: &Task, arm: &str, batch_size: i64, level: f64) -> Result<Option<Self>, Error> {
        let trials = || task.confirmations(arm, batch_size);
        let count = |of: fn(Outcome) -> bool| trials().filter(|t| of(t.outcome)).count();
        if trials().next().is_none() {
            return Ok(None);
        }
        let ended = trials().filter(|trial| trial.outcome == Outcome::Ok);
        let values: Vec<f64> = ended.filter_map(|trial| trial.test_metric).collect();
        let mean = match values.is_empty() {
            true => None,
            false => Some(mean_t(&Sample::new(values)?, level)),
        };
        let mean = mean.map(|mean| Estimate {
            interval: mean.interval.filter(Interval::has_width),
            ..mean
        });
        Ok(Some(Self {
            task: task.name.clone(),
            metric: task.metric.clone(),
            arm: arm.to_owned(),
            batch_size,
            n: mean.map_or(0, |mean| mean.n),
            mean,
            diverged: count(|outcome| outcome == Outcome::Diverged),
            failed: count(|outcome| {
                !matches!(
                    outcome,
                    Outcome::Ok | Outcome::Diverged | Outcome::Preempted
                )
            }),
        }))
    }
}

/// The mean test metric of every arm at every batch size, one row each. Places where no trial ended
/// well have a row too.
///
/// # Errors
/// As [`Sample::new`].
pub fn means(tasks: &[Task], level: f64) -> Result<Rows<MeanRow>, Error> {
    let mut rows = Vec::new();
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                rows.extend(MeanRow::new(task, arm, *batch_size, level)?);
            }
        }
    }
    let rows = Rows::new(
        "means",
        "Mean test metric of the confirmation trials that ended well, with its t interval, and how \
         many did not end well. Where many did not, the mean is one of survivors.",
        rows,
    );
    Ok(rows.with_sections(2))
}
