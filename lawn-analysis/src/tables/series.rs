//! Tables that figures draw: values by batch size, by epoch.

use std::collections::{BTreeMap, HashMap};

use super::{Table, Value};
use crate::analysis::Task;
use crate::error::Error;
use crate::records::{EpochRow, Outcome, Phase, Records, Stage, TrialRow};
use crate::stats::{Sample, mean_t};
use crate::text::slug;

/// What is drawn against batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByBatch {
    /// The test metric.
    TestMetric,
    /// Train metric minus test metric, oriented so that a loss on unseen data is positive.
    GeneralizationGap,
}

impl ByBatch {
    /// The quantity in words.
    pub fn name(self, metric: &str) -> String {
        match self {
            Self::TestMetric => format!("test {metric}"),
            Self::GeneralizationGap => format!("generalization gap in {metric}"),
        }
    }

    fn slug(self) -> &'static str {
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

/// A quantity of every arm and batch size: a row a seed, and a row for their mean.
///
/// A row with a seed is a trial; a row without one is the mean with its t interval.
///
/// # Errors
/// As [`Sample::new`].
pub fn by_batch(task: &Task, quantity: ByBatch, level: f64) -> Result<Table, Error> {
    let name = quantity.name(&task.metric);
    let mut table = Table::new(
        format!("{}-{}", slug(&task.name), quantity.slug()),
        format!("The {name} of {} by batch size.", task.name),
        &[
            "arm",
            "batch_size",
            "kind",
            "seed",
            "n",
            "value",
            "low",
            "high",
        ],
    );
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
            for (seed, value) in &trials {
                table.push(vec![
                    arm.into(),
                    (*batch_size).into(),
                    "seed".into(),
                    (*seed).into(),
                    Value::Absent,
                    (*value).into(),
                    Value::Absent,
                    Value::Absent,
                ]);
            }
            let sample = Sample::new(trials.iter().map(|(_, value)| *value).collect())?;
            let mean = mean_t(&sample, level);
            table.push(vec![
                arm.into(),
                (*batch_size).into(),
                "mean".into(),
                Value::Absent,
                mean.n.into(),
                mean.value.into(),
                mean.interval.map(|interval| interval.low).into(),
                mean.interval.map(|interval| interval.high).into(),
            ]);
        }
    }
    Ok(table)
}

/// What is drawn against epoch, one above the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByEpoch {
    /// Mean magnitude of the logits, and global weight norm.
    Norms,
    /// Training loss, and validation metric.
    Learning,
}

impl ByEpoch {
    fn slug(self) -> &'static str {
        match self {
            Self::Norms => "norms",
            Self::Learning => "learning",
        }
    }

    fn columns(self) -> [&'static str; 6] {
        match self {
            Self::Norms => [
                "logit_mean_abs",
                "logit_low",
                "logit_high",
                "weight_norm",
                "weight_norm_low",
                "weight_norm_high",
            ],
            Self::Learning => [
                "train_loss",
                "train_loss_low",
                "train_loss_high",
                "validation_metric",
                "validation_low",
                "validation_high",
            ],
        }
    }

    fn of(self, epoch: &EpochRow) -> [Option<f64>; 2] {
        match self {
            Self::Norms => [Some(epoch.logit_mean_abs), Some(epoch.weight_norm)],
            Self::Learning => [Some(epoch.train_loss), epoch.validation_metric],
        }
    }
}

/// Mean and range over seeds of two quantities by epoch, for confirmation trials.
///
/// A value that is not finite has no place on an axis: it is left out, and `n` says so.
pub fn curves(task: &Task, records: &Records, quantities: ByEpoch) -> Table {
    let mut columns = vec!["arm", "batch_size", "epoch", "n", "phase"];
    columns.extend(quantities.columns());
    let mut table = Table::new(
        format!("{}-{}", slug(&task.name), quantities.slug()),
        format!(
            "Mean over seeds, and their range, of {} by epoch.",
            task.name
        ),
        &columns,
    );
    let trials: HashMap<&str, &TrialRow> = records
        .trials
        .iter()
        .filter(|trial| trial.task == task.name && trial.stage == Stage::Confirm)
        .map(|trial| (trial.trial_id.as_str(), trial))
        .collect();
    let place = |trial: &TrialRow| {
        let arm = task
            .arms
            .iter()
            .position(|arm| *arm == trial.arm)
            .unwrap_or(usize::MAX);
        (arm, trial.batch_size)
    };
    // Trials of one arm and batch size are evaluated after the same numbers of samples.
    let mut cells: BTreeMap<(usize, i64, i64), Cell> = BTreeMap::new();
    for epoch in &records.epochs {
        let Some(trial) = trials.get(epoch.trial_id.as_str()) else {
            continue;
        };
        let (arm, batch_size) = place(trial);
        let cell = cells.entry((arm, batch_size, epoch.samples)).or_default();
        cell.epoch = epoch.epoch;
        for (values, value) in cell.values.iter_mut().zip(quantities.of(epoch)) {
            values.extend(value.filter(|value| value.is_finite()));
        }
        cell.constrained |= epoch.phase == Phase::Constrained;
    }
    for ((arm, batch_size, _), cell) in cells {
        let n = cell.values[0].len();
        if n == 0 {
            continue;
        }
        let phase = if cell.constrained {
            Phase::Constrained
        } else {
            Phase::Free
        };
        let mut row = vec![
            (&task.arms[arm]).into(),
            batch_size.into(),
            cell.epoch.into(),
            n.into(),
            phase.to_string().into(),
        ];
        for values in &cell.values {
            if values.is_empty() {
                row.extend([Value::Absent, Value::Absent, Value::Absent]);
                continue;
            }
            row.push((values.iter().sum::<f64>() / values.len() as f64).into());
            row.push(values.iter().copied().fold(f64::INFINITY, f64::min).into());
            row.push(
                values
                    .iter()
                    .copied()
                    .fold(f64::NEG_INFINITY, f64::max)
                    .into(),
            );
        }
        table.push(row);
    }
    table
}

#[derive(Default)]
struct Cell {
    epoch: f64,
    values: [Vec<f64>; 2],
    constrained: bool,
}
