//! Steps that the host decides on: it waits for the norm of the gradients.

use tch::{Kind, Tensor};

use crate::backend::interface::{StepRecord, StepRequest};
use crate::backend::slot::Slot;
use crate::diagnostics::{Findings, Measurement};
use crate::options::StepOptions;
use crate::report::Reading;
use crate::units::norm;

/// What becomes of a step.
pub(super) enum Decision {
    /// It is taken, with the gradients multiplied by this.
    Take { factor: f64 },
    /// It is skipped, for this norm.
    Skip { norm: f64 },
    /// It is taken with these gradients, which are [`DOWN`] times the model's.
    Shrink(Vec<Option<Tensor>>),
}

/// Decides by the global norm of the unscaled gradients. It asks for the norm only where
/// something depends on it.
pub(super) fn decide(request: &StepRequest<'_>, norm: impl FnOnce() -> f64) -> Decision {
    let (limits, scale) = (request.limits, request.options.gradient_scale);
    if !limits.check_finite && limits.clip_norm.is_none() {
        let factor = 1.0 / scale;
        return Decision::Take { factor };
    }
    let norm = norm();
    if !norm.is_finite()
        && let Some(smaller) = fitting(request.gradients)
    {
        return Decision::Shrink(smaller);
    }
    if limits.skips(norm) {
        return Decision::Skip { norm };
    }
    let factor = limits.clip_factor(norm) / scale;
    Decision::Take { factor }
}

/// The same step with gradients that are [`DOWN`] times the model's.
pub(super) fn shrunk<'a>(
    request: &StepRequest<'a>,
    gradients: &'a [Option<Tensor>],
) -> StepRequest<'a> {
    let options = StepOptions {
        gradient_scale: request.options.gradient_scale * DOWN,
        ..request.options
    };
    StepRequest {
        gradients,
        options,
        ..*request
    }
}

/// Counts the step for the parameters that had a gradient, and names what it did to them.
pub(super) fn finish(
    slots: &mut [Slot],
    request: &StepRequest<'_>,
    measured: Vec<Vec<Measurement>>,
    norm: f64,
) -> StepRecord {
    for (slot, gradient) in slots.iter_mut().zip(request.gradients) {
        slot.updates += u64::from(gradient.is_some());
    }
    let scale = request.options.gradient_scale;
    let mut diagnostics = Vec::new();
    for (slot, measured) in slots.iter().zip(measured) {
        for (unit, measured) in measured.into_iter().enumerate() {
            let radius = slot.radii.get(unit).copied().unwrap_or(0.0);
            diagnostics.push(measured.named(&slot.name, unit, radius, scale));
        }
    }
    StepRecord {
        norm: Reading::Known(norm),
        rate: Reading::Known(request.learning_rate),
        taken: Reading::Known(1.0),
        findings: Findings::Known(diagnostics),
    }
}

impl StepRecord {
    /// Of a step that was skipped for this norm.
    pub(super) fn skipped(request: &StepRequest<'_>, norm: f64) -> Self {
        Self {
            norm: Reading::Known(norm),
            rate: Reading::Known(request.learning_rate),
            taken: Reading::Known(0.0),
            findings: Findings::Known(Vec::new()),
        }
    }
}

/// 2⁻⁵⁶⁰. It brings any gradient of f64 within reach, and no bit is lost.
const DOWN: f64 = f64::from_bits((1023 - 560) << 52);

/// The gradients times [`DOWN`], if they are finite and some are of f64. Their squares have
/// overflowed.
fn fitting(gradients: &[Option<Tensor>]) -> Option<Vec<Option<Tensor>>> {
    let present = || gradients.iter().flatten().filter(|g| g.numel() > 0);
    let finite = |g: &Tensor| g.isfinite().all().int64_value(&[]) != 0;
    let fits = present().any(|g| g.kind() == Kind::Double) && present().all(finite);
    fits.then(|| {
        let smaller = |g: &Option<Tensor>| g.as_ref().map(|g| g * DOWN);
        gradients.iter().map(smaller).collect()
    })
}

/// `Σ ⟨g,g⟩`. Only here does a step wait for a device.
pub(super) fn square<'a>(gradients: impl Iterator<Item = &'a Tensor>) -> f64 {
    let norms: Vec<Tensor> = gradients.filter(|g| g.numel() > 0).map(norm).collect();
    if norms.is_empty() {
        return 0.0;
    }
    Tensor::stack(&norms, 0)
        .square()
        .sum(Kind::Double)
        .double_value(&[])
}
