//! Forward and backward passes, with the optimizer's step, as graphs of CUDA, for any loop over steps.

use lawn_core::{Error, Optimizer, StepOptions, StepReport};
use tch::nn::VarStore;
use tch::{Device, Tensor};

use super::captured_part::{PartOfStep, Passes, Update};
use super::captures::GraphUse;
use crate::device::SideStream;

/// Forward and backward passes over batches, captured in graphs of CUDA and replayed, with the
/// optimizer's step where [`step`](Self::step) is given one.
///
/// A pass whose shapes repeat is computed three times as ever, on the stream that captures. Then its
/// launches are captured, and from there on they are replayed by one. The optimizer's launches are part
/// of that where the kernels of CUDA take all of its parameters: rate, count of steps and whether a
/// step is skipped are in memory of the device. After a freeze, or where anything is set, the launches
/// are others, and are captured anew.
///
/// Each graph is checked at its first two replays: the step is computed by it and once more without,
/// from the same state, and has to be the same, bit for bit where libtorch's operations are
/// [deterministic](crate::Deterministic), else but for rounding. What is left is the step without.
///
/// A capture that fails and a graph that differs are the last ones, and everything is launched one by one
/// again; [`take_reason`](Self::take_reason) says why. On the CPU there are no graphs.
///
/// ```
/// use lawn_core::{AdamConfig, OptimizerConfig, Parameters, Schedule, StepOptions};
/// use lawn_models::PassGraphs;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let w = store.root().zeros("weight", &[3]);
/// let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
/// let mut optimizer = config.build(Parameters::from_var_store(&store)?)?;
/// let mut graphs = PassGraphs::new(store.device(), 4);
/// let x = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
/// let pass = |given: &[Tensor]| {
///     let loss = (given[0].matmul(&w) - 1.0).square().mean(Kind::Float);
///     loss.backward();
///     loss.detach()
/// };
/// optimizer.zero_grad();
/// let options = StepOptions::default();
/// let (loss, report) = graphs.step(&store, &[&x], 0, &mut optimizer, options, &pass)?;
/// assert_eq!(loss.double_value(&[]), 1.0);
/// assert_eq!((report.step(), graphs.used().launched), (1, 1));
/// # Ok::<(), lawn_core::Error>(())
/// ```
pub struct PassGraphs(Passes<SideStream>);

impl PassGraphs {
    /// Graphs of passes over batches of so many samples. Where the device has none, everything is
    /// launched one by one, and [`take_reason`](Self::take_reason) says why unless it is the CPU.
    #[must_use]
    pub fn new(device: Device, batch_size: u64) -> Self {
        let Device::Cuda(index) = device else {
            return Self::none();
        };
        Self(match SideStream::new(index) {
            Ok(side) => Passes::new(side, device, batch_size),
            Err(reason) => Passes::refused(reason),
        })
    }

    /// Where everything is launched one by one.
    #[must_use]
    pub fn none() -> Self {
        Self(Passes::none())
    }

    /// The same, for a reason that is to be told.
    pub(super) fn refused(reason: String) -> Self {
        Self(Passes::refused(reason))
    }

    /// Computes a pass over a whole batch, of which no gradients are there yet, and answers its
    /// loss, which the next one overwrites. `pass` is given tensors like these, computes the loss
    /// and the gradients of the variables of `store`, and answers the loss. It must do the same each
    /// time, and not wait for the device. `first` is the number of the first sample among all that are
    /// trained on: layers of this crate draw what they drop by it, whatever
    /// [`Mode::Train`](crate::models::Mode::Train) says within a graph. What is drawn by libtorch's
    /// generators is drawn anew, so that a graph of it differs, and is dropped.
    pub fn compute(
        &mut self,
        store: &VarStore,
        tensors: &[&Tensor],
        first: u64,
        pass: &dyn Fn(&[Tensor]) -> Tensor,
    ) -> Tensor {
        let part = self.whole(store, tensors, first, pass);
        let computed = self.compute_part(&part, None);
        computed.expect("only a step can be refused").0
    }

    /// [`compute`](Self::compute), and the optimizer's step after it. All variables of `store` that are
    /// trained are the optimizer's.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::step_with`].
    pub fn step(
        &mut self,
        store: &VarStore,
        tensors: &[&Tensor],
        first: u64,
        optimizer: &mut Optimizer,
        options: StepOptions,
        pass: &dyn Fn(&[Tensor]) -> Tensor,
    ) -> Result<(Tensor, StepReport), Error> {
        let part = self.whole(store, tensors, first, pass);
        let update = Update { optimizer, options };
        let (loss, report) = self.compute_part(&part, Some(update))?;
        Ok((loss, report.expect("the step was part of it")))
    }

    fn whole<'a>(
        &self,
        store: &'a VarStore,
        tensors: &[&'a Tensor],
        first: u64,
        pass: &'a dyn Fn(&[Tensor]) -> Tensor,
    ) -> PartOfStep<'a> {
        PartOfStep {
            store,
            tensors: tensors.to_vec(),
            batch: self.0.batch().unwrap_or(0),
            first,
            adds: false,
            pass,
        }
    }

    /// The loss of a part, which the next one of its sizes overwrites, and the step after the last one.
    pub(super) fn compute_part(
        &mut self,
        part: &PartOfStep<'_>,
        update: Option<Update<'_>>,
    ) -> Result<(Tensor, Option<StepReport>), Error> {
        self.0.compute(part, update)
    }

    /// See [`Captures::are_untried`](super::captures::Captures::are_untried).
    pub(super) fn are_untried(&self) -> bool {
        self.0.are_untried()
    }

    /// How passes were computed so far.
    #[must_use]
    pub fn used(&self) -> GraphUse {
        self.0.used()
    }

    /// Why graphs were given up, once.
    pub fn take_reason(&mut self) -> Option<String> {
        self.0.take_reason()
    }
}
