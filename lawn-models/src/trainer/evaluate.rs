//! What a trial measures of itself on the way.

use lawn_core::Diagnostics;
use tch::{Kind, Tensor};

use super::distance::Distance;
use super::trainer::Trainer;
use super::{Measured, TestPermit, TrialError};
use crate::record::{EvaluationRecord, ParameterDiagnostics, UnitNorm};

impl Trainer<'_> {
    /// Measures, and begins the next interval; the reason why not, where a number
    /// is not finite.
    pub(super) fn evaluate(&mut self) -> Result<Result<EvaluationRecord, String>, TrialError> {
        self.account();
        let since = std::mem::take(&mut self.progress.since);
        let train_loss = self.loss_sum.double_value(&[]) / since.samples as f64;
        let units: Vec<UnitNorm> = self
            .optimizer
            .weight_norms()
            .into_iter()
            .map(|unit| UnitNorm {
                parameter: unit.parameter,
                weight_norm: unit.norm,
                constrained: unit.constrained,
            })
            .collect();
        let squares = units.iter().map(|unit| unit.weight_norm.powi(2));
        let weight_norm = squares.sum::<f64>().sqrt();
        let Measured {
            mut measurements,
            logit_mean_abs,
            logit_max_abs,
        } = self.task.measure();
        for (what, value) in [
            ("the train loss", train_loss),
            ("a parameter", weight_norm),
            ("a logit", logit_max_abs),
            ("a logit", logit_mean_abs),
        ] {
            if !value.is_finite() {
                return Ok(Err(format!("{what} is not finite")));
            }
        }
        if self.config.evaluation.test_curve
            && let Some(permit) = TestPermit::of(self.config.stage)
        {
            measurements.extend(self.task.measure_test(&permit)?);
        }
        let mut seconds = since.seconds;
        seconds.evaluate = self.lap();
        let (phase, learning_rate) = self.last_step;
        let samples = self.progress.samples;
        let record = EvaluationRecord {
            epoch: samples as f64 / self.length.epoch_samples as f64,
            step: self.step,
            samples,
            phase,
            learning_rate,
            train_loss,
            measurements,
            logit_mean_abs,
            logit_max_abs,
            gradient_norm: since.gradient_norm_sum / since.steps as f64,
            weight_norm,
            units,
            diagnostics: self.diagnostics(),
            distance_from_freeze: self.distance.as_ref().and_then(Distance::measure),
            samples_per_second: since.samples as f64 / (seconds.train + seconds.data),
            seconds,
        };
        self.loss_sum = Tensor::zeros([], (Kind::Double, self.context.device));
        self.progress.last = Some(record.clone());
        Ok(Ok(record))
    }

    /// What the last step did to each parameter, if it was told to remember.
    fn diagnostics(&self) -> Vec<ParameterDiagnostics> {
        // The units of a parameter stand together.
        let parameters = self
            .optimizer
            .diagnostics()
            .chunk_by(|one, next| one.parameter == next.parameter);
        parameters.map(summary).collect()
    }
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
