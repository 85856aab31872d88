//! Forward and backward passes as graphs of CUDA.
//!
//! The optimizer's few launches come after a replay, as they would after any `backward`: what changes
//! from step to step, the rate and whether a step is skipped, is theirs.

use tch::{Device, Kind, Tensor};

use super::captures::{Captures, Part, Work};
use super::context::TrialContext;
use crate::data::Batch;
use crate::device::{Autocast, Graph, HalfKind, SideStream, set_gradient};
use crate::models::{FirstSample, Mode};
use crate::tasks::{Task, TrialConfig};
use crate::trial::Precision;

/// What switches graphs on, as long as they are new.
const SWITCH: &str = "LAWN_CUDA_GRAPHS";

/// The graphs of a trial, where it takes any.
pub(super) struct Graphs {
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
    batch: Batch,
    loss: Tensor,
    /// Where it writes the gradients of variables, unless it adds to those that are there.
    gradients: Vec<(Tensor, Tensor)>,
}

/// A part of a batch, and what its mean loss is taken over.
pub(super) struct Pass<'a> {
    pub(super) task: &'a Task,
    pub(super) batch: &'a Batch,
    pub(super) half: Option<HalfKind>,
    pub(super) on: Device,
    /// Number of its first sample among all that are trained on.
    pub(super) first: u64,
    /// Samples of the step.
    pub(super) count: u64,
    /// What the loss is multiplied by, if by anything.
    pub(super) scale: Option<f64>,
    /// Whether there are gradients of the step already.
    pub(super) adds: bool,
}

impl Graphs {
    /// On CUDA, where they are asked for. The scale of f16's loss changes on the way, so that no
    /// graph would be right for long. With several ranks gradients are summed in the midst of a
    /// backward pass, by threads of the host that no graph holds.
    pub(super) fn new(config: &TrialConfig, context: &TrialContext, is_ranked: bool) -> Self {
        let asked = std::env::var_os(SWITCH).is_some_and(|value| value == "1");
        let fits = config.precision != Precision::F16 && !is_ranked;
        let mut graphs = Self {
            captures: Captures::none(),
            device: None,
        };
        if let Device::Cuda(index) = context.device
            && asked
            && fits
        {
            match SideStream::new(index) {
                Ok(side) => {
                    graphs.captures = Captures::new(config.batch_size);
                    let first = Tensor::zeros([], (Kind::Int64, context.device));
                    graphs.device = Some(OfDevice { side, first });
                }
                Err(reason) => graphs.captures = Captures::refused(reason),
            }
        }
        graphs
    }

    /// Computes the gradients of a part; its loss, which the next part of this size overwrites.
    pub(super) fn compute(&mut self, pass: &Pass<'_>) -> Tensor {
        let Some(device) = self.device.as_ref().filter(|_| self.captures.are_taken()) else {
            return pass.loss(pass.batch);
        };
        let tensors = pass.batch.inputs.iter().chain([&pass.batch.targets]);
        let part = Part {
            batch: pass.count,
            sizes: tensors.map(Tensor::size).collect(),
            adds: pass.adds,
        };
        self.captures.compute(part, &mut OnDevice { pass, device })
    }

    /// Why graphs were given up, once.
    pub(super) fn take_reason(&mut self) -> Option<String> {
        self.captures.take_reason()
    }
}

impl Pass<'_> {
    /// Adds the gradients of the part to those that are there; its loss, the sum over its samples.
    fn loss(&self, batch: &Batch) -> Tensor {
        let loss = {
            let _region = self.half.map(|kind| Autocast::begin(self.on, kind));
            let mode = Mode::Train { first: self.first };
            let logits = self.task.forward(&batch.inputs, mode);
            self.task.objective.loss(&logits, &batch.targets)
        };
        // Each part is divided by the whole batch: their gradients add up
        // to those of the mean.
        let mean = &loss / self.count as f64;
        match self.scale {
            Some(scale) => mean * scale,
            None => mean,
        }
        .backward();
        loss.detach()
    }
}

struct OnDevice<'a> {
    pass: &'a Pass<'a>,
    device: &'a OfDevice,
}

impl OnDevice<'_> {
    /// Tells the device the number of the first sample.
    fn tell(&self) {
        let mut first = self.device.first.shallow_clone();
        let _ = first.fill_(self.pass.first as i64);
    }

    /// The loss, with all that differs from step to step read from memory of the device.
    fn repeatable(&self, batch: &Batch) -> Tensor {
        let _first = FirstSample::of(&self.device.first);
        self.pass.loss(batch)
    }
}

impl Work for OnDevice<'_> {
    type Graph = Captured;
    type Result = Tensor;

    fn eager(&mut self) -> Tensor {
        self.pass.loss(self.pass.batch)
    }

    fn warm_up(&mut self) -> Tensor {
        self.tell();
        self.device.side.within(|| self.repeatable(self.pass.batch))
    }

    fn capture(&mut self) -> Result<Captured, String> {
        let pass = self.pass;
        let batch = Batch {
            inputs: pass.batch.inputs.iter().map(Tensor::copy).collect(),
            targets: pass.batch.targets.copy(),
        };
        let variables = pass.task.store.trainable_variables();
        let captured = Graph::capture(&self.device.side, || self.repeatable(&batch));
        if captured.is_err() && !pass.adds {
            // What backward has made on the way holds nothing.
            variables.iter().for_each(|one| set_gradient(one, None));
        }
        let (graph, loss) = captured?;
        let own = variables.into_iter().filter(|_| !pass.adds);
        let gradients = own.map(|one| {
            let gradient = one.grad();
            (one, gradient)
        });
        Ok(Captured {
            graph,
            batch,
            loss,
            gradients: gradients
                .filter(|(_, gradient)| gradient.defined())
                .collect(),
        })
    }

    fn replay(&mut self, captured: &Captured) -> Tensor {
        let new = self
            .pass
            .batch
            .inputs
            .iter()
            .chain([&self.pass.batch.targets]);
        let places = captured
            .batch
            .inputs
            .iter()
            .chain([&captured.batch.targets]);
        for (place, new) in places.zip(new) {
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
