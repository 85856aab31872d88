//! The questions asked of every contrast, as one number a seed and arm.

use serde::Serialize;

use super::comparison::Place;
use super::study::{CurvePoint, Task};
use crate::records::{Outcome, Phase, TrialRow};
use crate::stats::{decimal_minus, rounded_at};
use crate::text::at_batch;

/// What two arms are compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The test metric at a batch size.
    TestMetric,
    /// Train metric minus test metric at a batch size.
    GeneralizationGap,
    /// Test metric at the reference batch size minus test metric at a batch size.
    LargeBatchDrop,
    /// Test metric at a batch size, the baseline's taken at the reference batch size.
    AgainstReference,
    /// The test metric at a batch size, against the baseline of best validation metric.
    AgainstBest,
    /// Growth of the logits after the treatment's freeze, in doublings.
    LogitGrowth,
    /// Fall of the training loss after the treatment's freeze.
    LossFall,
    /// How far the weights moved after the treatment's freeze.
    DistanceMoved,
    /// Slope of the test metric on log2 of the batch size, over all batch sizes.
    TestSlope,
    /// Slope of the generalization gap on log2 of the batch size, over all batch sizes.
    GapSlope,
}

impl Question {
    /// The questions asked at each batch size.
    pub const BY_BATCH: [Self; 8] = [
        Self::TestMetric,
        Self::GeneralizationGap,
        Self::LargeBatchDrop,
        Self::AgainstReference,
        Self::AgainstBest,
        Self::LogitGrowth,
        Self::LossFall,
        Self::DistanceMoved,
    ];
    /// The questions about what happens after the freeze.
    pub const ADAPTIVITY: [Self; 3] = [Self::LogitGrowth, Self::LossFall, Self::DistanceMoved];
    /// The questions with one answer over all batch sizes.
    pub const OVERALL: [Self; 2] = [Self::TestSlope, Self::GapSlope];

    /// The quantity in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestMetric => "test metric",
            Self::GeneralizationGap => "generalization gap",
            Self::LargeBatchDrop => "large-batch drop",
            Self::AgainstReference => "test metric against the reference batch",
            Self::AgainstBest => "test metric against the best baseline",
            Self::LogitGrowth => "logit growth after the freeze",
            Self::LossFall => "fall of the training loss after the freeze",
            Self::DistanceMoved => "distance moved after the freeze",
            Self::TestSlope => "test metric per doubling of the batch",
            Self::GapSlope => "generalization gap per doubling of the batch",
        }
    }

    /// Whether more of the quantity is better, for a metric of which more is better.
    ///
    /// Gaps and drops are oriented so that a loss on unseen data, or at a large batch, is
    /// positive whichever way the metric points.
    pub fn more_is_better(self, higher_is_better: bool) -> bool {
        match self {
            Self::TestMetric | Self::AgainstReference | Self::AgainstBest | Self::TestSlope => {
                higher_is_better
            }
            Self::LossFall | Self::DistanceMoved => true,
            Self::GeneralizationGap | Self::LargeBatchDrop | Self::LogitGrowth | Self::GapSlope => {
                false
            }
        }
    }

    /// Whether the quantity is in the unit of the metric, so that a margin of the metric applies.
    pub fn in_metric_units(self) -> bool {
        !Self::ADAPTIVITY.contains(&self)
    }

    /// Whether there is one answer over all batch sizes.
    pub fn overall(self) -> bool {
        matches!(self, Self::TestSlope | Self::GapSlope)
    }
}

/// The quantity of one arm and seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quantity {
    /// A number.
    Value(f64),
    /// A count, or a difference of counts, out of a total.
    Count { count: i64, total: i64 },
    /// A trial that it needs diverged: worse than any number.
    Diverged,
}

impl Quantity {
    /// The quantity as a number, unless it diverged.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Count { count, total } => Some(count as f64 / total as f64),
            Self::Diverged => None,
        }
    }
}

/// How the reason begins where a trial diverged.
pub(super) const DIVERGED: &str = "diverged";

/// The quantity of one arm and seed at a place, or why there is none.
pub(crate) fn quantity(
    task: &Task,
    place: &Place,
    arm: &str,
    reference: i64,
    seed: i64,
) -> Result<Quantity, String> {
    let Some(batch) = place.batch_of(arm, reference) else {
        return overall(task, place.question, arm, seed);
    };
    let trial = finished(task, arm, batch, seed)?;
    if place.question == Question::LargeBatchDrop {
        return drop_of(task, finished(task, arm, reference, seed)?, trial);
    }
    if trial.outcome == Outcome::Diverged {
        return Ok(Quantity::Diverged);
    }
    match place.question {
        Question::GeneralizationGap => Ok(Quantity::Value(gap(trial, task.sign())?)),
        Question::DistanceMoved => distance_moved(task.curve(trial))
            .map(Quantity::Value)
            .ok_or_else(|| format!("no distance from the freeze {}", at_batch(batch))),
        Question::LogitGrowth | Question::LossFall => {
            let freezing = finished(task, &place.contrast.treatment, batch, seed)?;
            let freeze = freeze_of(task.curve(freezing))
                .or_else(|| freeze_of_others(task, freezing))
                .ok_or_else(|| format!("no freeze {}", at_batch(batch)))?;
            since(task.curve(trial), freeze, place.question)
                .map(Quantity::Value)
                .ok_or_else(|| format!("no epochs about the freeze {}", at_batch(batch)))
        }
        _ => Ok(match count_of(trial) {
            Some((count, total)) => Quantity::Count { count, total },
            None => Quantity::Value(test_metric(trial)?),
        }),
    }
}

fn drop_of(task: &Task, small: &TrialRow, large: &TrialRow) -> Result<Quantity, String> {
    if small.outcome == Outcome::Diverged {
        return Err(format!("{DIVERGED} {}", at_batch(small.batch_size)));
    }
    if large.outcome == Outcome::Diverged {
        return Ok(Quantity::Diverged);
    }
    Ok(match (count_of(small), count_of(large)) {
        (Some((a, total)), Some((b, same))) if total == same => {
            let count = if task.higher_is_better { a - b } else { b - a };
            Quantity::Count { count, total }
        }
        _ => Quantity::Value(task.sign() * decimal_minus(test_metric(small)?, test_metric(large)?)),
    })
}

fn overall(task: &Task, question: Question, arm: &str, seed: i64) -> Result<Quantity, String> {
    let log2 = |batch: &i64| (*batch as f64).log2();
    let middle = task.batch_sizes.iter().map(log2).sum::<f64>() / task.batch_sizes.len() as f64;
    let mut points = Vec::with_capacity(task.batch_sizes.len());
    let mut diverged = false;
    for batch in &task.batch_sizes {
        let trial = finished(task, arm, *batch, seed)?;
        if trial.outcome == Outcome::Diverged {
            // No end of loss at a large batch is no end of slope; at a small one, of the opposite.
            if log2(batch) <= middle {
                return Err(format!("{DIVERGED} {}", at_batch(*batch)));
            }
            diverged = true;
            continue;
        }
        let value = match question {
            Question::TestSlope => test_metric(trial)?,
            _ => gap(trial, task.sign())?,
        };
        points.push((log2(batch), value));
    }
    if diverged {
        return Ok(Quantity::Diverged);
    }
    slope(&points)
        .map(Quantity::Value)
        .ok_or("a single batch size has no slope".into())
}

/// The last epoch that ended free, where a later one ended constrained.
pub(crate) fn freeze_of(curve: &[CurvePoint]) -> Option<f64> {
    let first = curve
        .iter()
        .position(|point| point.phase == Phase::Constrained)?;
    Some(curve[first.checked_sub(1)?].epoch)
}

/// When a trial that diverged before it froze would have: with all others of its place.
fn freeze_of_others(task: &Task, trial: &TrialRow) -> Option<f64> {
    let others = task.confirmations(&trial.arm, trial.batch_size);
    let mut freezes = others.filter_map(|other| freeze_of(task.curve(other)));
    let first = freezes
        .next()
        .filter(|_| trial.outcome == Outcome::Diverged)?;
    freezes.all(|freeze| freeze == first).then_some(first)
}

/// Change from the end of the epoch `freeze` to the end of training.
///
/// ```text
/// logit growth = log2(mean |logit| at the end / mean |logit| at the freeze)
/// loss fall    = loss at the freeze − loss at the end
/// ```
///
/// Both arms are measured from the epoch at which the treatment froze.
fn since(curve: &[CurvePoint], freeze: f64, question: Question) -> Option<f64> {
    let from = curve.iter().find(|point| point.epoch == freeze)?;
    let to = curve.last().filter(|point| point.epoch > freeze)?;
    let value = match question {
        Question::LogitGrowth => (to.logit_mean_abs / from.logit_mean_abs).log2(),
        _ => from.train_loss - to.train_loss,
    };
    value.is_finite().then_some(value)
}

/// Distance from the freeze at the end of training.
///
/// ```text
/// ‖w − w at the freeze‖₂
/// ```
pub(crate) fn distance_moved(curve: &[CurvePoint]) -> Option<f64> {
    curve
        .last()?
        .distance_from_freeze
        .filter(|distance| distance.is_finite())
}

/// The trial of that seed, if it ended in a way that says something about its arm.
fn finished<'a>(
    task: &'a Task,
    arm: &str,
    batch_size: i64,
    seed: i64,
) -> Result<&'a TrialRow, String> {
    let trial = task
        .confirmation(arm, batch_size, seed)
        .ok_or_else(|| format!("no confirmation trial {}", at_batch(batch_size)))?;
    match trial.outcome {
        Outcome::Ok | Outcome::Diverged => Ok(trial),
        outcome => Err(format!("{outcome} {}", at_batch(batch_size))),
    }
}

fn test_metric(trial: &TrialRow) -> Result<f64, String> {
    trial
        .test_metric
        .ok_or_else(|| format!("no test metric {}", at_batch(trial.batch_size)))
}

/// Generalization gap of one trial: positive where the metric is worse on test data.
fn gap(trial: &TrialRow, sign: f64) -> Result<f64, String> {
    let train = trial
        .train_metric
        .ok_or_else(|| format!("no train metric {}", at_batch(trial.batch_size)))?;
    Ok(sign * decimal_minus(train, test_metric(trial)?))
}

/// The count behind the test metric, where the metric is that count over its total.
fn count_of(trial: &TrialRow) -> Option<(i64, i64)> {
    let (count, total, value) = (trial.test_count?, trial.test_total?, trial.test_metric?);
    let agrees = total > 0 && (value - count as f64 / total as f64).abs() <= 1e-9;
    agrees.then_some((count, total))
}

/// Least-squares slope.
///
/// ```text
/// Σ (xᵢ − x̄)(yᵢ − ȳ) / Σ (xᵢ − x̄)²
/// ```
///
/// Rounded at the 14th digit of the largest |yᵢ|, so that slopes are equal that differ by their
/// rounding only.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let x_mean = points.iter().map(|(x, _)| x).sum::<f64>() / n;
    let y_mean = points.iter().map(|(_, y)| y).sum::<f64>() / n;
    let across: f64 = points
        .iter()
        .map(|(x, y)| (x - x_mean) * (y - y_mean))
        .sum();
    let along: f64 = points
        .iter()
        .map(|(x, _)| (x - x_mean) * (x - x_mean))
        .sum();
    let largest = points.iter().map(|(_, y)| y.abs()).fold(0.0, f64::max);
    let exponent = largest.log10().floor().max(-300.0) as i32 - 13;
    (points.len() > 1 && along > 0.0).then(|| rounded_at(across / along, exponent))
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn slopes_that_are_equal_are_equal_in_the_last_bit() {
        let of = |top: [f64; 3]| slope(&[(6.0, top[0]), (8.0, top[1]), (10.0, top[2])]);
        for top in [[0.7, 0.68, 0.66], [0.53, 0.51, 0.49], [0.111, 0.091, 0.071]] {
            assert_eq!(of(top), Some(-0.01), "{top:?}");
        }
        assert_eq!(of([0.3, 0.1, 0.3]), Some(0.0));
        assert_eq!(of([0.0; 3]), Some(0.0));
        assert_eq!(of([3e-200, 2e-200, 1e-200]), Some(-5e-201));
        assert_eq!(slope(&[(6.0, 0.5)]), None);
    }
}
