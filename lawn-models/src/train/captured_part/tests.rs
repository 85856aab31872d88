//! Captured steps without a card: what is captured, told before a replay, checked, and dropped. The
//! optimizer's kernels are those of CUDA, compiled for the CPU, and their launches are noted and carried
//! out as a graph does.

use std::cell::Cell;

use lawn_core::{
    AdamConfig, Backend, EmulatedGraph, LawnConfig, OptimizerConfig, Parameters, Schedule, Scope,
    State,
};
use tch::nn::Path;

use super::*;
use crate::models::first_there;

/// A linear layer with a running mean. What is computed hangs on the number of the first sample.
struct Model {
    store: VarStore,
    weight: Tensor,
    mean: Tensor,
    /// The number of the first sample, as the host has it.
    first: Cell<u64>,
    /// What the last pass was given and has made.
    last: RefCell<Option<Last>>,
}

struct Last {
    given: Vec<Tensor>,
    first: Tensor,
    loss: Tensor,
}

impl Model {
    fn new() -> Self {
        let store = VarStore::new(Device::Cpu);
        let path: Path<'_> = store.root() / "fc";
        let weight = path.var("weight", &[2, 3], tch::nn::Init::Const(0.3));
        Self {
            mean: path.zeros_no_train("running_mean", &[2]),
            weight,
            store,
            first: Cell::new(0),
            last: RefCell::new(None),
        }
    }

    fn optimizer(&self, backend: Backend) -> Optimizer {
        let lawn = LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(8)
        };
        let config = OptimizerConfig {
            backend,
            lawn: Some(lawn),
            clip_norm: Some(0.5),
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::cosine(0.1, 0.01, 40))
        };
        config
            .build(Parameters::from_var_store(&self.store).unwrap())
            .unwrap()
    }

    /// The loss, whose gradient is of `weight`; the mean goes on.
    fn loss(&self, weight: &Tensor, given: &[Tensor], first: &Tensor) -> Tensor {
        let shift = first.to_kind(Kind::Float) * 1e-3;
        let y = given[0].matmul(&weight.tr()) + shift;
        let batch_mean = y.detach().mean_dim([0i64].as_slice(), false, Kind::Float);
        let moved = self.mean.detach() * 0.9 + batch_mean * 0.1;
        self.mean.detach().copy_(&moved);
        (y - &given[1]).square().mean(Kind::Float)
    }

    fn pass(&self, given: &[Tensor]) -> Tensor {
        let first = first_there().unwrap_or_else(|| Tensor::from(self.first.get() as i64));
        let loss = self.loss(&self.weight, given, &first);
        loss.backward();
        let loss = loss.detach();
        self.last.replace(Some(Last {
            given: given.iter().map(Tensor::shallow_clone).collect(),
            first,
            loss: loss.shallow_clone(),
        }));
        loss
    }
}

/// Captures and replays what the model does, and writes down what is asked of it.
struct AsIf<'a> {
    model: &'a Model,
    said: &'a RefCell<String>,
    refuses: bool,
    /// What gradients are multiplied by.
    wrong: f64,
}

struct AsIfGraph {
    launches: EmulatedGraph,
    last: Last,
    gradient: Tensor,
}

impl Engine for AsIf<'_> {
    type Graph = AsIfGraph;

    fn within<T>(&self, body: impl FnOnce() -> T) -> T {
        *self.said.borrow_mut() += "w";
        body()
    }

    fn capture<T>(&self, body: impl FnOnce() -> T) -> Result<(AsIfGraph, T), String> {
        *self.said.borrow_mut() += "c";
        if self.refuses {
            return Err("a wait".to_owned());
        }
        // Nothing is computed.
        let mean = self.model.mean.detach().copy();
        let (launches, made) = EmulatedGraph::capture(body);
        self.model.mean.detach().copy_(&mean);
        let last = self.model.last.take().expect("a pass was captured");
        let gradient = self.model.weight.grad();
        for one in [&last.loss, &gradient] {
            let _ = one.shallow_clone().fill_(f64::NAN);
        }
        let graph = AsIfGraph {
            launches,
            last,
            gradient,
        };
        Ok((graph, made))
    }

    fn replay(&self, graph: &AsIfGraph) {
        *self.said.borrow_mut() += "r";
        let Last { given, first, loss } = &graph.last;
        let weight = self.model.weight.detach().set_requires_grad(true);
        tch::with_grad(|| {
            let found = self.model.loss(&weight, given, first);
            found.backward();
            loss.shallow_clone().copy_(&found.detach());
        });
        let gradient = match self.wrong {
            1.0 => weight.grad(),
            factor => weight.grad() * factor,
        };
        graph.gradient.shallow_clone().copy_(&gradient);
        // SAFETY: the optimizer is alive, and its launches are compared with these before.
        unsafe { graph.launches.replay() };
    }
}

/// What is trained, and what a card would do wrong.
#[derive(Clone, Copy)]
struct Course {
    backend: Backend,
    captures: bool,
    refuses: bool,
    wrong: f64,
    /// Before this step the weights come to lie elsewhere.
    moves_at: Option<u64>,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            backend: Backend::Cuda,
            captures: true,
            refuses: false,
            wrong: 1.0,
            moves_at: None,
        }
    }
}

/// What is left of a training.
struct Trained {
    state: Vec<u8>,
    said: String,
    used: GraphUse,
    reason: Option<String>,
}

/// Twenty steps, each fifth of a smaller batch, of which the ninth freezes. The device is told of
/// each step by itself; no gradient is left of the step before.
fn train(course: Course) -> Trained {
    let (model, said) = (Model::new(), RefCell::new(String::new()));
    let mut optimizer = model.optimizer(course.backend);
    let mut passes = match course.captures {
        true => {
            let engine = AsIf {
                model: &model,
                said: &said,
                refuses: course.refuses,
                wrong: course.wrong,
            };
            Passes::new(engine, Device::Cpu, 4)
        }
        false => Passes::none(),
    };
    let mut told = Vec::new();
    let mut first = 0u64;
    for step in 0..20u64 {
        if course.moves_at == Some(step) {
            let elsewhere = model.weight.detach().copy();
            model.weight.shallow_clone().set_data(&elsewhere);
        }
        let count = if step % 5 == 4 { 3 } else { 4 };
        let numbers = |columns: i64, seed: f64| {
            let numbers = Tensor::arange(count * columns, (Kind::Float, Device::Cpu));
            ((numbers + seed + step as f64) * 0.7)
                .sin()
                .view([count, columns])
        };
        let (x, y) = (numbers(3, 0.0), numbers(2, 5.0));
        model.first.set(first);
        optimizer.zero_grad();
        let part = PartOfStep {
            store: &model.store,
            tensors: vec![&x, &y],
            batch: count as u64,
            first,
            adds: false,
            pass: &|given| model.pass(given),
        };
        let options = StepOptions {
            samples: count as u64,
            ..StepOptions::default()
        };
        let update = Update {
            optimizer: &mut optimizer,
            options,
        };
        let (loss, report) = passes.compute(&part, Some(update)).unwrap();
        let report = report.unwrap();
        told.push(loss.double_value(&[]));
        told.extend([report.learning_rate(), report.gradient_norm()]);
        assert_eq!((report.step(), report.skipped()), (step + 1, false));
        first += count as u64;
    }
    let mut state: State = optimizer.state();
    for (name, one) in [("w", &model.weight), ("mean", &model.mean)] {
        state.tensors.insert(name.into(), one.detach().copy());
    }
    let told = Tensor::from_slice(&told);
    state.tensors.insert("told".into(), told);
    let (used, reason) = (passes.used(), passes.take_reason());
    drop(passes);
    Trained {
        state: state.to_bytes().unwrap(),
        said: said.into_inner(),
        used,
        reason,
    }
}

fn eager() -> Trained {
    train(Course {
        captures: false,
        ..Course::default()
    })
}

#[test]
fn captured_steps_have_the_bits_of_others_across_smaller_batches_and_the_freeze() {
    let (found, expected) = (train(Course::default()), eager());
    assert_eq!(expected.used.launched, 20);
    // Free: three warm-ups, a capture with a check, a smaller batch, another check, and replays until
    // the step of the freeze, which is eager. The same again from there on.
    assert_eq!(found.said, "wwwcrrrrwwwcrrrrr");
    assert_eq!(found.reason, None);
    assert_eq!((found.used.captured, found.used.checked), (2, 4));
    assert_eq!((found.used.replayed, found.used.updated), (5, 5));
    assert!(found.state == expected.state, "other bits");
}

#[test]
fn a_graph_that_is_wrong_is_dropped_by_name_and_costs_no_bit() {
    let wrong = 1.5;
    let found = train(Course {
        wrong,
        ..Course::default()
    });
    assert_eq!(found.said, "wwwcr");
    let reason = found.reason.unwrap();
    assert!(
        reason.ends_with("the gradient of `fc.weight` differed"),
        "{reason}"
    );
    assert_eq!((found.used.checked, found.used.replayed), (0, 0));
    assert!(found.state == eager().state, "other bits");
}

#[test]
fn a_capture_that_fails_costs_no_bit() {
    let refuses = true;
    let found = train(Course {
        refuses,
        ..Course::default()
    });
    assert_eq!(found.said, "wwwc");
    assert_eq!(found.reason.as_deref(), Some("a wait"));
    assert!(found.state == eager().state, "other bits");
}

#[test]
fn weights_that_come_to_lie_elsewhere_are_captured_anew() {
    let found = train(Course {
        moves_at: Some(7),
        ..Course::default()
    });
    assert_eq!(found.said, "wwwcrrrwwwwcrrrrr");
    assert_eq!(found.reason, None);
    assert!(found.state == eager().state, "other bits");
}

/// Those of the CPU's kernels, for instance: the pass alone is captured.
#[test]
fn steps_that_cannot_be_captured_come_after_the_graph() {
    for backend in [Backend::Reference, Backend::Auto] {
        let course = Course {
            backend,
            ..Course::default()
        };
        let expected = train(Course {
            captures: false,
            ..course
        });
        let found = train(course);
        assert_eq!(found.used.updated, 0);
        assert_eq!((found.used.captured, found.used.checked), (1, 2));
        assert_eq!(found.used.replayed, 11);
        assert!(found.state == expected.state, "other bits");
    }
}

#[test]
fn a_variable_that_is_thawed_or_moved_is_another() {
    let tensor = Tensor::zeros([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let known = Variable::of(tensor.shallow_clone());
    assert!(known.is_as_it_was());
    let _ = tensor.set_requires_grad(false);
    assert!(!known.is_as_it_was());
    let tensor = Tensor::zeros([2], (Kind::Float, Device::Cpu));
    let known = Variable::of(tensor.shallow_clone());
    tensor.shallow_clone().set_data(&tensor.copy());
    assert!(!known.is_as_it_was());
}
