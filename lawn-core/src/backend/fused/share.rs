//! The share of the kernels in a step: which parameters they take, and where their memory is.

use tch::{Device, Tensor};

use crate::backend::interface::StepRequest;
use crate::backend::kernel::width::{Width, has_units_in_one_piece, threads};
use crate::backend::kernel::{
    Block, Element, Format, Isa, Job, Kernel, Memory, NarrowBlock, Outcome, Runner, Scalars,
};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::diagnostics::Measurement;
use crate::libtorch::versions::bump_versions;
use crate::rule::Context;
use crate::rule::form::Form;
use crate::units::rounding;

/// The parameters of one step that the kernels take.
#[derive(Debug)]
pub(super) struct KernelShare<'a> {
    /// All parameters of the optimizer.
    slots: &'a [Slot],
    single: Runner<'a, Block<f32>>,
    double: Runner<'a, Block<f64>>,
    narrow: Runner<'a, NarrowBlock>,
    /// For each parameter, which runner's which job it is.
    places: Vec<Option<(Width, usize)>>,
    /// Gradients, some of them copies, which must live as long as the pointers into
    /// them.
    _gradients: Vec<Tensor>,
}

impl<'a> KernelShare<'a> {
    /// Takes what it can of the parameters that have a gradient.
    pub(super) fn new(slots: &'a [Slot], request: &StepRequest<'_>) -> Self {
        let StepRequest {
            gradients,
            rows,
            rule,
            constraint,
            learning_rate,
            weights,
            ..
        } = *request;
        let (mut single, mut double, mut narrow) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept = Vec::new();
        let mut places = Vec::with_capacity(slots.len());
        for ((slot, gradient), rows) in slots.iter().zip(gradients).zip(rows) {
            let context = slot.context(constraint, learning_rate);
            // Kernels write as many buffers as their form is made with.
            let form = rule.form(&context);
            let form = form.filter(|form| form.direction.buffers() == slot.buffers.len());
            let gradient = gradient.as_ref().filter(|_| rows.is_none());
            let gradient = gradient.and_then(|g| in_layout(slot, &context, g));
            places.push(form.zip(gradient).map(|(form, (width, mut g))| {
                if weights.meets(&g) {
                    // What is read must not be written meanwhile.
                    g = g.copy();
                }
                let numbers = (&form, &context, constraint);
                let index = match width {
                    Width::Narrow(format) => {
                        push(&mut narrow, slot, narrow_block(slot, &g, format), numbers)
                    }
                    Width::Single => push(&mut single, slot, block(slot, &g), numbers),
                    Width::Double => push(&mut double, slot, block(slot, &g), numbers),
                };
                kept.push(g);
                (width, index)
            }));
        }
        let (isa, threads) = (Isa::best(), threads());
        Self {
            slots,
            single: Runner::new(isa, threads, single),
            double: Runner::new(isa, threads, double),
            narrow: Runner::new(isa, threads, narrow),
            places,
            _gradients: kept,
        }
    }

    /// Whether the kernels have this parameter.
    pub(super) fn takes(&self, parameter: usize) -> bool {
        self.places[parameter].is_some()
    }

    /// What the units of this parameter did.
    fn outcomes(&self, parameter: usize) -> Option<&[Outcome]> {
        Some(match self.places[parameter]? {
            (Width::Narrow(_), job) => self.narrow.outcomes_of(job),
            (Width::Single, job) => self.single.outcomes_of(job),
            (Width::Double, job) => self.double.outcomes_of(job),
        })
    }

    /// What the step has made of each parameter that the kernels have.
    pub(super) fn results(&self, measure: bool) -> Vec<Option<ShareResult>> {
        let result = |parameter| {
            let outcomes = self.outcomes(parameter)?;
            let lost = outcomes.iter().enumerate().filter(|(_, o)| o.is_lost);
            let measured = outcomes.iter().filter(|_| measure).map(Measurement::from);
            Some(ShareResult {
                holds: self.holds(parameter),
                lost: lost.map(|(unit, _)| unit).collect(),
                measured: measured.collect(),
            })
        };
        (0..self.slots.len()).map(result).collect()
    }

    /// Whether the step leaves this parameter's direction in place of its first moment.
    fn holds(&self, parameter: usize) -> bool {
        self.places[parameter].is_some_and(|(width, job)| match width {
            Width::Narrow(_) => self.narrow.job(job).holds(),
            Width::Single => self.single.job(job).holds(),
            Width::Double => self.double.job(job).holds(),
        })
    }

    /// Sums over the gradients before anything is written.
    pub(super) fn sum(&mut self) {
        self.single.sum();
        self.double.sum();
        self.narrow.sum();
    }

    /// `Σ ⟨g,g⟩`, as far as it was summed.
    pub(super) fn square(&self) -> f64 {
        self.single.square() + self.double.square() + self.narrow.square()
    }

    /// Takes the step, with the gradients multiplied by `kappa`.
    pub(super) fn step(&mut self, kappa: f64, all_sums: bool) {
        let written = self.places.iter().zip(self.slots);
        bump_versions(written.filter_map(|(place, slot)| place.map(|_| &slot.weight)));
        // SAFETY: the borrowed slots keep the storages of weights and buffers alive, and the
        // gradients are kept here. The optimizer is borrowed for the whole step. By the contract
        // of `Optimizer::step` the model is not running meanwhile.
        unsafe {
            self.single.step(kappa, all_sums);
            self.double.step(kappa, all_sums);
            self.narrow.step(kappa, all_sums);
        }
    }
}

/// What a step has made of one parameter.
pub(super) struct ShareResult {
    /// Whether its direction is in place of its first moment.
    pub(super) holds: bool,
    /// Its units that have lost their direction, and so their radius.
    pub(super) lost: Vec<usize>,
    /// What the step did to each unit.
    pub(super) measured: Vec<Measurement>,
}

impl From<&Outcome> for Measurement {
    /// From the sums of the kernels.
    fn from(outcome: &Outcome) -> Self {
        let sums = outcome.sums;
        let (p, q) = (outcome.factors.p, outcome.factors.q);
        // w′ = p w + q d, and d = b w + d⊥. The arc tangent is exact for small angles, where
        // the cosine has lost all digits.
        let b = if sums.ww > 0.0 {
            sums.wd / sums.ww
        } else {
            0.0
        };
        let across = q.abs() * (sums.dd - b * b * sums.ww).max(0.0).sqrt();
        let along = (p + q * b) * sums.ww.sqrt();
        Self {
            ww: sums.ww,
            wg: sums.wg,
            gg: sums.gg,
            rotation: across.atan2(along),
            trust: outcome.trust,
        }
    }
}

/// Adds a job and returns its index.
fn push<'a, M: Memory>(
    jobs: &mut Vec<Job<'a, M>>,
    slot: &'a Slot,
    block: M,
    (form, context, constraint): (&Form, &Context, Option<&ConstraintForm>),
) -> usize {
    let units = context.granularity.units(&slot.weight.size()) as usize;
    jobs.push(Job {
        block,
        unit_len: block.len() / units,
        kernel: Kernel::new(form, context.updates, slot.held),
        scalars: Scalars::new(form, context, constraint, rounding(slot.weight.kind())),
        radii: if context.constrained {
            &slot.radii
        } else {
            &[]
        },
    });
    jobs.len() - 1
}

fn block<E: Element>(slot: &Slot, gradient: &Tensor) -> Block<E> {
    Block {
        w: slot.weight.data_ptr().cast(),
        g: gradient.data_ptr().cast::<E>().cast_const(),
        s: pointers(slot),
        len: slot.weight.numel(),
    }
}

fn narrow_block(slot: &Slot, gradient: &Tensor, format: Format) -> NarrowBlock {
    let master = slot.master.as_ref();
    NarrowBlock {
        format,
        w: slot.weight.data_ptr().cast(),
        master: master.map_or(std::ptr::null_mut(), |master| master.data_ptr().cast()),
        g: gradient.data_ptr().cast::<u16>().cast_const(),
        s: pointers(slot),
        len: slot.weight.numel(),
    }
}

/// Where the buffers are; null for those that the rule does not have.
fn pointers<E>(slot: &Slot) -> [*mut E; 3] {
    let mut s = [std::ptr::null_mut(); 3];
    for (s, buffer) in s.iter_mut().zip(&slot.buffers) {
        *s = buffer.data_ptr().cast();
    }
    s
}

/// The gradient with its elements in the order of the weight's, if the kernels can take this
/// parameter at all. It must be on the CPU, without gaps, apart from all others, with each unit
/// in one piece.
fn in_layout(slot: &Slot, context: &Context, gradient: &Tensor) -> Option<(Width, Tensor)> {
    let weight = &slot.weight;
    let kind = weight.kind();
    let width = Width::of(kind)?;
    let plain = slot.is_apart && weight.device() == Device::Cpu;
    let fits = gradient.kind() == kind
        && gradient.device() == Device::Cpu
        && gradient.numel() == weight.numel();
    if !(plain && fits) {
        return None;
    }
    // All that is walked through beside the weight and its gradient.
    let mut beside = slot.buffers.iter().chain(&slot.master);
    if weight.is_contiguous() && beside.clone().all(Tensor::is_contiguous) {
        // This is the usual case, and the quickest to tell.
        return Some((width, gradient.contiguous()));
    }
    let strides = weight.stride();
    let alike = beside.all(|tensor| tensor.stride() == strides);
    if !(alike && has_units_in_one_piece(weight, context.granularity)) {
        return None;
    }
    if gradient.stride() == strides {
        return Some((width, gradient.shallow_clone()));
    }
    let mut copy = weight.detach().empty_like();
    copy.copy_(gradient);
    (copy.stride() == strides).then_some((width, copy))
}
