//! One update of one parameter, whatever its element kind and its masters.

use tch::Tensor;

use super::equations::{constrained, free};
use crate::backend::interface::StepRequest;
use crate::backend::slot::{Slot, working_kind};
use crate::constraint::form::ConstraintForm;
use crate::constraint::form::has_direction;
use crate::diagnostics::Measurement;
use crate::rule::Rule;
use crate::units::{host, rounding};

/// What an update in libtorch operations is made of, for any parameter.
#[derive(Clone, Copy)]
pub(crate) struct UpdateRequest<'a> {
    pub(crate) rule: &'a dyn Rule,
    /// The constraint, in the constrained phase.
    pub(crate) constraint: Option<&'a ConstraintForm>,
    pub(crate) learning_rate: f64,
    /// What gradients are multiplied by.
    pub(crate) factor: f64,
    /// Whether diagnostics are asked for.
    pub(crate) measure: bool,
    /// Whether what a rule of one's own answers must be finite.
    pub(crate) check_finite: bool,
}

impl<'a> UpdateRequest<'a> {
    /// An update of a step, whose gradients are multiplied by `factor`.
    pub(crate) fn new(step: &StepRequest<'a>, factor: f64) -> Self {
        Self {
            rule: step.rule,
            constraint: step.constraint,
            learning_rate: step.learning_rate,
            factor,
            measure: step.options.diagnostics,
            check_finite: step.limits.check_finite,
        }
    }
}

/// What an update has made, before anything is written.
pub(crate) struct StagedUpdate {
    weight: Tensor,
    buffers: Vec<Tensor>,
    /// Units that have lost their radius.
    lost: Vec<usize>,
    measured: Vec<Measurement>,
}

/// One update in libtorch operations, from the model's gradient times
/// `factor`; measured if asked to.
pub(crate) fn update(
    slot: &mut Slot,
    request: &UpdateRequest<'_>,
    gradient: &Tensor,
) -> Vec<Measurement> {
    if slot.weight.numel() == 0 {
        return Vec::new();
    }
    let kind = working_kind(&slot.weight);
    let mut w = match &slot.master {
        Some(master) => master.shallow_clone(),
        None => slot.weight.detach().to_kind(kind),
    };
    let lost = lost_units(slot, &w, request.constraint);
    slot.release(&lost);
    let radius = slot.radius_without(&[]);
    let mut buffers = std::mem::take(&mut slot.buffers);
    let measured = compute(
        slot,
        request,
        radius.as_ref(),
        &mut w,
        gradient,
        &mut buffers,
    );
    slot.buffers = buffers;
    if slot.weight.kind() != kind {
        slot.weight.copy_(&w);
    }
    measured
}

/// The same on copies, which [`commit`] takes over; `buffers` are the rule's.
pub(super) fn prepare(
    slot: &Slot,
    buffers: &[Tensor],
    request: &UpdateRequest<'_>,
    gradient: &Tensor,
) -> StagedUpdate {
    let mut weight = match &slot.master {
        Some(master) => master.copy(),
        None => {
            let kind = working_kind(&slot.weight);
            let weight = slot.weight.detach();
            if weight.kind() == kind {
                weight.copy()
            } else {
                weight.to_kind(kind)
            }
        }
    };
    let mut buffers: Vec<Tensor> = buffers.iter().map(Tensor::copy).collect();
    let (mut lost, mut measured) = Default::default();
    if slot.weight.numel() > 0 {
        lost = lost_units(slot, &weight, request.constraint);
        let radius = slot.radius_without(&lost);
        let radius = radius.as_ref();
        measured = compute(slot, request, radius, &mut weight, gradient, &mut buffers);
    }
    StagedUpdate {
        weight,
        buffers,
        lost,
        measured,
    }
}

/// Takes over what an update has made; returns what was measured.
pub(crate) fn commit(slot: &mut Slot, staged: StagedUpdate) -> Vec<Measurement> {
    if let Some(master) = &mut slot.master {
        master.copy_(&staged.weight);
    }
    slot.weight.copy_(&staged.weight);
    for (buffer, staged) in slot.buffers.iter_mut().zip(&staged.buffers) {
        buffer.copy_(staged);
    }
    slot.held = false;
    slot.release(&staged.lost);
    staged.measured
}

fn compute(
    slot: &Slot,
    request: &UpdateRequest<'_>,
    radius: Option<&Tensor>,
    w: &mut Tensor,
    gradient: &Tensor,
    buffers: &mut [Tensor],
) -> Vec<Measurement> {
    let UpdateRequest {
        rule, constraint, ..
    } = *request;
    let context = slot.context(constraint, request.learning_rate);
    let kind = working_kind(&slot.weight);
    let g = gradient.to_kind(kind);
    let g = match request.factor {
        1.0 => g,
        factor => g * factor,
    };
    let before = request.measure.then(|| w.copy());
    let trust = match constraint.filter(|_| context.constrained).zip(radius) {
        Some((constraint, radius)) => {
            let radius = (radius, rounding(slot.weight.kind()));
            constrained(rule, &context, constraint, radius, w, &g, buffers)
        }
        None => free(rule, &context, w, &g, buffers),
    };
    let Some(before) = before else {
        return Vec::new();
    };
    let g = gradient.to_kind(kind);
    Measurement::of_tensors(context.granularity, &before, w, &g, trust.as_ref())
}

/// The units under a constraint whose weights `w` have no direction any more.
fn lost_units(slot: &Slot, w: &Tensor, constraint: Option<&ConstraintForm>) -> Vec<usize> {
    let Some(constraint) = constraint.filter(|_| slot.is_constrained()) else {
        return Vec::new();
    };
    let squares = host(&constraint.granularity.dot(w, w));
    let lost = |unit: &usize| slot.radii[*unit] > 0.0 && !has_direction(squares[*unit]);
    (0..slot.radii.len()).filter(lost).collect()
}
