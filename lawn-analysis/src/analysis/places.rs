//! The places of a family: which contrasts are compared at which batch sizes.

use super::best;
use super::freeze::{distance_moved, freeze_of};
use super::place::Place;
use super::question::Question;
use super::study::{CurvePoint, Task};
use super::tuning::Tuning;
use crate::records::Outcome;
use crate::request::{Contrast, ReportRequest};

/// The places of one family. The plan fixes them, whatever succeeded.
pub(super) fn places(
    task: &Task,
    question: Question,
    request: &ReportRequest,
    tuning: &[Tuning],
) -> Vec<Place> {
    let reference = request.reference_batch_size;
    let batches: Vec<Option<i64>> = match question {
        _ if question.overall() => {
            if task.batch_sizes.len() > 1 {
                vec![None]
            } else {
                Vec::new()
            }
        }
        Question::LargeBatchDrop | Question::AgainstReference
            if !task.batch_sizes.contains(&reference) =>
        {
            Vec::new()
        }
        // Non-inferiority needs a margin.
        Question::AgainstReference if !request.margins.contains_key(&task.metric) => Vec::new(),
        Question::LargeBatchDrop | Question::AgainstReference => task
            .batch_sizes
            .iter()
            .filter(|batch| **batch != reference)
            .map(|b| Some(*b))
            .collect(),
        _ => task.batch_sizes.iter().map(|batch| Some(*batch)).collect(),
    };
    let registered = match question {
        Question::AgainstBest => best::contrasts(task, request, tuning),
        _ => request.contrasts.clone(),
    };
    let contrasts = registered
        .iter()
        .filter(|contrast| known(task, contrast))
        .filter(|contrast| match question {
            Question::DistanceMoved => both(contrast, |arm| records_distance(task, arm)),
            Question::GeneralizationGap | Question::GapSlope => {
                both(contrast, |arm| records_train_metric(task, arm))
            }
            _ => question.in_metric_units() || freezes(task, &contrast.treatment),
        });
    contrasts
        .flat_map(|contrast| {
            batches.iter().map(|batch_size| Place {
                task: task.name.clone(),
                metric: task.metric.clone(),
                question,
                contrast: contrast.clone(),
                batch_size: *batch_size,
            })
        })
        .collect()
}

/// The curves of all confirmation trials of an arm.
fn curves<'a>(task: &'a Task, arm: &str) -> impl Iterator<Item = &'a [CurvePoint]> {
    let trials = task
        .batch_sizes
        .iter()
        .flat_map(move |batch| task.confirmations(arm, *batch));
    trials.map(|trial| task.curve(trial))
}

/// Whether any epoch of any confirmation trial of the arm ended in the constrained phase.
fn freezes(task: &Task, arm: &str) -> bool {
    curves(task, arm).any(|curve| freeze_of(curve).is_some())
}

/// Whether any confirmation trial of the arm recorded how far it moved after the freeze.
fn records_distance(task: &Task, arm: &str) -> bool {
    curves(task, arm).any(|curve| distance_moved(curve).is_some())
}

/// Whether the trials of the arm record a train metric. Where none ended well this is unknown, and
/// the answer is yes, so that the question is asked.
pub(super) fn records_train_metric(task: &Task, arm: &str) -> bool {
    let mut ended_well = task
        .batch_sizes
        .iter()
        .flat_map(|batch| task.confirmations(arm, *batch))
        .filter(|trial| trial.outcome == Outcome::Ok)
        .peekable();
    ended_well.peek().is_none() || ended_well.any(|trial| trial.train_metric.is_some())
}

fn both(contrast: &Contrast, holds: impl Fn(&str) -> bool) -> bool {
    holds(&contrast.baseline) && holds(&contrast.treatment)
}

/// Whether a task has both arms of a contrast.
pub(super) fn known(task: &Task, contrast: &Contrast) -> bool {
    task.arms.contains(&contrast.baseline) && task.arms.contains(&contrast.treatment)
}
