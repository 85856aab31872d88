//! What a step of the kernels tells, which nobody has waited for yet.

use tch::Tensor;

use crate::backend::interface::StepRequest;
use crate::backend::slot::Slot;
use crate::diagnostics::{Findings, Measurement, Part, PendingFindings};

/// What the step did, by the kernels and by the reference.
pub(super) fn findings(
    slots: &[Slot],
    request: &StepRequest<'_>,
    norm: &Tensor,
    part: Part,
    measured: &[Vec<Measurement>],
) -> Findings {
    let scale = request.options.gradient_scale;
    let mut rest = Vec::new();
    for (index, (slot, measured)) in slots.iter().zip(measured).enumerate() {
        for (unit, measured) in measured.iter().enumerate() {
            let radius = slot.radii.get(unit).copied().unwrap_or(0.0);
            rest.push((
                (index, unit),
                measured.named(&slot.name, unit, radius, scale),
            ));
        }
    }
    PendingFindings {
        norm: norm.shallow_clone(),
        limits: request.limits,
        gradient_scale: scale,
        names: slots.iter().map(|slot| slot.name.clone()).collect(),
        part,
        rest,
    }
    .into()
}
