//! What arms ask for in less than a step of a trial.

use std::collections::BTreeMap;

use lawn_models::{FreePhase, LrShape, OptimizerSettings};

use super::course::{Course, found};
use crate::config::Sweep;
use crate::count::count;

/// Steps that a product of a part and all steps may be too large or too small by.
const ROUNDING: f64 = 1e-6;

/// How many steps would be enough for what a setting asks for, where those of a trial are not.
type Enough = fn(&OptimizerSettings, &Course<'_>) -> Option<u64>;

const DOUBTS: [(Enough, &str); 6] = [
    (
        |settings, course| less_than_a_step(settings.warmup, course),
        "have a warmup of less than a step",
    ),
    (
        |settings, course| {
            let falls = matches!(
                settings.decay,
                LrShape::Linear | LrShape::Cosine | LrShape::Polynomial
            );
            let part = settings.decay_until.unwrap_or(1.0) - settings.warmup;
            less_than_a_step(part, course).filter(|_| falls)
        },
        "leave less than a step between the end of warmup and decay_until, in which the rate falls",
    ),
    (
        of_milestones,
        "have milestones that fall on one step, or on none of a trial: each comes a step or more after \
         the one before, after the warmup and before the end",
    ),
    (
        of_waves,
        "have a restart_after of a step or less: a wave of one step has no fall, and is all peak",
    ),
    (
        |settings, course| less_than_a_step(free_part(settings, course)?, course),
        "have a free phase of less than a step",
    ),
    (
        |settings, course| {
            let part = free_part(settings, course)?;
            let steps = course.length.steps as f64;
            let is_all = part > 0.0 && (part * steps).round() >= steps;
            is_all.then(|| steps_of(1.0 - part))
        },
        "have a free phase that comes to all steps: it is cut by one, and the last step alone is \
         constrained",
    ),
];

/// The fewest steps of which a part is a whole one.
fn steps_of(part: f64) -> u64 {
    (1.0 / part - ROUNDING).ceil().max(1.0) as u64
}

fn less_than_a_step(part: f64, course: &Course<'_>) -> Option<u64> {
    let steps = part * course.length.steps as f64;
    (part > 0.0 && steps < 1.0 - ROUNDING).then(|| steps_of(part))
}

/// Where two that follow each other are a step apart before they are rounded, they are after it.
fn of_milestones(settings: &OptimizerSettings, course: &Course<'_>) -> Option<u64> {
    let milestones = settings.milestones.iter().flatten().copied();
    let parts: Vec<f64> = std::iter::once(settings.warmup)
        .chain(milestones)
        .chain([1.0])
        .collect();
    let at = |part: f64| (part * course.length.steps as f64).round();
    let is_together = |pair: &[f64]| at(pair[0]) >= at(pair[1]);
    let least = parts.windows(2).map(|pair| pair[1] - pair[0]);
    let is_asked = settings.decay == LrShape::MultiStep;
    (is_asked && parts.windows(2).any(is_together))
        .then(|| steps_of(least.fold(f64::INFINITY, f64::min)))
}

fn of_waves(settings: &OptimizerSettings, course: &Course<'_>) -> Option<u64> {
    // One that is the whole of the steps is said to never restart.
    let part = settings.restart_after.filter(|&part| part < 1.0)?;
    let is_asked = settings.decay == LrShape::WarmRestarts;
    let is_one = part * course.length.steps as f64 <= 1.0 + ROUNDING;
    (is_asked && is_one).then(|| ((1.0 + ROUNDING) / part).floor() as u64 + 1)
}

/// The part of all steps that the free phase asks for, where it is not given in steps.
fn free_part(settings: &OptimizerSettings, course: &Course<'_>) -> Option<f64> {
    match settings.free_phase()? {
        FreePhase::Fraction(part) => Some(part),
        FreePhase::Epochs(epochs) => {
            let steps = epochs * course.length.steps_per_epoch as f64;
            Some(steps / course.length.steps as f64)
        }
        FreePhase::Steps(_) => None,
    }
}

/// Warnings about the settings of arms, given by task the samples of an epoch.
pub(super) fn too_fine(sweep: &Sweep, epochs: &BTreeMap<String, u64>) -> Vec<String> {
    let courses = Course::all(sweep, epochs);
    let mut said = Vec::new();
    for arm in &sweep.arms {
        for (enough, what) in DOUBTS {
            let Some(found) = found(&courses, arm, enough) else {
                continue;
            };
            // Of several tasks the one with the fewest steps.
            let mut steps: BTreeMap<u64, u64> = BTreeMap::new();
            for (course, _) in &found.at {
                let known = steps.entry(course.batch_size).or_insert(u64::MAX);
                *known = course.length.steps.min(*known);
            }
            let steps: Vec<String> = steps
                .into_iter()
                .map(|(size, steps)| format!("{} at batch {size}", count(steps as usize, "step")))
                .collect();
            let enough = found.at.iter().map(|(_, enough)| *enough);
            said.push(format!(
                "arm `{}`: {} of {} settings {what}; a trial has {}, and {} would be enough",
                arm.name,
                found.settings,
                found.of,
                steps.join(", "),
                enough.max().unwrap_or_default()
            ));
        }
    }
    said
}
