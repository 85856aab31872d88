//! Forward and backward passes as graphs of CUDA, for any loop over steps.

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::captures::{Captures, GraphUse, Part, Work};
use crate::device::{Graph, SideStream, set_gradient};
use crate::models::FirstSample;

/// Forward and backward passes over batches, captured in graphs of CUDA and replayed.
///
/// A pass whose shapes repeat is computed three times as ever, on the stream that captures. Then its
/// launches are captured, and from there on they are replayed by one. The optimizer's few launches
/// come after a replay, as they would after any `backward`: what changes from step to step, the rate
/// and whether a step is skipped, is theirs.
///
/// A capture that fails is the last one, and everything is launched one by one again;
/// [`take_reason`](Self::take_reason) says why. On the CPU there are no graphs.
///
/// ```
/// use lawn_models::PassGraphs;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let w = store.root().zeros("w", &[3]);
/// let mut graphs = PassGraphs::new(store.device(), 4);
/// let x = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
/// let loss = graphs.compute(&store, &[&x], 0, &|given: &[Tensor]| {
///     let loss = (given[0].matmul(&w) - 1.0).square().mean(Kind::Float);
///     loss.backward();
///     loss.detach()
/// });
/// assert_eq!(loss.double_value(&[]), 1.0);
/// assert_eq!(graphs.used().launched, 1);
/// ```
pub struct PassGraphs {
    captures: Captures<Captured>,
    /// Given where graphs are taken.
    device: Option<OfDevice>,
}

/// What all graphs of a device share.
struct OfDevice {
    side: SideStream,
    /// The number of the first sample of a part, which a graph reads.
    first: Tensor,
}

/// A part that was captured, with the tensors that it reads and writes.
pub(super) struct Captured {
    graph: Graph,
    tensors: Vec<Tensor>,
    loss: Tensor,
    /// Where it writes the gradients of variables, unless it adds to those that are there.
    gradients: Vec<(Tensor, Tensor)>,
}

/// Computes the loss of tensors and its gradients, and answers the loss.
pub(super) type Pass<'a> = &'a dyn Fn(&[Tensor]) -> Tensor;

/// A part of a batch and what is to be computed of it.
pub(super) struct PartOfStep<'a> {
    /// The variables whose gradients it makes.
    pub(super) store: &'a VarStore,
    /// What it is made of.
    pub(super) tensors: Vec<&'a Tensor>,
    /// Samples of the step.
    pub(super) batch: u64,
    /// Number of its first sample among all that are trained on.
    pub(super) first: u64,
    /// Whether there are gradients of the step already.
    pub(super) adds: bool,
    pub(super) pass: Pass<'a>,
}

impl PassGraphs {
    /// Graphs of passes over batches of so many samples. Where the device has none, everything is
    /// launched one by one, and [`take_reason`](Self::take_reason) says why unless it is the CPU.
    #[must_use]
    pub fn new(device: Device, batch_size: u64) -> Self {
        let Device::Cuda(index) = device else {
            return Self::none();
        };
        match SideStream::new(index) {
            Ok(side) => Self {
                captures: Captures::new(batch_size),
                device: Some(OfDevice {
                    side,
                    first: Tensor::zeros([], (Kind::Int64, device)),
                }),
            },
            Err(reason) => Self::refused(reason),
        }
    }

    /// Where everything is launched one by one.
    #[must_use]
    pub fn none() -> Self {
        Self {
            captures: Captures::none(),
            device: None,
        }
    }

    /// The same, for a reason that is to be told.
    pub(super) fn refused(reason: String) -> Self {
        Self {
            captures: Captures::refused(reason),
            device: None,
        }
    }

    /// Computes a pass over a whole batch, of which no gradients are there yet, and answers its
    /// loss, which the next one overwrites. `pass` is given tensors like these, computes the loss
    /// and the gradients of the variables of `store`, and answers the loss. It must do the same each
    /// time, and not wait for the device. `first` is the number of the first sample among all that are
    /// trained on: layers of this crate draw what they drop by it, whatever
    /// [`Mode::Train`](crate::models::Mode::Train) says within a graph.
    pub fn compute(
        &mut self,
        store: &VarStore,
        tensors: &[&Tensor],
        first: u64,
        pass: &dyn Fn(&[Tensor]) -> Tensor,
    ) -> Tensor {
        self.compute_part(&PartOfStep {
            store,
            tensors: tensors.to_vec(),
            batch: self.captures.batch().unwrap_or(0),
            first,
            adds: false,
            pass,
        })
    }

    pub(super) fn compute_part(&mut self, part: &PartOfStep<'_>) -> Tensor {
        let key = Part {
            batch: part.batch,
            sizes: part.tensors.iter().map(|one| one.size()).collect(),
            adds: part.adds,
        };
        let device = self.device.as_ref();
        self.captures.compute(key, &mut OnDevice { part, device })
    }

    /// How passes were computed so far.
    #[must_use]
    pub fn used(&self) -> GraphUse {
        self.captures.used()
    }

    /// Why graphs were given up, once.
    pub fn take_reason(&mut self) -> Option<String> {
        self.captures.take_reason()
    }
}

struct OnDevice<'a> {
    part: &'a PartOfStep<'a>,
    device: Option<&'a OfDevice>,
}

impl<'a> OnDevice<'a> {
    fn device(&self) -> &'a OfDevice {
        self.device.expect("graphs are taken on a device")
    }

    /// Tells the device the number of the first sample.
    fn tell(&self) {
        let mut first = self.device().first.shallow_clone();
        let _ = first.fill_(self.part.first as i64);
    }

    /// The loss, with all that differs from step to step read from memory of the device.
    fn repeatable(&self, tensors: &[Tensor]) -> Tensor {
        let _first = FirstSample::of(&self.device().first);
        (self.part.pass)(tensors)
    }

    fn given(&self) -> Vec<Tensor> {
        let given = self.part.tensors.iter();
        given.map(|tensor| tensor.shallow_clone()).collect()
    }
}

impl Work for OnDevice<'_> {
    type Graph = Captured;
    type Result = Tensor;

    fn eager(&mut self) -> Tensor {
        (self.part.pass)(&self.given())
    }

    fn warm_up(&mut self) -> Tensor {
        self.tell();
        let side = &self.device().side;
        side.within(|| self.repeatable(&self.given()))
    }

    fn capture(&mut self) -> Result<Captured, String> {
        let part = self.part;
        let tensors: Vec<Tensor> = part.tensors.iter().map(|tensor| tensor.copy()).collect();
        let variables = part.store.trainable_variables();
        let captured = Graph::capture(&self.device().side, || self.repeatable(&tensors));
        if captured.is_err() && !part.adds {
            // What backward has made on the way holds nothing.
            variables.iter().for_each(|one| set_gradient(one, None));
        }
        let (graph, loss) = captured?;
        let own = variables.into_iter().filter(|_| !part.adds);
        let gradients = own.map(|one| {
            let gradient = one.grad();
            (one, gradient)
        });
        let gradients = gradients.filter(|(_, gradient)| gradient.defined());
        Ok(Captured {
            graph,
            tensors,
            loss,
            gradients: gradients.collect(),
        })
    }

    fn replay(&mut self, captured: &Captured) -> Tensor {
        for (place, new) in captured.tensors.iter().zip(&self.part.tensors) {
            place.shallow_clone().copy_(new);
        }
        self.tell();
        for (variable, gradient) in &captured.gradients {
            set_gradient(variable, Some(gradient));
        }
        captured.graph.replay();
        captured.loss.shallow_clone()
    }
}
