//! A quantity of every arm by batch size.

use super::field::{Field, Kind};
use super::row::{Rows, of_arm, row};
use super::value::Value;
use crate::analysis::Task;
use crate::error::Error;
use crate::records::{Outcome, TrialRow};
use crate::stats::{Estimate, Interval, Sample, mean_t};
use crate::text::on_test;

/// A quantity that is drawn against batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByBatch {
    /// The test metric.
    TestMetric,
    /// Train metric minus test metric, oriented: a loss on unseen data is positive.
    GeneralizationGap,
}

impl ByBatch {
    /// The quantity in words.
    pub fn name(self, metric: &str) -> String {
        match self {
            Self::TestMetric => on_test(metric),
            Self::GeneralizationGap => format!("generalization gap in {metric}"),
        }
    }

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::TestMetric => "test-metric",
            Self::GeneralizationGap => "gap",
        }
    }

    fn of(self, trial: &TrialRow, sign: f64) -> Option<f64> {
        let test = trial.test_metric?;
        match self {
            Self::TestMetric => Some(test),
            Self::GeneralizationGap => Some(sign * (trial.train_metric? - test)),
        }
    }
}

/// What a row of a quantity by batch size shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BatchPoint {
    /// One trial.
    Seed {
        /// Its seed.
        seed: i64,
        /// Its value.
        value: f64,
    },
    /// The mean of the trials with its t interval.
    Mean(Estimate),
}

/// Kind, seed, number of trials, value, and the ends of the interval.
impl Field for BatchPoint {
    const KINDS: &'static [Kind] = &[Kind::Plain; 6];

    fn write(&self, cells: &mut Vec<Value>) {
        let (kind, seed, n, value, interval) = match self {
            Self::Seed { seed, value } => ("seed", Some(*seed), None, *value, None),
            Self::Mean(mean) => ("mean", None, Some(mean.n), mean.value, mean.interval),
        };
        kind.write(cells);
        seed.write(cells);
        n.write(cells);
        value.write(cells);
        interval.write(cells);
    }
}

row! {
    /// A quantity of one arm at one batch size: that of one trial, or the mean of all trials.
    pub struct BatchRow {
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// The value.
        point: BatchPoint as [kind, seed, n, value, low, high],
    }
}

of_arm!(BatchRow);

/// A quantity of every arm and batch size: a row per seed, and a row for the mean.
///
/// # Errors
/// As [`Sample::new`].
pub fn by_batch(task: &Task, quantity: ByBatch, level: f64) -> Result<Rows<BatchRow>, Error> {
    let mut rows = Vec::new();
    for arm in &task.arms {
        for batch_size in &task.batch_sizes {
            let trials: Vec<(i64, f64)> = task
                .confirmations(arm, *batch_size)
                .filter(|trial| trial.outcome == Outcome::Ok)
                .filter_map(|trial| Some((trial.seed, quantity.of(trial, task.sign())?)))
                .collect();
            if trials.is_empty() {
                continue;
            }
            let row = |point| BatchRow {
                arm: arm.clone(),
                batch_size: *batch_size,
                point,
            };
            let seeds = trials.iter();
            rows.extend(seeds.map(|(seed, value)| {
                row(BatchPoint::Seed {
                    seed: *seed,
                    value: *value,
                })
            }));
            let sample = Sample::new(trials.iter().map(|(_, value)| *value).collect())?;
            let mean = mean_t(&sample, level);
            rows.push(row(BatchPoint::Mean(Estimate {
                interval: mean.interval.filter(Interval::has_width),
                ..mean
            })));
        }
    }
    let name = quantity.name(&task.metric);
    Ok(Rows::of_task(
        [task.name.as_str(), quantity.slug()],
        format!("The {name} of {} by batch size.", task.name),
        rows,
    ))
}
