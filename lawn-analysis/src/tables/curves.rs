//! Mean and range over seeds of what trials recorded during training, by epoch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::column::Column;
use super::field::{Field, Kind, Spread};
use super::row::{Row, Rows, of_arm};
use super::value::Value;
use crate::analysis::Task;
use crate::records::{EpochRow, Phase, Records, Split, Stage};

/// The name of measurements that are a loss.
const LOSS: &str = "loss";

/// Quantities that are drawn against epoch, one above the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByEpoch {
    /// Mean magnitude of the logits, global weight norm, and distances from the freeze.
    Norms,
    /// Training loss, test loss and test metric. Where the latter two were not measured during
    /// training, those on validation data take their place.
    Learning,
}

impl ByEpoch {
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Norms => "norms",
            Self::Learning => "learning",
        }
    }

    fn quantities(self) -> &'static [CurveQuantity] {
        match self {
            Self::Norms => &[
                CurveQuantity::LogitMagnitude,
                CurveQuantity::WeightNorm,
                CurveQuantity::DistanceFromFreeze,
                CurveQuantity::FunctionDistance,
            ],
            Self::Learning => &[
                CurveQuantity::TrainLoss,
                CurveQuantity::TestLoss,
                CurveQuantity::ValidationLoss,
                CurveQuantity::TestMetric,
                CurveQuantity::ValidationMetric,
            ],
        }
    }
}

/// A quantity that has a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveQuantity {
    /// Mean magnitude of the logits.
    LogitMagnitude,
    /// Global norm of the weights.
    WeightNorm,
    /// Distance of the weights from where they were at the freeze.
    DistanceFromFreeze,
    /// Distance of the answers to validation inputs from those at the same place.
    FunctionDistance,
    /// Mean training loss.
    TrainLoss,
    /// Loss on test data.
    TestLoss,
    /// Loss on validation data.
    ValidationLoss,
    /// Primary metric on test data.
    TestMetric,
    /// Primary metric on validation data.
    ValidationMetric,
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

impl CurveQuantity {
    /// The columns of its mean, its smallest and its largest value.
    fn names(self) -> [&'static str; 3] {
        match self {
            Self::LogitMagnitude => ["logit_mean_abs", "logit_low", "logit_high"],
            Self::WeightNorm => ["weight_norm", "weight_norm_low", "weight_norm_high"],
            Self::DistanceFromFreeze => ["distance_from_freeze", "distance_low", "distance_high"],
            Self::FunctionDistance => ["function_distance", "function_low", "function_high"],
            Self::TrainLoss => ["train_loss", "train_loss_low", "train_loss_high"],
            Self::TestLoss => ["test_loss", "test_loss_low", "test_loss_high"],
            Self::ValidationLoss => [
                "validation_loss",
                "validation_loss_low",
                "validation_loss_high",
            ],
            Self::TestMetric => ["test_metric", "test_low", "test_high"],
            Self::ValidationMetric => ["validation_metric", "validation_low", "validation_high"],
        }
    }

    fn source(self) -> Source {
        match self {
            Self::LogitMagnitude => Source::Epoch(|epoch| Some(epoch.logit_mean_abs)),
            Self::WeightNorm => Source::Epoch(|epoch| Some(epoch.weight_norm)),
            Self::DistanceFromFreeze => Source::Epoch(|epoch| epoch.distance_from_freeze),
            Self::FunctionDistance => Source::Epoch(|epoch| epoch.function_distance),
            Self::TrainLoss => Source::Epoch(|epoch| Some(epoch.train_loss)),
            Self::TestLoss => Source::Loss(Split::Test),
            Self::ValidationLoss => Source::Loss(Split::Validation),
            Self::TestMetric => Source::Metric(Split::Test),
            Self::ValidationMetric => Source::Epoch(|epoch| epoch.validation_metric),
        }
    }

    /// The quantity that it stands in for. That one is drawn instead, where it was measured.
    fn instead_of(self) -> Option<Self> {
        match self {
            Self::ValidationLoss => Some(Self::TestLoss),
            Self::ValidationMetric => Some(Self::TestMetric),
            _ => None,
        }
    }
}

/// What the seeds of one arm and batch size recorded at one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveRow {
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// Epochs trained.
    pub epoch: f64,
    /// Optimizer steps taken.
    pub step: i64,
    /// Seeds with a value of the first quantity.
    pub n: usize,
    /// The phase of the arm: constrained where that of any seed is.
    pub phase: Phase,
    /// Mean and range of each quantity of [`Curves::quantities`], in their order.
    pub values: Vec<Option<Spread>>,
}

impl Row for CurveRow {
    /// The columns that all such rows have. Those of the quantities follow.
    fn columns() -> Vec<Column> {
        ["arm", "batch_size", "epoch", "step", "n", "phase"]
            .map(plain)
            .to_vec()
    }

    fn cells(&self) -> Vec<Value> {
        let mut cells = Vec::with_capacity(6 + 3 * self.values.len());
        self.arm.write(&mut cells);
        self.batch_size.write(&mut cells);
        self.epoch.write(&mut cells);
        self.step.write(&mut cells);
        self.n.write(&mut cells);
        self.phase.write(&mut cells);
        for value in &self.values {
            value.write(&mut cells);
        }
        cells
    }
}

of_arm!(CurveRow);

fn plain(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Plain,
        detail: false,
    }
}

/// Curves of some quantities.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// The measured quantities. Others have no columns.
    pub quantities: Vec<CurveQuantity>,
    /// A row per arm, batch size and epoch.
    pub rows: Rows<CurveRow>,
}

/// The index of an arm, a batch size, and the bits of the epochs trained, which are ordered as the
/// epochs are.
type Place = (usize, i64, u64);

/// All values that the seeds of one place measured.
#[derive(Default)]
struct Cell {
    /// The values, by quantity.
    values: Vec<Vec<f64>>,
    step: i64,
    constrained: bool,
}

/// Mean and range over seeds of some quantities by epoch, for confirmation trials.
///
/// A value that is not finite has no place on an axis and is left out. `n`, the number of values of
/// the first quantity, shows this.
pub fn curves(task: &Task, records: &Records, by: ByEpoch) -> Curves {
    let all = by.quantities();
    let cells = cells(task, records, all);
    let kept = kept(all, &cells);
    let quantities: Vec<CurveQuantity> = kept.iter().map(|which| all[*which]).collect();
    let row = |((arm, batch_size, epoch), cell): (Place, Cell)| {
        let values = kept.iter().map(|which| &cell.values[*which]);
        let n = values.clone().next().map_or(0, Vec::len);
        (n > 0).then(|| CurveRow {
            arm: task.arms[arm].clone(),
            batch_size,
            epoch: f64::from_bits(epoch),
            step: cell.step,
            n,
            phase: if cell.constrained {
                Phase::Constrained
            } else {
                Phase::Free
            },
            values: values.map(|values| Spread::of(values)).collect(),
        })
    };
    let rows = Rows::of_task(
        [task.name.as_str(), by.slug()],
        format!(
            "Mean over seeds, and their range, of {} by epoch.",
            task.name
        ),
        cells.into_iter().filter_map(row).collect(),
    );
    let names = quantities.iter().flat_map(|quantity| quantity.names());
    Curves {
        rows: rows.with_columns(names.map(plain)),
        quantities,
    }
}

/// Gathers the values of all quantities by place.
fn cells(task: &Task, records: &Records, quantities: &[CurveQuantity]) -> BTreeMap<Place, Cell> {
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
            if let Source::Epoch(of) = quantity.source() {
                values.extend(of(epoch).filter(|value| value.is_finite()));
            }
        }
        cell.step = cell.step.max(epoch.step);
        cell.constrained |= epoch.phase == Phase::Constrained;
    }
    for (which, quantity) in quantities.iter().enumerate() {
        let (split, metric) = match quantity.source() {
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

/// The indices of the quantities that are drawn: those with a curve. Of two that stand in for each
/// other, it is the one asked for.
fn kept(quantities: &[CurveQuantity], cells: &BTreeMap<Place, Cell>) -> Vec<usize> {
    let has_curve = |which: usize| {
        let measured = cells
            .iter()
            .filter(|(_, cell)| !cell.values[which].is_empty());
        let epochs: BTreeSet<u64> = measured.map(|((_, _, epoch), _)| *epoch).collect();
        // A metric that was measured only once, at the end, is not a curve.
        match quantities[which].source() {
            Source::Epoch(_) => !epochs.is_empty(),
            Source::Loss(_) | Source::Metric(_) => epochs.len() > 1,
        }
    };
    let mut drawn: Vec<usize> = (0..quantities.len())
        .filter(|which| has_curve(*which))
        .collect();
    let all: Vec<CurveQuantity> = drawn.iter().map(|which| quantities[*which]).collect();
    drawn.retain(|which| {
        let asked_for = quantities[*which].instead_of();
        asked_for.is_none_or(|other| !all.contains(&other))
    });
    drawn
}
