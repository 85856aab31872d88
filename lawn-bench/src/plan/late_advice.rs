//! What arms ask for and a trial of the sweep's length never comes to.

use std::collections::BTreeMap;

use lawn_models::{FreezeCondition, LrShape, OptimizerSettings};

use super::course::{self, Course, Doubt};
use crate::config::Sweep;

/// The least part of its fall that a rate has left where a trial ends too early in a wave.
const HIGH: f64 = 0.3;

const DOUBTS: [Doubt; 5] = [
    (
        // One is the lowest, and those after it are waited for.
        |settings, course| {
            settings.decay == LrShape::Plateau
                && course.evaluations(course.length.steps) < settings.patience() + 2
        },
        "never come to a fall of plateau, which waits for more evaluations than a trial has; lower \
         plateau_patience, or evaluate more often",
    ),
    (
        |settings, course| {
            course
                .before_freeze(settings)
                .is_some_and(|(_, count)| count == 0)
        },
        "never look at freeze_when: no evaluation comes before the free phase is over, so that the \
         freeze comes then; evaluate more often",
    ),
    (
        |settings, course| {
            (course.before_freeze(settings)).is_some_and(|(condition, count)| match condition {
                FreezeCondition::Plateau(waits) => count > 0 && count <= u64::from(waits),
                _ => false,
            })
        },
        "never come to the plateau of freeze_when, which waits for more evaluations than come before \
         the free phase is over; wait for fewer, or evaluate more often",
    ),
    (
        |settings, course| {
            (course.before_freeze(settings)).is_some_and(|(condition, count)| match condition {
                FreezeCondition::LogitGrowth(times) => count == 1 && times > 1.0,
                FreezeCondition::GradientNormRatio(part) => count == 1 && part < 1.0,
                _ => false,
            })
        },
        "never meet freeze_when, which compares with the first evaluation: no second comes before the \
         free phase is over; evaluate more often",
    ),
    (
        |settings, course| settings.decay == LrShape::WarmRestarts && course.ends_high(settings),
        "end high within a wave of warm-restarts; the waves end with the steps where restart_after is \
         what the warm-up leaves, divided by 1, 2, 3 …, or with restart_growth 2 by 1, 3, 7 …",
    ),
];

impl Course<'_> {
    /// Evaluations within the first steps.
    fn evaluations(&self, steps: u64) -> u64 {
        let every = self.sweep.evaluation.every;
        self.length.evaluations(every, steps, self.batch_size)
    }

    /// The condition of a freeze, and the evaluations that come before the freeze at the latest.
    fn before_freeze(&self, settings: &OptimizerSettings) -> Option<(FreezeCondition, u64)> {
        let condition = settings.freeze_when?;
        let free = settings.free_phase()?.steps(self.length);
        Some((condition, self.evaluations(free.saturating_sub(1))))
    }

    /// Whether the learning rate of the last step is far above where it falls to.
    fn ends_high(&self, settings: &OptimizerSettings) -> bool {
        let last = self.length.steps.saturating_sub(1);
        let peak = settings.learning_rate;
        let end = settings.end_learning_rate;
        let end = end.unwrap_or(peak * settings.end_factor.unwrap_or(0.0));
        let left = settings.learning_rate_at(last, self.length) - end;
        settings.restart_after.is_some_and(|part| part < 1.0) && left > HIGH * (peak - end)
    }
}

/// Warnings about the settings of arms, given by task the samples of an epoch.
pub(super) fn too_late(sweep: &Sweep, epochs: &BTreeMap<String, u64>) -> Vec<String> {
    course::doubtful(sweep, epochs, &DOUBTS)
}
