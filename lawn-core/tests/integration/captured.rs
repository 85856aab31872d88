//! Steps whose launches a graph carries out, with the kernels of CUDA compiled for the CPU: what a step
//! reads from the host is in memory of the device, so that the launches of one step are right for others.

use crate::common::rules::rules;
use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, CowClipConfig, CprBound, CprConfig, EmulatedGraph, Error, Granularity,
    Optimizer, OptimizerConfig, Parameter, Parameters, Role, RotationalConfig, RuleConfig,
    Schedule, StepLaunches, StepOptions, Uncapturable, WeightDecay,
};
use tch::{Kind, Tensor};

const STEPS: usize = 12;
const SHAPES: [&[i64]; 4] = [&[6, 5], &[3, 9001], &[5], &[4, 3, 2, 2]];

/// Launches that were captured, and what they are called with.
type Captured = Option<(StepLaunches, EmulatedGraph)>;

/// A step by a graph wherever there can be one; whether it was.
fn step_captured(optimizer: &mut Optimizer, options: StepOptions, captured: &mut Captured) -> bool {
    let now = match optimizer.launches(&options) {
        Ok(now) => now,
        Err(Uncapturable::ThisStep) => {
            optimizer.step_with(options).unwrap();
            return false;
        }
        Err(Uncapturable::NoStep(why)) => panic!("{why}"),
    };
    if captured.as_ref().is_none_or(|(known, _)| *known != now) {
        let (graph, ()) = EmulatedGraph::capture(|| optimizer.launch(&now));
        *captured = Some((now, graph));
    }
    let (launches, graph) = captured.as_ref().unwrap();
    // SAFETY: the optimizer is alive, and its launches are these.
    let run = || unsafe { graph.replay() };
    optimizer.step_by(options, launches, &|_| run()).unwrap();
    true
}

/// What some steps of which two are skipped come to, and how many a graph has carried out.
fn train(config: &OptimizerConfig, kind: Kind, by_graph: bool) -> (Vec<u8>, usize) {
    let mut numbers = Numbers(5);
    let start = SHAPES.map(|shape| numbers.tensor(shape, kind));
    let (parameters, weights) = parameters(&start);
    let mut optimizer = config.clone().build(parameters).unwrap();
    let (mut captured, mut by_graphs) = (None, 0);
    for step in 0..STEPS {
        let gradients: Vec<Option<Tensor>> = (weights.iter().enumerate())
            .map(|(i, w)| {
                let g = numbers.tensor(&w.size(), kind);
                // One parameter has none now and then.
                (i != 2 || step % 3 > 0).then(|| {
                    if [2, 7].contains(&step) {
                        g * f64::NAN
                    } else {
                        g
                    }
                })
            })
            .collect();
        // They lie elsewhere in each step.
        set_gradients(&mut optimizer, &weights, &gradients);
        let options = StepOptions {
            samples: 30 + step as u64 % 2,
            gradient_scale: 2.0,
            ..StepOptions::default()
        };
        match by_graph {
            true => by_graphs += usize::from(step_captured(&mut optimizer, options, &mut captured)),
            false => drop(optimizer.step_with(options).unwrap()),
        }
    }
    (everything(&optimizer, &weights), by_graphs)
}

fn config(rule: RuleConfig, decay: WeightDecay) -> OptimizerConfig {
    OptimizerConfig {
        backend: Backend::Cuda,
        clip_norm: Some(1.0),
        decay,
        ..OptimizerConfig::new(rule, Schedule::cosine(0.05, 0.01, 10).warm_up(3))
    }
}

/// Rates that change with each step taken, counts that correct bias, gradients that clip, are absent or
/// not finite, and a freeze on the way.
#[test]
fn replayed_steps_have_the_bits_of_steps_launched_one_by_one() {
    for (rule, decay) in rules() {
        let mut configs = vec![config(rule, decay)];
        for granularity in [Granularity::Layer, Granularity::Row, Granularity::Column] {
            configs.push(OptimizerConfig {
                lawn: Some(lawn(4, granularity)),
                ..config(rule, WeightDecay::None)
            });
        }
        configs.push(OptimizerConfig {
            cpr: Some(CprConfig::new(CprBound::WarmStart(3))),
            ..config(rule, WeightDecay::None)
        });
        configs.push(OptimizerConfig {
            rotational: Some(RotationalConfig::new(0.1)),
            ..config(rule, WeightDecay::None)
        });
        for config in configs {
            if !parts_without_kernels(&config).is_empty() {
                continue;
            }
            for kind in [Kind::Float, Kind::BFloat16] {
                let (expected, _) = train(&config, kind, false);
                let (found, by_graphs) = train(&config, kind, true);
                assert!(found == expected, "{config:?} {kind:?}");
                // All but those of a freeze, and of the steps until it is known.
                assert!(by_graphs >= STEPS - 3, "{config:?}: {by_graphs}");
            }
        }
    }
}

fn parts_without_kernels(config: &OptimizerConfig) -> Vec<String> {
    let mut numbers = Numbers(5);
    let start = SHAPES.map(|shape| numbers.tensor(shape, Kind::Float));
    let optimizer = config.clone().build(parameters(&start).0).unwrap();
    let names = optimizer.without_cuda_kernels().into_iter();
    names.map(str::to_owned).collect()
}

struct Small {
    optimizer: Optimizer,
    weights: Vec<Tensor>,
    numbers: Numbers,
}

impl Small {
    fn new(config: OptimizerConfig) -> Self {
        let mut numbers = Numbers(3);
        let start = [&[6i64, 5][..], &[5]].map(|shape| numbers.tensor(shape, Kind::Float));
        let (parameters, weights) = parameters(&start);
        Self {
            optimizer: config.build(parameters).unwrap(),
            weights,
            numbers,
        }
    }

    fn give(&mut self) {
        let gradients: Vec<Option<Tensor>> = (self.weights.iter())
            .map(|w| Some(self.numbers.tensor(&w.size(), w.kind())))
            .collect();
        set_gradients(&mut self.optimizer, &self.weights, &gradients);
    }

    fn step(&mut self) {
        self.give();
        self.optimizer.step().unwrap();
    }

    fn launches(&self) -> Result<StepLaunches, Uncapturable> {
        self.optimizer.launches(&StepOptions::default())
    }
}

fn adam() -> OptimizerConfig {
    OptimizerConfig {
        lawn: Some(lawn(2, Granularity::Layer)),
        ..config(AdamConfig::default().into(), WeightDecay::None)
    }
}

/// What stays, and what makes a graph of before wrong.
#[test]
fn launches_are_the_same_until_something_is_another() {
    let mut small = Small::new(adam());
    let free = small.launches().unwrap();
    small.step();
    assert_eq!(small.launches().as_ref(), Ok(&free));
    small.step();
    // The third freezes.
    assert_eq!(small.launches(), Err(Uncapturable::ThisStep));
    small.step();
    let held = small.launches().unwrap();
    assert_ne!(held, free);
    small.step();
    assert_eq!(small.launches().as_ref(), Ok(&held));
    // The rate is in memory, and so is where weights and gradients lie.
    small.optimizer.set_rate_factor(0.5).unwrap();
    let elsewhere = small.weights[0].detach().copy();
    small.weights[0].set_data(&elsewhere);
    small.step();
    assert_eq!(small.launches().as_ref(), Ok(&held));
    let options = StepOptions {
        diagnostics: true,
        ..StepOptions::default()
    };
    let measures = small.optimizer.launches(&options);
    assert_eq!(measures, Err(Uncapturable::ThisStep));
    // Radii that were changed are taken by a step that knows of it.
    small.optimizer.scale_radii(0.9).unwrap();
    assert_eq!(small.launches(), Err(Uncapturable::ThisStep));
    small.step();
    assert_eq!(small.launches().as_ref(), Ok(&held));
    // What was set lies in new memory after a load.
    let state = small.optimizer.state();
    small.optimizer.load_state(&state).unwrap();
    assert_eq!(small.launches(), Err(Uncapturable::ThisStep));
    small.step();
    let loaded = small.launches().unwrap();
    assert_ne!(loaded, held);
    small.step();
    assert_eq!(small.launches().as_ref(), Ok(&loaded));
    small.optimizer.unfreeze().unwrap();
    assert_ne!(small.launches().unwrap(), loaded);
    small.optimizer.freeze_now().unwrap();
    assert_eq!(small.launches(), Err(Uncapturable::ThisStep));
}

#[test]
fn another_settings_launches_are_refused_and_nothing_has_changed() {
    let mut small = Small::new(adam());
    let free = small.launches().unwrap();
    (0..3).for_each(|_| small.step());
    small.give();
    let before = everything(&small.optimizer, &small.weights);
    let refused = small
        .optimizer
        .step_by(StepOptions::default(), &free, &|_| panic!("it is replayed"));
    assert!(matches!(refused, Err(Error::OtherLaunches { .. })));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("phase"), "{said}");
    assert!(before == everything(&small.optimizer, &small.weights));
    // It goes on.
    small.optimizer.step().unwrap();

    // Groups that are set are other numbers where the numbers lie: the launches are the same.
    let held = small.launches().unwrap();
    small.optimizer.set_group("p1", Some(0.5), None).unwrap();
    assert_eq!(small.launches().as_ref(), Ok(&held));
}

#[test]
fn who_has_no_launches_says_why() {
    let why = |config: OptimizerConfig| match Small::new(config).launches() {
        Err(Uncapturable::NoStep(why)) => why,
        other => panic!("{other:?}"),
    };
    for backend in [Backend::Auto, Backend::Reference] {
        let said = why(OptimizerConfig { backend, ..adam() });
        assert!(said.contains("kernels of CUDA"), "{said}");
    }
    let cow_clip = Some(CowClipConfig::default());
    let said = why(OptimizerConfig { cow_clip, ..adam() });
    assert!(said.contains("CowClip"), "{said}");

    // A table of which a step updates some rows.
    let named =
        [("table", Role::Embedding), ("dense", Role::Weight)].map(|(name, role)| Parameter {
            name: name.into(),
            role,
            tensor: Numbers(3)
                .tensor(&[6, 4], Kind::Float)
                .set_requires_grad(true),
        });
    let tensors = named.each_ref().map(|one| one.tensor.shallow_clone());
    let lazy = config(
        lawn_core::LazyAdamConfig::default().into(),
        WeightDecay::None,
    );
    let optimizer = lazy.build(Parameters::new(named.into()).unwrap()).unwrap();
    let options = StepOptions::default();
    let said = optimizer.launches(&options).unwrap_err().to_string();
    assert!(said.contains("`table`"), "{said}");
    // One that is not trained is nobody's.
    let _ = tensors[0].set_requires_grad(false);
    assert!(optimizer.launches(&options).is_ok());
}

/// All that a step changes is told of, so that it can be put back and taken again.
#[test]
fn a_step_can_be_taken_again_from_what_is_told_of_its_memory() {
    for config in [
        adam(),
        config(AdamConfig::default().into(), WeightDecay::None),
    ] {
        let mut small = Small::new(config);
        (0..4).for_each(|_| small.step());
        small.give();
        let launches = small.launches().unwrap();
        let options = StepOptions::default();
        let twice = |step: &lawn_core::StepUnderWay<'_>| {
            let memory = step.memory();
            let copies = |memory: &[(String, Tensor)]| -> Vec<Tensor> {
                memory.iter().map(|(_, one)| one.copy()).collect()
            };
            let before = copies(&memory);
            step.launch();
            let once = copies(&memory);
            for ((_, place), copy) in memory.iter().zip(&before) {
                place.shallow_clone().copy_(copy);
            }
            step.launch();
            for ((name, place), copy) in memory.iter().zip(&once) {
                assert!(place.equal(copy), "{name}");
            }
        };
        let mut other = Small::new(small_config(&small));
        (0..4).for_each(|_| other.step());
        other.step();
        small.optimizer.step_by(options, &launches, &twice).unwrap();
        let of = |small: &Small| everything(&small.optimizer, &small.weights);
        assert!(of(&small) == of(&other), "other bits");
    }
}

/// The configuration of an optimizer that was built of one of two.
fn small_config(small: &Small) -> OptimizerConfig {
    match small.optimizer.phase() {
        lawn_core::Phase::Constrained => adam(),
        lawn_core::Phase::Free => config(AdamConfig::default().into(), WeightDecay::None),
    }
}
