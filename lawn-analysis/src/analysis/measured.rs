//! The number that one arm and seed measured for a question, or what is missing for it.

use super::freeze::{distance_moved, freeze_of};
use super::lack::{Cause, Lack};
use super::place::Place;
use super::quantity::{Amount, Quantity};
use super::question::Question;
use super::study::{CurvePoint, Task};
use crate::records::{Outcome, TrialRow};
use crate::text::at_batch;

/// The quantity of one arm and seed at a place, or why there is none.
pub(super) fn quantity(
    task: &Task,
    place: &Place,
    arm: &str,
    reference: i64,
    seed: i64,
) -> Result<Quantity, Lack> {
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
        Question::GeneralizationGap => Ok(Quantity::Amount(gap(trial, task.sign())?)),
        Question::DistanceMoved => distance_moved(task.curve(trial))
            .map(|distance| Quantity::Amount(Amount::recorded(distance)))
            .ok_or_else(|| Lack::number("no distance from the freeze", batch)),
        Question::LogitGrowth | Question::LossFall => {
            let freeze = freeze_at(task, &place.contrast.treatment, batch, seed)?;
            since(task.curve(trial), freeze, place.question).ok_or_else(|| {
                Lack::number("no finite value both at the freeze and after it", batch)
            })
        }
        _ => Ok(Quantity::Amount(amount(trial)?)),
    }
}

/// The epoch at which the treatment froze. Both arms are measured from it.
fn freeze_at(task: &Task, treatment: &str, batch: i64, seed: i64) -> Result<f64, Lack> {
    let none = |cause, why: &str| Lack {
        cause,
        why: format!("no freeze of {treatment} to measure from: {why}"),
    };
    // The trial of the arm in question is known to exist. A missing trial is therefore that of the
    // other arm, and the arm in question lacks a number, not a trial.
    let freezing = finished(task, treatment, batch, seed).map_err(|lack| match lack.cause {
        Cause::NoTrial => none(Cause::NoNumber, &lack.why),
        cause => none(cause, &lack.why),
    })?;
    freeze_of(task.curve(freezing))
        .or_else(|| freeze_of_others(task, freezing))
        .ok_or_else(|| {
            let why = format!(
                "no epoch ended in the constrained phase {}",
                at_batch(batch)
            );
            none(Cause::NoNumber, &why)
        })
}

fn drop_of(task: &Task, small: &TrialRow, large: &TrialRow) -> Result<Quantity, Lack> {
    if small.outcome == Outcome::Diverged {
        return Err(Lack::diverged(small.batch_size));
    }
    if large.outcome == Outcome::Diverged {
        return Ok(Quantity::Diverged);
    }
    Ok(Quantity::Amount(match (count_of(small), count_of(large)) {
        (Some((a, total)), Some((b, same))) if total == same => {
            let count = if task.higher_is_better { a - b } else { b - a };
            Amount::Count { count, total }
        }
        _ => Amount::difference(test_metric(small)?, test_metric(large)?, task.sign()),
    }))
}

fn overall(task: &Task, question: Question, arm: &str, seed: i64) -> Result<Quantity, Lack> {
    let log2 = |batch: &i64| (*batch as f64).log2();
    let middle = task.batch_sizes.iter().map(log2).sum::<f64>() / task.batch_sizes.len() as f64;
    let mut points = Vec::with_capacity(task.batch_sizes.len());
    let mut diverged = false;
    for batch in &task.batch_sizes {
        let trial = finished(task, arm, *batch, seed)?;
        if trial.outcome == Outcome::Diverged {
            // A divergence is a loss without a limit. At a large batch it makes the slope as bad as
            // can be. At a small batch it would make the slope as good as can be, so there is no
            // number.
            if log2(batch) <= middle {
                return Err(Lack::diverged(*batch));
            }
            diverged = true;
            continue;
        }
        let value = match question {
            Question::TestSlope => amount(trial)?,
            _ => gap(trial, task.sign())?,
        };
        points.push((*batch, value));
    }
    if diverged {
        return Ok(Quantity::Diverged);
    }
    if points.len() < 2 || points[0].0 < 1 {
        return Err(Lack {
            cause: Cause::NoNumber,
            why: "a slope needs two batch sizes or more, each at least 1".to_owned(),
        });
    }
    Ok(Quantity::Slope(points))
}

/// The epoch at which a trial that diverged before its freeze would have frozen. It is the epoch of
/// all other trials of its arm and batch size; none where these froze at different epochs.
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
fn since(curve: &[CurvePoint], freeze: f64, question: Question) -> Option<Quantity> {
    let from = curve.iter().find(|point| point.epoch == freeze)?;
    let to = curve.last().filter(|point| point.epoch > freeze)?;
    let (value, quantity) = match question {
        Question::LogitGrowth => {
            let (from, to) = (from.logit_mean_abs, to.logit_mean_abs);
            ((to / from).log2(), Quantity::Doublings { from, to })
        }
        _ => {
            let (from, to) = (from.train_loss, to.train_loss);
            let fall = Amount::difference(from, to, 1.0);
            (from - to, Quantity::Amount(fall))
        }
    };
    value.is_finite().then_some(quantity)
}

/// The trial of a seed, if it ended well or diverged. Other outcomes say nothing about an arm.
fn finished<'a>(
    task: &'a Task,
    arm: &str,
    batch_size: i64,
    seed: i64,
) -> Result<&'a TrialRow, Lack> {
    let lack = |cause, what: &str| Lack {
        cause,
        why: format!("{what} {}", at_batch(batch_size)),
    };
    let trial = task
        .confirmation(arm, batch_size, seed)
        .ok_or_else(|| lack(Cause::NoTrial, "no confirmation trial"))?;
    match trial.outcome {
        Outcome::Ok | Outcome::Diverged => Ok(trial),
        outcome => Err(lack(Cause::Failed, &outcome.to_string())),
    }
}

fn test_metric(trial: &TrialRow) -> Result<f64, Lack> {
    trial
        .test_metric
        .ok_or_else(|| Lack::number("no test metric", trial.batch_size))
}

/// The test metric, as a count where it is one.
fn amount(trial: &TrialRow) -> Result<Amount, Lack> {
    Ok(match count_of(trial) {
        Some((count, total)) => Amount::Count { count, total },
        None => Amount::recorded(test_metric(trial)?),
    })
}

/// Generalization gap of one trial: positive where the metric is worse on test data.
fn gap(trial: &TrialRow, sign: f64) -> Result<Amount, Lack> {
    let train = trial
        .train_metric
        .ok_or_else(|| Lack::number("no train metric", trial.batch_size))?;
    Ok(Amount::difference(train, test_metric(trial)?, sign))
}

/// The count behind the test metric, where the metric is that count over its total.
fn count_of(trial: &TrialRow) -> Option<(i64, i64)> {
    let (count, total, value) = (trial.test_count?, trial.test_total?, trial.test_metric?);
    let agrees = total > 0 && (value - count as f64 / total as f64).abs() <= 1e-9;
    agrees.then_some((count, total))
}
