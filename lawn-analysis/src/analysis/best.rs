//! The best baseline, chosen on validation data alone.

use super::study::Task;
use super::tuning::Tuning;
use crate::records::Outcome;
use crate::request::{Contrast, ReportRequest};
use crate::stats::Integers;

/// The baseline of the registered contrasts whose validation metric is best in the mean over all
/// batch sizes of a task.
///
/// At each batch size, a baseline counts with the validation metric of its tuned setting. Where
/// nothing was tuned, it counts with the mean of its confirmation trials. There is no best baseline
/// among fewer than two, or where one of them has no validation metric at some batch size. Test
/// data take no part.
pub fn best_baseline<'a>(
    task: &Task,
    request: &'a ReportRequest,
    tuning: &[Tuning],
) -> Option<&'a str> {
    let mut baselines: Vec<&str> = Vec::new();
    for contrast in &request.contrasts {
        let name = contrast.baseline.as_str();
        if !baselines.contains(&name) && task.arms.iter().any(|arm| arm == name) {
            baselines.push(name);
        }
    }
    if baselines.len() < 2 {
        return None;
    }
    let scores: Option<Vec<f64>> = baselines
        .iter()
        .flat_map(|arm| {
            let by_batch = task.batch_sizes.iter();
            by_batch.map(|batch| Some(task.sign() * validation(task, arm, *batch, tuning)?))
        })
        .collect();
    // The sums are exact, so that the baseline registered first wins a tie.
    let scores = Integers::of(&scores?).units;
    let sums = scores.chunks(task.batch_sizes.len());
    let sums = sums.map(|by_batch| by_batch.iter().sum::<i128>());
    let scored: Vec<(&str, i128)> = baselines.into_iter().zip(sums).collect();
    let best = scored.into_iter().rev().max_by_key(|(_, sum)| *sum);
    best.map(|(arm, _)| arm)
}

/// The contrasts of every treatment with the best baseline, without those that are registered.
pub(super) fn contrasts(task: &Task, request: &ReportRequest, tuning: &[Tuning]) -> Vec<Contrast> {
    let Some(best) = best_baseline(task, request, tuning) else {
        return Vec::new();
    };
    let mut contrasts: Vec<Contrast> = Vec::new();
    for contrast in &request.contrasts {
        let against = Contrast {
            baseline: best.to_owned(),
            treatment: contrast.treatment.clone(),
        };
        if !request.contrasts.contains(&against) && !contrasts.contains(&against) {
            contrasts.push(against);
        }
    }
    contrasts
}

fn validation(task: &Task, arm: &str, batch_size: i64, tuning: &[Tuning]) -> Option<f64> {
    let tuned = tuning.iter().find(|row| {
        (row.task.as_str(), row.arm.as_str(), row.batch_size) == (&task.name, arm, batch_size)
    });
    if let Some(tuned) = tuned {
        return tuned.validation;
    }
    let values: Vec<f64> = task
        .confirmations(arm, batch_size)
        .filter(|trial| trial.outcome == Outcome::Ok)
        .filter_map(|trial| trial.validation_metric)
        .collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
