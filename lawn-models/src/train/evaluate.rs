//! What a trial measures of itself on the way.

use std::cell::{Cell, RefCell};

use lawn_core::{Diagnostics, Optimizer};
use tch::Tensor;

use super::distance::Distance;
use super::error::TrialError;
use super::observer::Observer;
use super::record::{EvaluationRecord, ParameterDiagnostics, UnitNorm};
use super::training::Training;
use crate::measure::{Assessment, Split};
use crate::trial::TestPermit;

/// What came of measuring.
pub(super) enum Evaluation {
    /// Every number is finite.
    Finite(Box<EvaluationRecord>),
    /// One is not: which.
    NotFinite(String),
}

/// Measures, and begins the next interval; `observer` hears how far the measuring has come.
pub(super) fn evaluate(
    training: &mut Training<'_>,
    observer: &mut dyn Observer,
) -> Result<Evaluation, TrialError> {
    training.account();
    let since = std::mem::take(&mut training.progress.since);
    let train_loss = training.total_loss()? / since.samples as f64;
    let units: Vec<UnitNorm> = training
        .weight_norms()?
        .into_iter()
        .map(|unit| UnitNorm {
            parameter: unit.parameter,
            weight_norm: unit.norm,
            constrained: unit.constrained,
        })
        .collect();
    let squares = units.iter().map(|unit| unit.weight_norm.powi(2));
    let weight_norm = squares.sum::<f64>().sqrt();
    training.require_same_everywhere()?;
    let mut hear = |samples, of| observer.measuring(samples, of);
    let (assessment, answers) = assess(training, &mut hear)?;
    let Assessment {
        mut measurements,
        logit_mean_abs,
        logit_max_abs,
    } = assessment;
    for (what, value) in [
        ("the train loss", train_loss),
        ("a parameter", weight_norm),
        ("a logit", logit_max_abs),
        ("a logit", logit_mean_abs),
    ] {
        if !value.is_finite() {
            return Ok(Evaluation::NotFinite(format!("{what} is not finite")));
        }
    }
    if training.config.evaluation.test_curve
        && let Some(permit) = TestPermit::of(training.config.stage)
    {
        measurements.extend(training.measure_test(&permit)?);
    }
    let mut seconds = since.seconds;
    seconds.evaluate = training.timer.lap().elapsed;
    let (phase, learning_rate) = training.last_step;
    let samples = training.progress.samples;
    let record = EvaluationRecord {
        epoch: samples as f64 / training.length.epoch_samples as f64,
        step: training.step,
        samples,
        phase,
        learning_rate,
        train_loss,
        measurements,
        logit_mean_abs,
        logit_max_abs,
        gradient_norm: since.gradient_norm_sum / (since.steps - since.skipped).max(1) as f64,
        weight_norm,
        units,
        diagnostics: diagnostics(&training.optimizer),
        distance_from_freeze: training.distance_from_freeze()?,
        function_distance: training
            .distance
            .as_ref()
            .and_then(|distance| distance.of_function(answers.as_ref()?)),
        frozen_at_step: training.progress.frozen_at,
        samples_per_second: since.samples as f64 / (seconds.train + seconds.data),
        seconds,
    };
    training.forget_losses();
    training.progress.last = Some(record.clone());
    Ok(Evaluation::Finite(Box::new(record)))
}

/// Measures the train and validation splits, and gives the logits of the validation split where
/// the distance in function space is asked for. `hear` is told how many samples of how many have
/// been looked at.
fn assess(
    training: &mut Training<'_>,
    hear: &mut dyn FnMut(u64, u64),
) -> Result<(Assessment, Option<Tensor>), TrialError> {
    let shared = training.answers();
    let distance = training.distance.as_ref();
    let is_looked_at = distance.is_some_and(Distance::looks_at_answers);
    let heard = RefCell::new(Vec::new());
    let assessment = training.measured(|task| {
        let (hear, samples) = (RefCell::new(hear), Cell::new(0));
        let listen = |split, logits: &Tensor| {
            samples.set(samples.get() + logits.size()[0].unsigned_abs());
            (hear.borrow_mut())(samples.get(), task.objective.samples());
            if is_looked_at && split == Split::Validation {
                heard.borrow_mut().push(logits.detach());
            }
        };
        task.objective.measure(&shared.of(task, &listen))
    })??;
    shared.check()?;
    let heard = heard.into_inner();
    Ok((assessment, is_looked_at.then(|| Tensor::cat(&heard, 0))))
}

/// Takes down what the net answers before the step that distances are measured from.
pub(super) fn before_step(training: &mut Training<'_>) -> Result<(), TrialError> {
    let distance = training.distance.as_ref();
    if distance.is_some_and(|distance| distance.wants_answers_before(training.step)) {
        let (_, answers) = assess(training, &mut |_, _| {})?;
        training.account();
        if let Some(distance) = &mut training.distance {
            distance.remember(answers);
        }
    }
    Ok(())
}

/// What the last step did to each parameter, if it was told to remember.
fn diagnostics(optimizer: &Optimizer) -> Vec<ParameterDiagnostics> {
    // The units of a parameter stand together.
    let parameters = optimizer
        .diagnostics()
        .chunk_by(|one, next| one.parameter == next.parameter);
    parameters.map(summary).collect()
}

/// The units of one parameter, of which there is one at least, taken together.
fn summary(units: &[Diagnostics]) -> ParameterDiagnostics {
    let values = |of: fn(&Diagnostics) -> f64| units.iter().map(of);
    let norm = |of| values(of).map(|norm| norm.powi(2)).sum::<f64>().sqrt();
    let mean = |of| values(of).sum::<f64>() / units.len() as f64;
    ParameterDiagnostics {
        parameter: units[0].parameter.clone(),
        units: units.len() as u64,
        constrained: units.iter().filter(|unit| unit.constrained).count() as u64,
        weight_norm: norm(|unit| unit.weight_norm),
        gradient_norm: norm(|unit| unit.gradient_norm),
        cosine: mean(|unit| unit.cosine),
        rotation: mean(|unit| unit.rotation),
        rotation_max: values(|unit| unit.rotation).fold(0.0, f64::max),
        trust_ratio: mean(|unit| unit.trust_ratio),
        radius_drift: values(|unit| unit.radius_drift.abs()).fold(0.0, f64::max),
    }
}
