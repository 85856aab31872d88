//! Tables that figures draw: values by batch size, by epoch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Table, Value};
use crate::analysis::Task;
use crate::error::Error;
use crate::records::{EpochRow, Outcome, Phase, Records, Split, Stage, TrialRow};
use crate::stats::{Interval, Sample, mean_t};
use crate::text::on_test;

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

/// A quantity of every arm and batch size: a row a seed, and a row for their mean.
///
/// A row with a seed is a trial; a row without one is the mean with its t interval.
///
/// # Errors
/// As [`Sample::new`].
pub fn by_batch(task: &Task, quantity: ByBatch, level: f64) -> Result<Table, Error> {
    let name = quantity.name(&task.metric);
    let mut table = Table::of_task(
        [task.name.as_str(), quantity.slug()],
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
            let interval = mean.interval.filter(Interval::has_width);
            table.push(vec![
                arm.into(),
                (*batch_size).into(),
                "mean".into(),
                Value::Absent,
                mean.n.into(),
                mean.value.into(),
                interval.map(|interval| interval.low).into(),
                interval.map(|interval| interval.high).into(),
            ]);
        }
    }
    Ok(table)
}

/// Name of a measurement that is a loss.
const LOSS: &str = "loss";

/// What is drawn against epoch, one above the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByEpoch {
    /// Mean magnitude of the logits, global weight norm, and distance moved since the freeze.
    Norms,
    /// Training loss; test loss and test metric where they were measured along the way, else
    /// those on validation data.
    Learning,
}

/// Where the values of a quantity come from.
#[derive(Clone, Copy)]
enum Source {
    Epoch(fn(&EpochRow) -> Option<f64>),
    /// A measurement of the loss on a split.
    Loss(Split),
    /// A measurement of the primary metric on a split.
    Metric(Split),
}

/// A quantity: the columns of its mean, least and largest value.
struct Quantity {
    columns: [&'static str; 3],
    source: Source,
    /// The quantity that it stands in for, and which is drawn instead where it was measured.
    instead_of: Option<&'static str>,
}

impl ByEpoch {
    fn slug(self) -> &'static str {
        match self {
            Self::Norms => "norms",
            Self::Learning => "learning",
        }
    }

    fn quantities(self) -> Vec<Quantity> {
        let quantity = |columns, source| Quantity {
            columns,
            source,
            instead_of: None,
        };
        match self {
            Self::Norms => vec![
                quantity(
                    ["logit_mean_abs", "logit_low", "logit_high"],
                    Source::Epoch(|epoch| Some(epoch.logit_mean_abs)),
                ),
                quantity(
                    ["weight_norm", "weight_norm_low", "weight_norm_high"],
                    Source::Epoch(|epoch| Some(epoch.weight_norm)),
                ),
                quantity(
                    ["distance_from_freeze", "distance_low", "distance_high"],
                    Source::Epoch(|epoch| epoch.distance_from_freeze),
                ),
            ],
            Self::Learning => vec![
                quantity(
                    ["train_loss", "train_loss_low", "train_loss_high"],
                    Source::Epoch(|epoch| Some(epoch.train_loss)),
                ),
                quantity(
                    ["test_loss", "test_loss_low", "test_loss_high"],
                    Source::Loss(Split::Test),
                ),
                Quantity {
                    columns: [
                        "validation_loss",
                        "validation_loss_low",
                        "validation_loss_high",
                    ],
                    source: Source::Loss(Split::Validation),
                    instead_of: Some("test_loss"),
                },
                quantity(
                    ["test_metric", "test_low", "test_high"],
                    Source::Metric(Split::Test),
                ),
                Quantity {
                    columns: ["validation_metric", "validation_low", "validation_high"],
                    source: Source::Epoch(|epoch| epoch.validation_metric),
                    instead_of: Some("test_metric"),
                },
            ],
        }
    }
}

/// An arm by its index, a batch size and the epochs trained, whose bits rise as they do.
type Place = (usize, i64, u64);

/// Everything that the seeds of a place measured.
#[derive(Default)]
struct Cell {
    /// By quantity.
    values: Vec<Vec<f64>>,
    step: i64,
    constrained: bool,
}

/// Mean and range over seeds of some quantities by epoch, for confirmation trials.
///
/// A value that is not finite has no place on an axis: it is left out, and `n`, the number of
/// values of the first quantity, says so. A quantity that was never measured has no columns.
pub fn curves(task: &Task, records: &Records, by: ByEpoch) -> Table {
    let mut quantities = by.quantities();
    let mut cells = cells(task, records, &quantities);
    let kept = kept(&quantities, &cells);
    for cell in cells.values_mut() {
        retain(&mut cell.values, &kept);
    }
    retain(&mut quantities, &kept);

    let mut columns = vec!["arm", "batch_size", "epoch", "step", "n", "phase"];
    columns.extend(quantities.iter().flat_map(|quantity| quantity.columns));
    let mut table = Table::of_task(
        [task.name.as_str(), by.slug()],
        format!(
            "Mean over seeds, and their range, of {} by epoch.",
            task.name
        ),
        &columns,
    );
    for ((arm, batch_size, epoch), cell) in cells {
        let n = cell.values.first().map_or(0, Vec::len);
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
            f64::from_bits(epoch).into(),
            cell.step.into(),
            n.into(),
            phase.to_string().into(),
        ];
        for values in &cell.values {
            let n = values.len() as f64;
            let mean = (n > 0.0).then(|| values.iter().sum::<f64>() / n);
            let all = || values.iter().copied();
            row.extend([mean, all().reduce(f64::min), all().reduce(f64::max)].map(Value::from));
        }
        table.push(row);
    }
    table
}

/// Gathers the values of all quantities by place.
fn cells(task: &Task, records: &Records, quantities: &[Quantity]) -> BTreeMap<Place, Cell> {
    let places: HashMap<&str, (usize, i64)> = records
        .trials
        .iter()
        .filter(|trial| trial.task == task.name && trial.stage == Stage::Confirm)
        .filter_map(|trial| {
            let arm = task.arms.iter().position(|arm| *arm == trial.arm)?;
            Some((trial.trial_id.as_str(), (arm, trial.batch_size)))
        })
        .collect();
    let empty = || Cell {
        values: vec![Vec::new(); quantities.len()],
        ..Cell::default()
    };
    let mut cells: BTreeMap<Place, Cell> = BTreeMap::new();
    for epoch in &records.epochs {
        let Some((arm, batch_size)) = places.get(epoch.trial_id.as_str()) else {
            continue;
        };
        let place = (*arm, *batch_size, epoch.epoch.to_bits());
        let cell = cells.entry(place).or_insert_with(empty);
        for (values, quantity) in cell.values.iter_mut().zip(quantities) {
            if let Source::Epoch(of) = quantity.source {
                values.extend(of(epoch).filter(|value| value.is_finite()));
            }
        }
        cell.step = cell.step.max(epoch.step);
        cell.constrained |= epoch.phase == Phase::Constrained;
    }
    for (which, quantity) in quantities.iter().enumerate() {
        let (split, metric) = match quantity.source {
            Source::Epoch(_) => continue,
            Source::Loss(split) => (split, LOSS),
            Source::Metric(split) => (split, task.metric.as_str()),
        };
        let measured = records
            .measurements
            .iter()
            .filter(|row| row.split == split && row.metric == metric && row.value.is_finite());
        for row in measured {
            let Some((arm, batch_size)) = places.get(row.trial_id.as_str()) else {
                continue;
            };
            if let Some(cell) = cells.get_mut(&(*arm, *batch_size, row.epoch.to_bits())) {
                cell.values[which].push(row.value);
            }
        }
    }
    cells
}

/// Which quantities are drawn: those with a curve, and of two that stand in for each other the
/// one asked for.
fn kept(quantities: &[Quantity], cells: &BTreeMap<Place, Cell>) -> Vec<bool> {
    let has_curve = |which: usize| {
        let measured = cells
            .iter()
            .filter(|(_, cell)| !cell.values[which].is_empty());
        let epochs: BTreeSet<u64> = measured.map(|((_, _, epoch), _)| *epoch).collect();
        // A metric that was measured once, at the end, is no curve.
        match quantities[which].source {
            Source::Epoch(_) => !epochs.is_empty(),
            Source::Loss(_) | Source::Metric(_) => epochs.len() > 1,
        }
    };
    let drawn: Vec<bool> = (0..quantities.len()).map(has_curve).collect();
    let replaced = |quantity: &Quantity| {
        quantity.instead_of.is_some_and(|name| {
            let mut others = quantities.iter().zip(&drawn);
            others.any(|(other, drawn)| *drawn && other.columns[0] == name)
        })
    };
    let both = quantities.iter().zip(&drawn);
    both.map(|(quantity, drawn)| *drawn && !replaced(quantity))
        .collect()
}

fn retain<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    values.retain(|_| kept.next().is_some_and(|kept| *kept));
}
