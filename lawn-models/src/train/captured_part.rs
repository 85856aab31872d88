//! The parts of steps as graphs: what is captured with them, set before a replay, and checked.

use std::cell::RefCell;

use lawn_core::{
    Error, Optimizer, StepLaunches, StepOptions, StepReport, StepUnderWay, Uncapturable,
};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::captures::{Captures, Checked, GraphUse, Part, Work};
use super::graph_check::{BothWays, Named, has_same_bits};
use crate::device::{Graph, SideStream, set_gradient};
use crate::models::FirstSample;

/// What captures and replays: CUDA, or for tests something that does as if.
pub(super) trait Engine {
    /// What was captured.
    type Graph;
    /// Carries something out on the stream that captures.
    fn within<T>(&self, body: impl FnOnce() -> T) -> T;
    /// Captures what `body` launches; nothing of it is computed.
    ///
    /// # Errors
    /// In one line, why it cannot be.
    fn capture<T>(&self, body: impl FnOnce() -> T) -> Result<(Self::Graph, T), String>;
    /// Computes what was captured.
    fn replay(&self, graph: &Self::Graph);
}

impl Engine for SideStream {
    type Graph = Graph;

    fn within<T>(&self, body: impl FnOnce() -> T) -> T {
        self.within(body)
    }
    fn capture<T>(&self, body: impl FnOnce() -> T) -> Result<(Graph, T), String> {
        Graph::capture(self, body)
    }
    fn replay(&self, graph: &Graph) {
        graph.replay();
    }
}

/// What all graphs of a device share.
struct OfDevice<E> {
    engine: E,
    /// The number of the first sample of a part, which a graph reads.
    first: Tensor,
}

/// A part that was captured, with the tensors that it reads and writes.
pub(super) struct Captured<G> {
    graph: G,
    tensors: Vec<Tensor>,
    loss: Tensor,
    /// Where it writes the gradients of variables, unless it adds to those that are there.
    gradients: Vec<(Tensor, Tensor)>,
    variables: Vec<Variable>,
}

/// A variable that a graph knows, as it was when that was captured.
struct Variable {
    tensor: Tensor,
    address: usize,
    is_trained: bool,
}

impl Variable {
    fn of(tensor: Tensor) -> Self {
        Self {
            address: tensor.data_ptr() as usize,
            is_trained: tensor.requires_grad(),
            tensor,
        }
    }

    fn is_as_it_was(&self) -> bool {
        self.tensor.data_ptr() as usize == self.address
            && self.tensor.requires_grad() == self.is_trained
    }
}

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
    /// Computes the loss of tensors and its gradients, and answers the loss.
    pub(super) pass: &'a dyn Fn(&[Tensor]) -> Tensor,
}

/// The optimizer's step, after the last part of a batch.
pub(super) struct Update<'a> {
    pub(super) optimizer: &'a mut Optimizer,
    pub(super) options: StepOptions,
}

/// What a part comes to: its loss, and the step after it.
type Computed = (Tensor, Option<StepReport>);

/// The graphs of a loop over steps.
pub(super) struct Passes<E: Engine> {
    captures: Captures<Captured<E::Graph>>,
    /// Given where graphs are taken.
    device: Option<OfDevice<E>>,
}

impl<E: Engine> Passes<E> {
    pub(super) fn new(engine: E, device: Device, batch_size: u64) -> Self {
        let first = Tensor::zeros([], (Kind::Int64, device));
        Self {
            captures: Captures::new(batch_size),
            device: Some(OfDevice { engine, first }),
        }
    }

    pub(super) fn none() -> Self {
        Self {
            captures: Captures::none(),
            device: None,
        }
    }

    pub(super) fn refused(reason: String) -> Self {
        Self {
            captures: Captures::refused(reason),
            device: None,
        }
    }

    /// See [`Captures::batch`].
    pub(super) fn batch(&self) -> Option<u64> {
        self.captures.batch()
    }

    /// Computes a part, and the step after it where that is given.
    ///
    /// # Errors
    ///
    /// Those of the step.
    pub(super) fn compute(
        &mut self,
        part: &PartOfStep<'_>,
        update: Option<Update<'_>>,
    ) -> Result<Computed, Error> {
        let asks = update.as_ref().filter(|_| self.device.is_some());
        let found = asks.map(|update| update.optimizer.launches(&update.options));
        let does_more = matches!(found, Some(Err(Uncapturable::ThisStep)));
        // A step of which libtorch has a part comes after the graph, operation by operation.
        let launches = found.and_then(Result::ok);
        let key = Part {
            batch: part.batch,
            sizes: part.tensors.iter().map(|one| one.size()).collect(),
            adds: part.adds,
            launches: launches.clone(),
        };
        let mut work = OnDevice {
            part,
            update,
            launches,
            device: self.device.as_ref(),
        };
        self.captures.compute(key, does_more, &mut work)
    }

    /// See [`Captures::are_untried`].
    pub(super) fn are_untried(&self) -> bool {
        self.captures.are_untried()
    }

    pub(super) fn used(&self) -> GraphUse {
        self.captures.used()
    }

    pub(super) fn take_reason(&mut self) -> Option<String> {
        self.captures.take_reason()
    }
}

struct OnDevice<'a, E> {
    part: &'a PartOfStep<'a>,
    update: Option<Update<'a>>,
    /// Those of the update, where they are captured with the part.
    launches: Option<StepLaunches>,
    device: Option<&'a OfDevice<E>>,
}

impl<'a, E: Engine> OnDevice<'a, E> {
    fn device(&self) -> &'a OfDevice<E> {
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

    /// Takes the step after a pass whose launches were given by themselves.
    fn updated(&mut self, loss: Tensor) -> Result<Computed, Error> {
        let report = match &mut self.update {
            Some(update) => Some(update.optimizer.step_with(update.options)?),
            None => None,
        };
        Ok((loss, report))
    }

    /// Hands a graph what it reads.
    fn hand_over(&self, captured: &Captured<E::Graph>) {
        for (place, new) in captured.tensors.iter().zip(&self.part.tensors) {
            place.shallow_clone().copy_(new);
        }
        self.tell();
        for (variable, gradient) in &captured.gradients {
            set_gradient(variable, Some(gradient));
        }
    }

    /// Computes a part whose launches `run` carries out, and the step after it or within.
    ///
    /// # Errors
    ///
    /// In words, why these launches are not those of the step; `run` was not called then.
    fn carried_out(
        &mut self,
        captured: &Captured<E::Graph>,
        run: &dyn Fn(Option<&StepUnderWay<'_>>),
    ) -> Result<Result<Option<StepReport>, Error>, String> {
        let (Some(update), Some(launches)) = (&mut self.update, &self.launches) else {
            run(None);
            return Ok(self.updated(Tensor::new()).map(|(_, report)| report));
        };
        let step = |step: &StepUnderWay<'_>| run(Some(step));
        let options = update.options;
        match update.optimizer.step_by(options, launches, &step) {
            Err(Error::OtherLaunches { why }) => {
                for (variable, _) in &captured.gradients {
                    set_gradient(variable, None);
                }
                Err(why.to_owned())
            }
            taken => Ok(taken.map(Some)),
        }
    }
}

/// Computes a step that is prepared by its graph and without it; answers its loss, and what differed.
fn both_ways<E: Engine>(
    part: &PartOfStep<'_>,
    device: &OfDevice<E>,
    captured: &Captured<E::Graph>,
    step: Option<&StepUnderWay<'_>>,
) -> (Tensor, Option<String>) {
    let mut named: Named = part.store.variables().into_iter().collect();
    named.sort_by(|(one, _), (other, _)| one.cmp(other));
    let has_gradient = |one: &Tensor| one.requires_grad() && one.grad().defined();
    let (trained, others): (Named, Named) =
        named.into_iter().partition(|(_, one)| has_gradient(one));
    let gradients = trained.iter().map(|(name, one)| (name.clone(), one.grad()));
    let more = RefCell::new(None);
    let pass = || {
        if !part.adds {
            trained.iter().for_each(|(_, one)| set_gradient(one, None));
        }
        let given: Vec<Tensor> = part.tensors.iter().map(|one| one.shallow_clone()).collect();
        let loss = (part.pass)(&given);
        let found = trained.iter().map(|(_, one)| one.grad()).collect();
        // The next part adds to those of the graph.
        for (variable, gradient) in &captured.gradients {
            set_gradient(variable, Some(gradient));
        }
        for (name, one) in others.iter().filter(|(_, one)| has_gradient(one)) {
            set_gradient(one, None);
            more.replace(Some(format!("the gradient of `{name}`")));
        }
        (loss, found)
    };
    let update = step.map(|step| || step.launch());
    let both = BothWays {
        gradients: gradients.collect(),
        statistics: others
            .iter()
            .map(|(name, one)| (format!("`{name}`"), one.shallow_clone()))
            .collect(),
        memory: step.map(StepUnderWay::memory).unwrap_or_default(),
        replay: &|| {
            device.engine.replay(&captured.graph);
            captured.loss.shallow_clone()
        },
        pass: &pass,
        update: update.as_ref().map(|update| update as &dyn Fn()),
    };
    let (loss, difference) = both.compare(has_same_bits());
    (loss, difference.or(more.take()))
}

impl<E: Engine> Work for OnDevice<'_, E> {
    type Graph = Captured<E::Graph>;
    type Result = Result<Computed, Error>;

    fn eager(&mut self) -> Self::Result {
        let loss = (self.part.pass)(&self.given());
        self.updated(loss)
    }

    fn warm_up(&mut self) -> Self::Result {
        self.tell();
        let engine = &self.device().engine;
        let loss = engine.within(|| self.repeatable(&self.given()));
        self.updated(loss)
    }

    fn capture(&mut self) -> Result<Self::Graph, String> {
        let part = self.part;
        let tensors: Vec<Tensor> = part.tensors.iter().map(|tensor| tensor.copy()).collect();
        let trained = part.store.trainable_variables();
        let captured = self.device().engine.capture(|| {
            let loss = self.repeatable(&tensors);
            if let (Some(update), Some(launches)) = (&self.update, &self.launches) {
                update.optimizer.launch(launches);
            }
            loss
        });
        if captured.is_err() && !part.adds {
            // What backward has made on the way holds nothing.
            trained.iter().for_each(|one| set_gradient(one, None));
        }
        let (graph, loss) = captured?;
        let own = trained.into_iter().filter(|_| !part.adds);
        let gradients = own.map(|one| {
            let gradient = one.grad();
            (one, gradient)
        });
        let gradients = gradients.filter(|(_, gradient)| gradient.defined());
        let variables = part.store.variables().into_values().map(Variable::of);
        Ok(Captured {
            graph,
            tensors,
            loss,
            gradients: gradients.collect(),
            variables: variables.collect(),
        })
    }

    fn is_current(&self, captured: &Self::Graph) -> bool {
        captured.variables.iter().all(Variable::is_as_it_was)
    }

    fn replay(&mut self, captured: &Self::Graph) -> Result<Self::Result, String> {
        self.hand_over(captured);
        let engine = &self.device().engine;
        let report = self.carried_out(captured, &|_| engine.replay(&captured.graph))?;
        Ok(report.map(|report| (captured.loss.shallow_clone(), report)))
    }

    fn check(&mut self, captured: &Self::Graph) -> Result<Checked<Self::Result>, String> {
        self.hand_over(captured);
        let (part, device) = (self.part, self.device());
        let found = RefCell::new(None);
        let run = |step: Option<&StepUnderWay<'_>>| {
            found.replace(Some(both_ways(part, device, captured, step)));
        };
        let report = self.carried_out(captured, &run)?;
        let (loss, difference) = found.take().unwrap_or_else(|| (Tensor::new(), None));
        Ok(Checked {
            result: report.map(|report| (loss, report)),
            difference,
        })
    }
}

#[cfg(test)]
mod tests;
