//! Which parameters the fused kernels take, and where their memory is.

use tch::{Device, Kind, Tensor};

use crate::kernel::{Block, Element, Engine, Isa, Job, Kernel, Outcome, Scalars};
use crate::slot::Slot;
use crate::{Context, Granularity, LawnConfig, RuleConfig};

/// The parameters of one step that the kernels take.
#[derive(Debug)]
pub(crate) struct Fused<'a> {
    single: Engine<'a, f32>,
    double: Engine<'a, f64>,
    /// For each parameter, which engine's which job it is.
    places: Vec<Option<(Kind, usize)>>,
    /// Gradients that had to be copied into the layout of their weights, or
    /// that must live as long as the pointers into them.
    _gradients: Vec<Tensor>,
}

impl<'a> Fused<'a> {
    /// Takes what it can of the parameters that have a gradient.
    pub(crate) fn new(
        slots: &'a [Slot],
        gradients: &[Option<Tensor>],
        rule: &RuleConfig,
        lawn: Option<&LawnConfig>,
        learning_rate: f64,
    ) -> Self {
        let (mut single, mut double) = (Vec::new(), Vec::new());
        let mut kept = Vec::new();
        let mut places = Vec::with_capacity(slots.len());
        for (slot, gradient) in slots.iter().zip(gradients) {
            let context = slot.context(lawn, learning_rate);
            let gradient = gradient.as_ref().and_then(|g| in_layout(slot, &context, g));
            places.push(gradient.map(|g| {
                let place = match slot.weight.kind() {
                    Kind::Double => {
                        double.push(job(slot, &g, rule, lawn, &context));
                        (Kind::Double, double.len() - 1)
                    }
                    _ => {
                        single.push(job(slot, &g, rule, lawn, &context));
                        (Kind::Float, single.len() - 1)
                    }
                };
                kept.push(g);
                place
            }));
        }
        let (isa, threads) = (Isa::best(), threads());
        Self {
            single: Engine::new(isa, threads, single),
            double: Engine::new(isa, threads, double),
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
            (Kind::Double, job) => self.double.outcomes_of(job),
            (_, job) => self.single.outcomes_of(job),
        })
    }

    /// Sums over the gradients before anything is written.
    pub(crate) fn sum(&mut self) {
        self.single.sum();
        self.double.sum();
    }

    /// `Σ ⟨g,g⟩`, as far as it was summed.
    pub(crate) fn square(&self) -> f64 {
        self.single.square() + self.double.square()
    }

    /// Takes the step, with the gradients multiplied by `kappa`.
    pub(crate) fn step(&mut self, kappa: f64, all_sums: bool) {
        // SAFETY: the pointers are to the storages of weights and buffers,
        // which the borrowed slots keep alive, and of gradients, which are kept
        // here. The optimizer is borrowed for the whole step, and by the
        // contract of `Optimizer::step` the model is not running meanwhile.
        unsafe {
            self.single.step(kappa, all_sums);
            self.double.step(kappa, all_sums);
        }
    }
}

/// The norm of each unit of a weight, if the kernels can take it: unlike
/// libtorch's, the same bits for any number of threads.
pub(crate) fn norms(weight: &Tensor, granularity: Granularity) -> Option<Vec<f64>> {
    let plain = weight.device() == Device::Cpu && weight.is_contiguous() && weight.numel() > 0;
    match weight.kind() {
        Kind::Float if plain => Some(norms_of::<f32>(weight, granularity)),
        Kind::Double if plain => Some(norms_of::<f64>(weight, granularity)),
        _ => None,
    }
}

fn norms_of<E: Element>(weight: &Tensor, granularity: Granularity) -> Vec<f64> {
    let len = weight.numel();
    let w = weight.data_ptr().cast::<E>();
    let block = Block {
        w,
        g: w.cast_const(),
        s: [std::ptr::null_mut(); 3],
        len,
    };
    let mut engine = Engine::new(
        Isa::best(),
        threads(),
        vec![Job {
            block,
            unit_len: len / granularity.units(&weight.size()) as usize,
            kernel: Kernel::Plain,
            scalars: Scalars::default(),
            radii: &[],
        }],
    );
    engine.sum();
    engine
        .outcomes_of(0)
        .iter()
        .map(|outcome| outcome.sums.gg.sqrt())
        .collect()
}

/// As many threads as libtorch would use.
fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

fn job<'a, E: Element>(
    slot: &'a Slot,
    gradient: &Tensor,
    rule: &RuleConfig,
    lawn: Option<&LawnConfig>,
    context: &Context,
) -> Job<'a, E> {
    let len = slot.weight.numel();
    let units = context.granularity.units(&slot.weight.size()) as usize;
    let mut s = [std::ptr::null_mut(); 3];
    for (s, buffer) in s.iter_mut().zip(&slot.buffers) {
        *s = buffer.data_ptr().cast::<E>();
    }
    let (w, g) = (
        slot.weight.data_ptr().cast(),
        gradient.data_ptr().cast::<E>().cast_const(),
    );
    Job {
        block: Block { w, g, s, len },
        unit_len: len / units,
        kernel: Kernel::new(rule, context),
        scalars: Scalars::new(rule, context, lawn),
        radii: if context.constrained {
            &slot.radii
        } else {
            &[]
        },
    }
}

/// The gradient with its elements in the order of the weight's, if the kernels
/// can take this parameter at all: f32 or f64 on the CPU, without gaps, and
/// each unit in one piece.
fn in_layout(slot: &Slot, context: &Context, gradient: &Tensor) -> Option<Tensor> {
    let weight = &slot.weight;
    let kind = weight.kind();
    let plain = matches!(kind, Kind::Float | Kind::Double)
        && weight.device() == Device::Cpu
        && weight.numel() > 0
        && gradient.kind() == kind;
    if !plain {
        return None;
    }
    if weight.is_contiguous() && slot.buffers.iter().all(Tensor::is_contiguous) {
        // The usual case, and the quickest to tell.
        return Some(gradient.contiguous());
    }
    let strides = weight.stride();
    let rows_apart =
        context.granularity == Granularity::Layer || is_outermost(&weight.size(), &strides);
    let alike = slot.buffers.iter().all(|buffer| buffer.stride() == strides);
    if !(is_dense(&weight.size(), &strides) && rows_apart && alike) {
        return None;
    }
    if gradient.stride() == strides {
        return Some(gradient.shallow_clone());
    }
    let mut copy = weight.detach().empty_like();
    copy.copy_(gradient);
    (copy.stride() == strides).then_some(copy)
}

/// Whether the elements fill their memory without gaps or overlaps.
pub(crate) fn is_dense(shape: &[i64], strides: &[i64]) -> bool {
    let mut dimensions: Vec<(i64, i64)> = strides
        .iter()
        .copied()
        .zip(shape.iter().copied())
        .filter(|&(_, n)| n != 1)
        .collect();
    dimensions.sort_unstable();
    let mut expected = 1;
    dimensions.iter().all(|&(stride, n)| {
        let fits = stride == expected;
        expected *= n;
        fits
    })
}

/// Whether the first dimension is the one whose steps are the longest.
pub(crate) fn is_outermost(shape: &[i64], strides: &[i64]) -> bool {
    shape[0] == 1 || strides[0] == shape[1..].iter().product::<i64>()
}
