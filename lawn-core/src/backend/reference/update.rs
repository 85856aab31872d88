//! One update of one parameter, whatever its element kind and its masters.

use tch::{Device, Tensor};

use super::equations::{Constrained, HeldUnits, constrained, free};
use super::rows::{of_whole_table, on_host, radius_of_rows};
use crate::backend::interface::StepRequest;
use crate::backend::slot::{Slot, working_kind};
use crate::constraint::form::ConstraintForm;
use crate::diagnostics::Measurement;
use crate::rule::Rule;
use crate::units::{Granularity, host, rounding};

/// What an update in libtorch operations is made of, for any parameter.
#[derive(Clone, Copy)]
pub(crate) struct UpdateRequest<'a> {
    pub(crate) rule: &'a dyn Rule,
    /// The constraint, in the constrained phase.
    pub(crate) constraint: Option<&'a ConstraintForm>,
    pub(crate) learning_rate: f64,
    /// Of each parameter of the optimizer, the rows that its gradient is of, if of some.
    pub(crate) rows: &'a [Option<Tensor>],
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
            rows: step.rows,
            factor,
            measure: step.options.diagnostics,
            check_finite: step.limits.check_finite,
        }
    }
}

/// What an update has made, before anything is written.
pub(crate) struct StagedUpdate {
    /// The rows that it is of, if it is of some.
    rows: Option<Tensor>,
    weight: Tensor,
    buffers: Vec<Tensor>,
    /// Units that have lost their radius.
    lost: Vec<usize>,
    /// What the constraint remembers of each unit; empty where nothing has changed.
    memories: Vec<f64>,
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
    let before = request.measure.then(|| w.copy());
    let memory = memory(slot);
    let held = (radius.as_ref(), memory);
    let Constrained { trust, memory } =
        compute(slot, request, held, &mut w, gradient, &mut buffers);
    if let Some(memory) = memory {
        slot.remember(host(&memory));
    }
    let measured = before.map_or_else(Vec::new, |before| {
        measure(slot, request, [&before, &w, gradient], trust.as_ref())
    });
    slot.buffers = buffers;
    if slot.weight.kind() != kind {
        slot.weight.copy_(&w);
    }
    measured
}

/// Elements of rows that are updated together on the CPU: so few that what libtorch makes of
/// them on the way stays in the caches.
const TOGETHER: usize = 1 << 15;

/// The same of these rows of a table, by a built-in rule; they may be taken a few at a time,
/// unless they have a norm together.
pub(super) fn update_rows(
    slot: &mut Slot,
    request: &UpdateRequest<'_>,
    gradient: &Tensor,
    rows: &Tensor,
) -> Vec<Measurement> {
    let (count, elements) = (rows.numel(), gradient.numel());
    let constraint = slot.form(request.constraint);
    let one_norm = constraint.is_some_and(|form| form.granularity != Granularity::Row);
    let together = if one_norm || request.measure || gradient.device() != Device::Cpu {
        count.max(1)
    } else {
        (TOGETHER * count / elements.max(1)).max(1)
    };
    let buffers = slot.shared_buffers();
    let mut measured = Vec::new();
    for start in (0..count).step_by(together) {
        let len = together.min(count - start) as i64;
        let some = |of: &Tensor| of.narrow(0, start as i64, len);
        let (gradient, rows) = (some(gradient), some(rows));
        let staged = prepare(slot, &buffers, request, &gradient, Some(&rows));
        measured = commit(slot, staged);
    }
    measured
}

/// The same on copies, which [`commit`] takes over; `buffers` are the rule's. With `rows`, the
/// gradient is of these rows of a table, and so is the update.
pub(super) fn prepare(
    slot: &Slot,
    buffers: &[Tensor],
    request: &UpdateRequest<'_>,
    gradient: &Tensor,
    rows: Option<&Tensor>,
) -> StagedUpdate {
    let copy = |tensor: &Tensor| match rows {
        Some(rows) => tensor.index_select(0, rows),
        None => tensor.copy(),
    };
    let mut staged = StagedUpdate {
        rows: rows.map(Tensor::shallow_clone),
        weight: copy(&slot.working().detach()).to_kind(working_kind(&slot.weight)),
        buffers: buffers.iter().map(copy).collect(),
        lost: Vec::new(),
        memories: Vec::new(),
        measured: Vec::new(),
    };
    if gradient.numel() == 0 {
        return staged;
    }
    let StagedUpdate {
        weight: w,
        buffers,
        lost,
        memories,
        measured,
        ..
    } = &mut staged;
    let radius = match rows {
        Some(rows) => match radius_of_rows(slot, w, request.constraint, rows) {
            Some(found) => {
                *lost = found.lost;
                found.radius
            }
            // There is nothing to turn along the sphere.
            None => return staged,
        },
        None => {
            *lost = lost_units(slot, w, request.constraint);
            slot.radius_without(lost)
        }
    };
    let before = request.measure.then(|| w.copy());
    // The rows whose own memories are asked for.
    let has_own = |form: &ConstraintForm| form.granularity == Granularity::Row;
    let form = slot.form(request.constraint);
    let own = rows.filter(|_| form.as_ref().is_some_and(has_own));
    let memory = memory(slot).map(|memory| match own {
        Some(rows) => memory.index_select(0, rows),
        None => memory,
    });
    let held = (radius.as_ref(), memory);
    let Constrained { trust, memory } = compute(slot, request, held, w, gradient, buffers);
    if let Some(memory) = memory {
        *memories = whole_memory(slot, &memory, own);
    }
    if let Some(before) = before {
        let part = [&before, &*w, gradient];
        *measured = match rows {
            Some(rows) => {
                let [before, after, gradient, trust] =
                    of_whole_table(slot, part, trust.as_ref(), rows);
                measure(slot, request, [&before, &after, &gradient], Some(&trust))
            }
            None => measure(slot, request, part, trust.as_ref()),
        };
    }
    staged
}

/// Takes over what an update has made; returns what was measured.
pub(crate) fn commit(slot: &mut Slot, staged: StagedUpdate) -> Vec<Measurement> {
    let put = |to: &mut Tensor, from: &Tensor| match &staged.rows {
        Some(rows) => {
            let _ = to.index_copy_(0, rows, &from.to_kind(to.kind()));
        }
        None => to.copy_(from),
    };
    if let Some(master) = &mut slot.master {
        put(master, &staged.weight);
    }
    put(&mut slot.weight, &staged.weight);
    for (buffer, staged) in slot.buffers.iter_mut().zip(&staged.buffers) {
        put(buffer, staged);
    }
    slot.held = false;
    slot.release(&staged.lost);
    slot.remember(staged.memories);
    staged.measured
}

/// What the constraint remembers of each unit of a parameter, if anything.
fn memory(slot: &Slot) -> Option<Tensor> {
    let radius = slot.radius.as_ref().filter(|_| !slot.memories.is_empty())?;
    let memory = Tensor::from_slice(&slot.memories).reshape(radius.size());
    Some(memory.to_device(radius.device()))
}

/// The same after an update, which may be of units that are rows.
fn whole_memory(slot: &Slot, memory: &Tensor, own: Option<&Tensor>) -> Vec<f64> {
    let updated = host(memory);
    let Some(rows) = own else {
        return updated;
    };
    let mut whole = slot.memories.clone();
    for (row, memory) in on_host(rows).into_iter().zip(updated) {
        whole[row as usize] = memory;
    }
    whole
}

/// Updates `w` and the buffers, with the radii and what the constraint remembers.
fn compute(
    slot: &Slot,
    request: &UpdateRequest<'_>,
    (radius, memory): (Option<&Tensor>, Option<Tensor>),
    w: &mut Tensor,
    gradient: &Tensor,
    buffers: &mut [Tensor],
) -> Constrained {
    let UpdateRequest {
        rule, constraint, ..
    } = *request;
    let context = slot.context(constraint, request.learning_rate);
    let g = gradient.to_kind(working_kind(&slot.weight));
    let g = match request.factor {
        1.0 => g,
        factor => g * factor,
    };
    match constraint.filter(|_| context.constrained).zip(radius) {
        Some((constraint, radius)) => {
            let held = HeldUnits {
                radius,
                memory,
                gradient_rounding: rounding(slot.weight.kind()),
            };
            constrained(rule, &context, constraint, held, w, &g, buffers)
        }
        None => Constrained {
            trust: free(rule, &context, w, &g, buffers),
            memory: None,
        },
    }
}

/// What an update did to each unit, by the weights before and after it and the gradient.
fn measure(
    slot: &Slot,
    request: &UpdateRequest<'_>,
    [before, after, gradient]: [&Tensor; 3],
    trust: Option<&Tensor>,
) -> Vec<Measurement> {
    let granularity = slot.context(request.constraint, 0.0).granularity;
    let gradient = gradient.to_kind(working_kind(&slot.weight));
    Measurement::of_tensors(granularity, before, after, &gradient, trust)
}

/// The units under a constraint whose weights `w` have no direction any more.
fn lost_units(slot: &Slot, w: &Tensor, constraint: Option<&ConstraintForm>) -> Vec<usize> {
    let Some(constraint) = slot.form(constraint) else {
        return Vec::new();
    };
    let squares = host(&constraint.held_squares(w));
    let takes = |unit: usize| constraint.hold.takes(squares[unit]);
    let lost = |unit: &usize| slot.radii[*unit] > 0.0 && !takes(*unit);
    (0..slot.radii.len()).filter(lost).collect()
}
