//! Which parameters the fused kernels take, and where their memory is.

mod kernel;

pub(crate) use kernel::Outcome;

use tch::{Device, Kind, Tensor};

use crate::constraint::lawn::LawnConfig;
use crate::libtorch::versions::bump_versions;
use crate::parameters::layout::{DisjointSpans, is_dense, is_outermost};
use crate::parameters::slot::Slot;
use crate::parameters::units::Granularity;
use crate::parameters::units::rounding;
use crate::rule::builtin::RuleConfig;
use crate::rule::form::Form;
use crate::rule::interface::{Context, Rule};
use kernel::{Block, Element, Format, Isa, Job, Kernel, Memory, NarrowBlock, Runner, Scalars};

/// Which runner has a parameter.
#[derive(Clone, Copy, Debug)]
enum Width {
    Narrow(Format),
    Single,
    Double,
}

impl Width {
    /// None for a kind that the kernels do not have.
    fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Half => Some(Width::Narrow(Format::F16)),
            Kind::BFloat16 => Some(Width::Narrow(Format::Bf16)),
            Kind::Float => Some(Width::Single),
            Kind::Double => Some(Width::Double),
            _ => None,
        }
    }
}

/// The parameters of one step that the kernels take.
#[derive(Debug)]
pub(crate) struct Fused<'a> {
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

impl<'a> Fused<'a> {
    /// Takes what it can of the parameters that have a gradient. `weights` is where
    /// those of all parameters lie that can be taken.
    pub(crate) fn new(
        slots: &'a [Slot],
        weights: &DisjointSpans,
        gradients: &[Option<Tensor>],
        rule: &RuleConfig,
        lawn: Option<&LawnConfig>,
        learning_rate: f64,
    ) -> Self {
        let (mut single, mut double, mut narrow) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept = Vec::new();
        let mut places = Vec::with_capacity(slots.len());
        for (slot, gradient) in slots.iter().zip(gradients) {
            let context = slot.context(lawn, learning_rate);
            let gradient = gradient.as_ref().and_then(|g| in_layout(slot, &context, g));
            places.push(gradient.map(|(width, mut g)| {
                if weights.meets(&g) {
                    // What is read must not be written meanwhile.
                    g = g.copy();
                }
                let numbers = (&rule.form(&context), &context, lawn);
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
    pub(crate) fn takes(&self, parameter: usize) -> bool {
        self.places[parameter].is_some()
    }

    /// What the units of this parameter did.
    pub(crate) fn outcomes(&self, parameter: usize) -> Option<&[Outcome]> {
        Some(match self.places[parameter]? {
            (Width::Narrow(_), job) => self.narrow.outcomes_of(job),
            (Width::Single, job) => self.single.outcomes_of(job),
            (Width::Double, job) => self.double.outcomes_of(job),
        })
    }

    /// The units of this parameter that have lost their direction, and so their radius.
    pub(crate) fn lost(&self, parameter: usize) -> Vec<usize> {
        let outcomes = self.outcomes(parameter).unwrap_or_default();
        let lost = outcomes.iter().enumerate().filter(|(_, o)| o.is_lost);
        lost.map(|(unit, _)| unit).collect()
    }

    /// Whether the step leaves this parameter's direction in place of its first moment.
    pub(crate) fn holds(&self, parameter: usize) -> bool {
        self.places[parameter].is_some_and(|(width, job)| match width {
            Width::Narrow(_) => self.narrow.job(job).holds(),
            Width::Single => self.single.job(job).holds(),
            Width::Double => self.double.job(job).holds(),
        })
    }

    /// Sums over the gradients before anything is written.
    pub(crate) fn sum(&mut self) {
        self.single.sum();
        self.double.sum();
        self.narrow.sum();
    }

    /// `Σ ⟨g,g⟩`, as far as it was summed.
    pub(crate) fn square(&self) -> f64 {
        self.single.square() + self.double.square() + self.narrow.square()
    }

    /// Takes the step, with the gradients multiplied by `kappa`.
    pub(crate) fn step(&mut self, kappa: f64, all_sums: bool) {
        let written = self.places.iter().zip(self.slots);
        bump_versions(written.filter_map(|(place, slot)| place.map(|_| &slot.weight)));
        // SAFETY: the pointers are to the storages of weights and buffers,
        // which the borrowed slots keep alive, and of gradients, which are kept
        // here. The optimizer is borrowed for the whole step, and by the
        // contract of `Optimizer::step` the model is not running meanwhile.
        unsafe {
            self.single.step(kappa, all_sums);
            self.double.step(kappa, all_sums);
            self.narrow.step(kappa, all_sums);
        }
    }
}

/// The buffers of a parameter as its rule has them: with the first moment even where its
/// direction is held.
pub(crate) fn buffers(slot: &Slot, rule: &dyn Rule) -> Vec<Tensor> {
    let mut buffers: Vec<Tensor> = slot.buffers.iter().map(Tensor::shallow_clone).collect();
    if slot.held
        && let Some(rule) = rule.builtin()
    {
        buffers[0] = first_moment(slot, &rule);
    }
    buffers
}

/// The first moment of a parameter whose direction is held in its place: with
/// the bits that the next step would form, and so not by libtorch, whose square
/// roots are not all rounded to the nearest.
fn first_moment(slot: &Slot, rule: &RuleConfig) -> Tensor {
    let t = slot.updates + 1;
    let form = rule.form(&slot.context(None, 0.0));
    let [d, .., v] = slot.buffers.as_slice() else {
        unreachable!("there are two moments")
    };
    let m = d.copy();
    let (isa, s, v, len) = (Isa::best(), m.data_ptr(), v.data_ptr(), m.numel());
    // SAFETY: the buffers of a parameter that the kernels take lie alike and
    // without gaps, and the copy lies as what it is of.
    unsafe {
        match m.kind() {
            Kind::Double => {
                Kernel::<f64>::new(&form, t, true).release(isa, s.cast(), v.cast(), len);
            }
            _ => Kernel::<f32>::new(&form, t, true).release(isa, s.cast(), v.cast(), len),
        }
    }
    m
}

/// The norm of each unit of what the steps of a parameter are taken on, shaped as
/// [`Granularity::dot`]'s result.
pub(crate) fn unit_norms(slot: &Slot, granularity: Granularity) -> Tensor {
    let weight = slot.master.as_ref().unwrap_or(&slot.weight);
    match norms(weight, granularity) {
        Some(norms) => Tensor::from_slice(&norms).reshape(granularity.dot_shape(&weight.size())),
        None => granularity.norm(weight),
    }
}

/// The norm of each unit of a weight, if the kernels can take it: unlike
/// libtorch's, the same bits for any number of threads.
fn norms(weight: &Tensor, granularity: Granularity) -> Option<Vec<f64>> {
    let taken = weight.device() == Device::Cpu && weight.numel() > 0;
    if !(taken && has_units_in_one_piece(weight, granularity)) {
        return None;
    }
    let (len, s) = (weight.numel(), [std::ptr::null_mut(); 3]);
    Some(match Width::of(weight.kind())? {
        Width::Narrow(format) => {
            let w = weight.data_ptr().cast();
            let block = NarrowBlock {
                format,
                w,
                master: std::ptr::null_mut(),
                g: w.cast_const(),
                s,
                len,
            };
            norms_of(block, weight, granularity)
        }
        Width::Single => norms_of(squared::<f32>(weight), weight, granularity),
        Width::Double => norms_of(squared::<f64>(weight), weight, granularity),
    })
}

/// The weight where the gradient would be, as `⟨g,g⟩` is what a pass can take alone.
fn squared<E>(weight: &Tensor) -> Block<E> {
    let w = weight.data_ptr().cast();
    Block {
        w,
        g: w.cast_const(),
        s: [std::ptr::null_mut(); 3],
        len: weight.numel(),
    }
}

fn norms_of<M: Memory>(block: M, weight: &Tensor, granularity: Granularity) -> Vec<f64> {
    let mut runner = Runner::new(
        Isa::best(),
        threads(),
        vec![Job {
            block,
            unit_len: block.len() / granularity.units(&weight.size()) as usize,
            kernel: Kernel::Plain,
            scalars: Scalars::default(),
            radii: &[],
        }],
    );
    runner.sum();
    runner
        .outcomes_of(0)
        .iter()
        .map(|outcome| outcome.sums.gg.sqrt())
        .collect()
}

/// As many threads as libtorch would use.
fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// Adds a job and answers its index.
fn push<'a, M: Memory>(
    jobs: &mut Vec<Job<'a, M>>,
    slot: &'a Slot,
    block: M,
    (form, context, lawn): (&Form, &Context, Option<&LawnConfig>),
) -> usize {
    let units = context.granularity.units(&slot.weight.size()) as usize;
    jobs.push(Job {
        block,
        unit_len: block.len() / units,
        kernel: Kernel::new(form, context.updates, slot.held),
        scalars: Scalars::new(form, context, lawn, rounding(slot.weight.kind())),
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

/// The gradient with its elements in the order of the weight's, if the kernels
/// can take this parameter at all: on the CPU, without gaps, where no other lies,
/// and each unit in one piece.
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
        // The usual case, and the quickest to tell.
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

/// Whether each unit fills a piece of memory of its own, one after the other.
fn has_units_in_one_piece(weight: &Tensor, granularity: Granularity) -> bool {
    let (shape, strides) = (weight.size(), weight.stride());
    is_dense(&shape, &strides) && (granularity.units(&shape) == 1 || is_outermost(&shape, &strides))
}
