//! A rate-range test: a short training whose learning rate grows from step to step.

use std::path::Path;

use serde::Serialize;
use tch::Device;

use super::context::TrialContext;
use super::error::TrialError;
use super::run::untrained;
use super::set_up::SetUp;
use super::step::{Outcome, step};
use super::training::Training;
use crate::device;
use crate::models::TablePart;
use crate::tasks::TrialConfig;
use crate::trial::{Amount, FreePhase, LrShape, OptimizerSettings, require};

/// Over what a range test goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateRange {
    /// Learning rate of the first step.
    pub from: f64,
    /// Learning rate of the last step, if it comes to it.
    pub to: f64,
    /// Steps, at least 3.
    pub steps: u64,
}

/// One step of a range test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RangeStep {
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Mean loss of its batch, before it.
    pub loss: f64,
    /// Moving average of the losses so far.
    pub smoothed: f64,
}

/// What a range test found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeTest {
    /// Its steps, as far as it came.
    pub steps: Vec<RangeStep>,
    /// Whether it ended before its last step, because the loss had grown too far.
    pub diverged: bool,
    /// Learning rate where the smoothed loss falls fastest, over the logarithm of the rate; none where
    /// it falls by no more than it differs from step to step.
    pub steepest: Option<f64>,
    /// A tenth of the learning rate where the smoothed loss is least; none as well where the loss falls
    /// up to the last rate, so that the range has no minimum.
    pub tenth_of_minimum: Option<f64>,
    /// Whether a constraint of the arm took no part, since it begins after a free phase.
    pub unconstrained: bool,
}

/// How much of the average of losses each step keeps.
const KEPT: f64 = 0.9;

/// How many times the least smoothed loss ends a test.
const DIVERGED: f64 = 4.0;

/// Trains `config` with a learning rate that grows from step to step by the same factor, on the
/// training split alone: nothing is evaluated.
///
/// ```text
/// η(i) = from (to / from)^(i / (n − 1))
/// s ← 0.9 s + 0.1 loss,  divided by 1 − 0.9^(i+1)      ends where it is 4 times its least
/// ```
///
/// The shape of the learning rate and its warm-up are left out, and a free phase lasts all along, so
/// that a constraint which begins after one has not begun. Rates of embedding tables and of layers keep
/// their ratios to it: an `embedding_learning_rate` of a tenth of `learning_rate` is a tenth of η(i).
///
/// *Source:* Smith 2017, arXiv 1506.01186, section 3.3, with a range that grows exponentially and
/// the end and the suggestions that fastai has.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up or carried on.
pub fn range_test(
    config: &TrialConfig,
    range: RateRange,
    device: Device,
    data_root: Option<&Path>,
) -> Result<RangeTest, TrialError> {
    let sound = range.from > 0.0 && range.to > range.from && range.to.is_finite();
    let found = format!("{} to {}", range.from, range.to);
    require(
        sound,
        "learning_rate",
        found,
        "a range above 0 whose end is the larger",
    )?;
    require(range.steps >= 3, "steps", range.steps, "3 or more")?;
    let unconstrained = is_free_at_first(&config.optimizer);
    let config = config_of(config, range.steps);
    config.validate()?;
    device::require_device(device)?;
    let _measuring = device::CudnnMeasuring::of_training(device, false);
    let context = TrialContext {
        device,
        ..untrained(data_root)
    };
    let test = || trained(&config, &context, range);
    let (steps, diverged) = device::catch_out_of_memory(test).map_err(TrialError::from)?;
    let (steepest, tenth_of_minimum) = suggestions(&steps, diverged);
    Ok(RangeTest {
        steps,
        diverged,
        steepest,
        tenth_of_minimum,
        unconstrained,
    })
}

/// The steps of a test as far as it came, and whether it ended before the last.
fn trained(
    config: &TrialConfig,
    context: &TrialContext,
    range: RateRange,
) -> Result<(Vec<RangeStep>, bool), TrialError> {
    let set_up = SetUp::new(config, context, TablePart::default())?;
    let mut training = Training::afresh(set_up, config, context)?;
    let (mut steps, mut average, mut least) = (Vec::new(), 0.0, f64::INFINITY);
    let mut diverged = false;
    for index in 0..range.steps {
        let part = index as f64 / (range.steps - 1) as f64;
        let learning_rate = range.from * (range.to / range.from).powf(part);
        let factor = learning_rate / config.optimizer.learning_rate;
        training.optimizer.set_rate_factor(factor)?;
        let before = training.progress.samples;
        let outcome = step(&mut training, false)?;
        let samples = training.progress.samples - before;
        let loss = training.loss_sum.double_value(&[]) / samples.max(1) as f64;
        training.forget_losses();
        average = KEPT * average + (1.0 - KEPT) * loss;
        let smoothed = average / (1.0 - KEPT.powf(index as f64 + 1.0));
        least = smoothed.min(least);
        let is_over = !smoothed.is_finite() || smoothed > DIVERGED * least;
        if is_over || matches!(outcome, Outcome::Skipped(_)) {
            diverged = true;
            break;
        }
        steps.push(RangeStep {
            learning_rate,
            loss,
            smoothed,
        });
    }
    Ok((steps, diverged))
}

/// Whether a constraint begins after a free phase.
fn is_free_at_first(settings: &OptimizerSettings) -> bool {
    let is_long = |phase| match phase {
        FreePhase::Epochs(length) | FreePhase::Fraction(length) => length > 0.0,
        FreePhase::Steps(steps) => steps > 0,
    };
    settings.free_phase().is_some_and(is_long)
}

/// The trial that the test trains.
fn config_of(config: &TrialConfig, steps: u64) -> TrialConfig {
    let mut config = config.clone();
    config.budget = Amount::Steps(steps);
    config.stop_after = None;
    // It measures no distances, and their unit may be none of these steps.
    config.diagnostics.distance_from = None;
    let settings = &mut config.optimizer;
    settings.warmup = 0.0;
    settings.decay = LrShape::Constant;
    (settings.end_factor, settings.decay_until) = (None, None);
    settings.end_learning_rate = None;
    (settings.decay_power, settings.decay_factor) = (None, None);
    (settings.milestones, settings.restart_after) = (None, None);
    settings.restart_growth = None;
    (settings.plateau_patience, settings.plateau_cooldown) = (None, None);
    settings.plateau_threshold = None;
    if is_free_at_first(settings) {
        (settings.free_epochs, settings.free_steps) = (None, None);
        // To the last step, which moves what no step looks at.
        settings.free_fraction = Some(1.0 - 0.5 / steps as f64);
        settings.freeze_when = None;
    }
    config
}

/// Where the smoothed loss falls fastest, and a tenth of where it is least. A loss that falls to the
/// last of all steps has its minimum beyond them, and one that falls by less than it differs from step
/// to step has neither.
fn suggestions(steps: &[RangeStep], diverged: bool) -> (Option<f64>, Option<f64>) {
    let least = steps.iter().enumerate();
    let least = least.min_by(|(_, one), (_, other)| one.smoothed.total_cmp(&other.smoothed));
    let Some((end, minimum)) = least.filter(|(index, _)| *index > 0) else {
        return (None, None);
    };
    let before = &steps[..=end];
    let highest = before
        .iter()
        .map(|step| step.smoothed)
        .fold(f64::MIN, f64::max);
    if highest - minimum.smoothed <= between_steps(before) {
        return (None, None);
    }
    // Rates are evenly spaced on the logarithm, so that slopes are differences.
    let falls = before.windows(2);
    let falls = falls.map(|pair| (pair[1].smoothed - pair[0].smoothed, pair[1].learning_rate));
    let steepest = falls.min_by(|one, other| one.0.total_cmp(&other.0));
    let steepest = steepest.filter(|(fall, _)| *fall < 0.0);
    let is_within = diverged || end + 1 < steps.len();
    (
        steepest.map(|(_, rate)| rate),
        is_within.then_some(minimum.learning_rate / 10.0),
    )
}

/// The median of how much the loss differs from one step to the next.
fn between_steps(steps: &[RangeStep]) -> f64 {
    let mut all: Vec<f64> = steps
        .windows(2)
        .map(|pair| (pair[1].loss - pair[0].loss).abs())
        .collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_no_fall() {
        let step = |index: i32, loss: f64, smoothed: f64| RangeStep {
            learning_rate: 10f64.powi(index),
            loss,
            smoothed,
        };
        let noisy = [
            step(-9, 0.70, 0.700),
            step(-8, 0.68, 0.698),
            step(-7, 0.71, 0.699),
            step(-6, 0.69, 0.698),
            step(-5, 0.67, 0.695),
            step(-4, 0.71, 0.697),
        ];
        assert_eq!(suggestions(&noisy, false), (None, None));
    }

    #[test]
    fn suggestions_are_of_the_fall_to_the_minimum() {
        let step = |index: i32, smoothed| RangeStep {
            learning_rate: 10f64.powi(index),
            loss: smoothed,
            smoothed,
        };
        let losses = [1.0, 0.9, 0.5, 0.4, 0.45, 0.1, 3.0];
        let steps: Vec<RangeStep> = (-6..).zip(losses).map(|(i, loss)| step(i, loss)).collect();
        // The average is least at 1e-1, and falls most from 1e-5 to 1e-4.
        assert_eq!(suggestions(&steps, false), (Some(1e-4), Some(1e-1 / 10.0)));
        // It falls to the end: the minimum is not in the range, unless the next step diverged. Where
        // it falls most is.
        let falling = &steps[..6];
        assert_eq!(suggestions(falling, false), (Some(1e-4), None));
        assert_eq!(suggestions(falling, true), (Some(1e-4), Some(1e-1 / 10.0)));
        // Nothing falls.
        let rising = [step(-3, 1.0), step(-2, 2.0)];
        assert_eq!(suggestions(&rising, false), (None, None));
        assert_eq!(suggestions(&[], true), (None, None));
    }
}
