//! What is set between steps: the factor of all rates, and rate and decay of some parameters.

use crate::common::{Numbers, distance, everything, parameters, set_gradients, values};
use lawn_core::{
    AdagradConfig, AdamConfig, Adaptation, Backend, Error, Granularity, LambConfig, LarsConfig,
    LawnConfig, Layer, LionConfig, Optimizer, OptimizerConfig, Parameter, Parameters, Role,
    RotationalConfig, RuleConfig, Schedule, ScheduleFreeConfig, Scope, SgdConfig, State,
    WeightDecay,
};
use tch::{Device, Kind, Tensor};

fn two() -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(3);
    let start = [(); 2].map(|()| numbers.tensor(&[2, 3], Kind::Double));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig::new(SgdConfig::default(), Schedule::linear(0.4, 0.0, 4));
    (config.build(parameters).unwrap(), weights)
}

/// How far the first element of each moved by a gradient of ones.
fn moved(optimizer: &mut Optimizer, weights: &[Tensor]) -> Vec<f64> {
    let before: Vec<f64> = weights.iter().map(|w| values(w)[0]).collect();
    let ones: Vec<_> = weights.iter().map(|w| Some(w.ones_like())).collect();
    set_gradients(optimizer, weights, &ones);
    optimizer.step().unwrap();
    let after = weights.iter().map(|w| values(w)[0]);
    after
        .zip(before)
        .map(|(after, before)| before - after)
        .collect()
}

fn close(found: &[f64], expected: &[f64]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-14, "{found} and {expected}");
    }
}

#[test]
fn a_factor_multiplies_the_schedule() {
    let (mut optimizer, weights) = two();
    close(&moved(&mut optimizer, &weights), &[0.4, 0.4]);
    optimizer.set_rate_factor(0.5).unwrap();
    close(&[optimizer.learning_rate()], &[0.15]);
    close(&moved(&mut optimizer, &weights), &[0.15, 0.15]);
    // It is in the place of the factor before.
    optimizer.set_rate_factor(2.0).unwrap();
    close(&moved(&mut optimizer, &weights), &[0.4, 0.4]);
    assert!(optimizer.set_rate_factor(f64::NAN).is_err());
    assert!(optimizer.set_rate_factor(-1.0).is_err());
    assert_eq!(optimizer.rate_factor(), 2.0);
}

#[test]
fn a_group_is_set_from_the_next_step_on() {
    let (mut optimizer, weights) = two();
    optimizer.set_group("p1", Some(0.5), None).unwrap();
    close(&moved(&mut optimizer, &weights), &[0.4, 0.2]);
    let decay = WeightDecay::L2 { rate: 1.0 };
    optimizer.set_group("p0", None, Some(decay)).unwrap();
    let w = values(&weights[0])[0];
    close(&moved(&mut optimizer, &weights), &[0.3 * (1.0 + w), 0.15]);
    let [first, second] = optimizer.treatments() else {
        panic!("two parameters")
    };
    assert_eq!((first.decay, second.learning_rate_scale), (decay, 0.5));
}

/// Rate and decay of the first resumed step are those of the run that went on.
#[test]
fn what_was_set_is_part_of_the_state() {
    let (mut whole, weights) = two();
    moved(&mut whole, &weights);
    whole.set_rate_factor(0.25).unwrap();
    whole.set_group("p*", Some(2.0), None).unwrap();
    let decay = WeightDecay::Decoupled { rate: 0.1 };
    whole.set_group("p1", Some(0.5), Some(decay)).unwrap();
    let saved = everything(&whole, &weights);
    let (mut resumed, mut others) = two();
    // Of another run: the state has the last word.
    resumed.set_group("p0", Some(9.0), None).unwrap();
    let mut state = State::from_bytes(&saved, Device::Cpu).unwrap();
    for (i, w) in others.iter_mut().enumerate() {
        let saved = state.tensors.remove(&format!("weight/{i}")).unwrap();
        tch::no_grad(|| w.copy_(&saved));
    }
    resumed.load_state(&state).unwrap();
    assert_eq!(resumed.learning_rate(), whole.learning_rate());
    assert_eq!(resumed.treatments(), whole.treatments());
    for _ in 0..2 {
        moved(&mut whole, &weights);
        moved(&mut resumed, &others);
    }
    assert!(everything(&whole, &weights) == everything(&resumed, &others));
}

#[test]
fn what_cannot_be_set_is_refused() {
    let (mut optimizer, weights) = two();
    let before = everything(&optimizer, &weights);
    let unmatched = optimizer.set_group("q*", Some(1.0), None);
    assert!(matches!(unmatched, Err(Error::UnmatchedPattern { .. })));
    assert!(optimizer.set_group("p0", Some(-1.0), None).is_err());
    assert!(before == everything(&optimizer, &weights));

    let build = |backend| {
        let (parameters, _) = parameters(&[Numbers(1).tensor(&[2, 3], Kind::Float)]);
        let lawn = LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(3)
        };
        let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
        let config = OptimizerConfig { backend, ..config };
        config.with_lawn(lawn).build(parameters).unwrap()
    };
    let decay = Some(WeightDecay::L2 { rate: 0.1 });
    let constrained = build(Backend::Auto).set_group("p0", None, decay);
    assert!(matches!(constrained, Err(Error::DecayOnConstrained { .. })));
}

/// Of a pattern and a field the last counts, in the state too, and the others are gone.
#[test]
fn a_rate_that_is_set_every_step_makes_no_state_grow() {
    for backend in [Backend::Auto, Backend::Cuda] {
        let mut numbers = Numbers(9);
        let start = [(); 2].map(|()| numbers.tensor(&[2, 3], Kind::Double));
        let (parameters, weights) = parameters(&start);
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1))
        };
        let mut optimizer = config.build(parameters).unwrap();
        let decay = WeightDecay::Decoupled { rate: 0.1 };
        optimizer.set_group("p*", Some(3.0), Some(decay)).unwrap();
        for step in 1..=100u32 {
            let scale = 1.0 / f64::from(step);
            optimizer.set_group("p1", Some(scale), None).unwrap();
            // Nothing has changed.
            optimizer.set_group("p1", Some(scale), None).unwrap();
        }
        optimizer
            .set_group("p*", None, Some(WeightDecay::None))
            .unwrap();
        close(&moved(&mut optimizer, &weights), &[0.3, 0.001]);
        let set: serde_json::Value =
            serde_json::from_str(&optimizer.state().metadata["regrouped"]).unwrap();
        assert_eq!(
            set,
            serde_json::json!([
                { "pattern": "p*", "learning_rate_scale": 3.0, "decay": null },
                { "pattern": "p1", "learning_rate_scale": 0.01, "decay": null },
                { "pattern": "p*", "learning_rate_scale": null, "decay": { "kind": "none" } },
            ])
        );
        // A state of before has all that was ever set.
        let mut state = optimizer.state();
        let long: Vec<String> = (1..=50)
            .map(|step| format!(r#"{{"pattern":"p1","learning_rate_scale":{step}.0}}"#))
            .collect();
        let long = format!("[{}]", long.join(","));
        state.metadata.insert("regrouped".to_owned(), long);
        optimizer.load_state(&state).unwrap();
        assert_eq!(optimizer.treatments()[1].learning_rate_scale, 50.0);
        assert!(optimizer.state().metadata["regrouped"].len() < 100);
    }
}

/// Rates that change before each step and after the freeze, whatever takes the steps: radii, what
/// a constraint remembers and moments stay where they are.
#[test]
fn a_rate_before_every_step_is_that_of_the_reference() {
    let run = |backend| {
        let mut numbers = Numbers(31);
        let start = [&[3i64, 8] as &[i64], &[7]].map(|shape| numbers.tensor(shape, Kind::Double));
        let (parameters, weights) = parameters(&start);
        let config = OptimizerConfig {
            backend,
            rotational: Some(RotationalConfig {
                scope: Scope::Patterns(vec!["p0".into()]),
                centred: false,
                ..RotationalConfig::new(0.1)
            }),
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.05))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for step in 0..8u32 {
            let scale = 1.0 + f64::from(step % 3);
            optimizer.set_group("p?", Some(scale), None).unwrap();
            let gradients: Vec<Option<Tensor>> = (weights.iter())
                .map(|w| Some(numbers.tensor(&w.size(), Kind::Double)))
                .collect();
            set_gradients(&mut optimizer, &weights, &gradients);
            optimizer.step().unwrap();
        }
        weights
    };
    let expected = run(Backend::Reference);
    for backend in [Backend::Auto, Backend::Cuda] {
        for (found, expected) in run(backend).iter().zip(&expected) {
            assert!(distance(found, expected) < 1e-12, "{backend:?}");
        }
    }
}

/// A matrix, a table and a vector under settings that change before the freeze and after it.
fn regrouped(
    rule: RuleConfig,
    backend: Backend,
    granularity: Option<Granularity>,
) -> (Vec<u8>, Vec<Tensor>) {
    let build = |start: &[Tensor]| {
        let weights: Vec<Tensor> = (start.iter())
            .map(|w| w.detach().copy().set_requires_grad(true))
            .collect();
        let of = |(name, role, at): (&str, Role, usize)| Parameter {
            name: name.into(),
            role,
            tensor: weights[at].shallow_clone(),
        };
        let all = [
            ("matrix", Role::Weight, 0),
            ("table", Role::Embedding, 1),
            ("vector", Role::Bias, 2),
        ];
        let config = OptimizerConfig {
            backend,
            clip_norm: Some(1.0),
            lawn: granularity.map(|granularity| LawnConfig {
                scope: Scope::Patterns(vec!["matrix".into()]),
                granularity,
                ..LawnConfig::new(3)
            }),
            ..OptimizerConfig::new(rule, Schedule::constant(0.05))
        };
        let parameters = Parameters::new(all.into_iter().map(of).collect()).unwrap();
        (config.build(parameters).unwrap(), weights)
    };
    let mut numbers = Numbers(21);
    let start =
        [&[3i64, 40] as &[i64], &[5, 4], &[7]].map(|shape| numbers.tensor(shape, Kind::Double));
    let (mut optimizer, mut weights) = build(&start);
    let decay = |rate| Some(WeightDecay::Decoupled { rate });
    for step in 0..8 {
        match step {
            1 => {
                optimizer.set_group("table", Some(0.5), decay(0.3)).unwrap();
                optimizer.set_group("vector", None, decay(0.2)).unwrap();
            }
            // After the freeze, which comes before the fourth step.
            5 => {
                optimizer.set_group("matrix", Some(2.0), None).unwrap();
                let none = Some(WeightDecay::None);
                optimizer.set_group("t*", Some(1.5), none).unwrap();
            }
            // Another optimizer goes on from the state.
            6 => {
                let state = State::from_bytes(&optimizer.state().to_bytes().unwrap(), Device::Cpu);
                (optimizer, weights) = build(&weights);
                optimizer.load_state(&state.unwrap()).unwrap();
            }
            _ => {}
        }
        let gradients: Vec<Option<Tensor>> = (weights.iter())
            .map(|w| Some(numbers.tensor(&w.size(), Kind::Double)))
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
    }
    (everything(&optimizer, &weights), weights)
}

/// What lies on a device is set there: the emulated one is held to the reference.
#[test]
fn groups_are_set_on_every_backend() {
    let adam = AdamConfig {
        epsilon: 1e-6,
        ..AdamConfig::default()
    };
    // Without decay these have no trust ratio.
    let lamb = LambConfig {
        adaptation: Adaptation::WhenDecayed,
        ..LambConfig::default()
    };
    let lars = LarsConfig {
        adaptation: Adaptation::WhenDecayed,
        trust_coefficient: 0.5,
        ..LarsConfig::default()
    };
    let rules: [RuleConfig; 7] = [
        SgdConfig::default().into(),
        adam.into(),
        lamb.into(),
        lars.into(),
        // Its tables without decay may have gradients of some rows, which kernels do not take.
        AdagradConfig::default().into(),
        LionConfig::default().into(),
        ScheduleFreeConfig::default().into(),
    ];
    for rule in rules {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            let (_, expected) = regrouped(rule, Backend::Reference, granularity);
            for backend in [Backend::Auto, Backend::Cuda] {
                let (saved, found) = regrouped(rule, backend, granularity);
                let state = State::from_bytes(&saved, Device::Cpu).unwrap();
                for name in ["matrix", "table", "vector"] {
                    let updates = state.tensors[&format!("updates/{name}")].int64_value(&[]);
                    assert_eq!(updates, 8, "{rule:?} {granularity:?} {backend:?}: {name}");
                }
                for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let apart = distance(found, expected);
                    assert!(
                        apart < 1e-12,
                        "{rule:?} {granularity:?} {backend:?}: {at} is off by {apart:e}"
                    );
                }
            }
        }
    }
}

/// A parameter that requires no gradient for some steps is left alone, and then goes on.
#[test]
fn parameters_are_frozen_and_thawed_between_steps() {
    let (mut optimizer, mut weights) = two();
    moved(&mut optimizer, &weights);
    let _ = weights[1].requires_grad_(false);
    let frozen = values(&weights[1]);
    optimizer.zero_grad();
    weights[0].sum(Kind::Double).backward();
    optimizer.step().unwrap();
    assert_eq!(values(&weights[1]), frozen);
    let _ = weights[1].requires_grad_(true);
    close(&moved(&mut optimizer, &weights), &[0.2, 0.2]);
}

/// Printed by `goldens/schedules.py`: `param_groups_layer_decay` of timm.
#[test]
fn rates_of_a_transformer_fall_as_those_of_timm() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../../goldens/schedules.json")).unwrap();
    let golden = &golden["layer_decay"];
    let listed = golden["parameters"].as_array().unwrap();
    let vs = tch::nn::VarStore::new(Device::Cpu);
    let name_of = |one: &serde_json::Value| one["name"].as_str().unwrap().to_owned();
    for one in listed {
        let name = name_of(one);
        let shape: Vec<i64> = serde_json::from_value(one["shape"].clone()).unwrap();
        let (path, last) = name.rsplit_once('.').unwrap_or(("", &name));
        let mut at = vs.root();
        for part in path.split('.').filter(|part| !part.is_empty()) {
            at = at / part;
        }
        let _ = at.zeros(last, &shape);
    }
    let parameters = Parameters::from_var_store(&vs).unwrap();
    let groups = parameters.groups_by_depth(golden["decay"].as_f64().unwrap());
    for group in groups.unwrap() {
        let one = listed.iter().find(|one| name_of(one) == group.pattern);
        let expected = one.unwrap()["scale"].as_f64().unwrap();
        let found = group.learning_rate_scale;
        assert!(
            (found - expected).abs() < 1e-12,
            "{}: {found}, {expected}",
            group.pattern
        );
    }
}

#[test]
fn rates_fall_towards_the_input() {
    let vs = tch::nn::VarStore::new(Device::Cpu);
    let [first, last] = ["first", "last"].map(|name| vs.root() / name);
    tch::nn::linear(first, 4, 3, Default::default());
    tch::nn::linear(vs.root() / "inner" / "one", 3, 3, Default::default());
    tch::nn::linear(last, 3, 2, Default::default());
    let parameters = Parameters::from_var_store(&vs).unwrap();
    let groups = parameters.groups_by_depth(0.5).unwrap();
    let config = OptimizerConfig {
        groups,
        ..OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1))
    };
    let optimizer = config.build(parameters).unwrap();
    for treatment in optimizer.treatments() {
        let expected = match treatment.parameter.split('.').next() {
            Some("first") => 0.25,
            Some("inner") => 0.5,
            _ => 1.0,
        };
        assert_eq!(
            treatment.learning_rate_scale, expected,
            "{}",
            treatment.parameter
        );
    }
    let parameters = Parameters::from_var_store(&vs).unwrap();
    assert!(parameters.groups_by_depth(0.0).is_err());
}

/// However a net calls its blocks.
#[test]
fn a_block_is_one_layer() {
    let rates = |blocks: [&str; 2]| -> Vec<f64> {
        let vs = tch::nn::VarStore::new(Device::Cpu);
        for block in blocks {
            for layer in ["conv1", "conv2"] {
                let at = block.split('.').fold(vs.root(), |at, part| at / part);
                let _ = (at / layer).zeros("weight", &[3, 3]);
            }
        }
        let parameters = Parameters::from_var_store(&vs).unwrap();
        let groups = parameters.groups_by_depth(0.5).unwrap();
        groups
            .iter()
            .map(|group| group.learning_rate_scale)
            .collect()
    };
    for blocks in [["layer1.0", "layer1.1"], ["stage1.block1", "stage1.block2"]] {
        assert_eq!(rates(blocks), [0.5, 0.5, 1.0, 1.0], "{blocks:?}");
    }
}

/// Of two towers, what is as far from the output has the same rate, however long the way to it is.
#[test]
fn rates_of_branches_go_by_the_way_to_the_output() {
    let vs = tch::nn::VarStore::new(Device::Cpu);
    let names = ["short", "long.0", "long.1", "long.2", "norm", "output"];
    for (name, shape) in names.into_iter().zip([2, 2, 2, 2, 1, 2]) {
        let mut at = vs.root();
        for part in name.split('.') {
            at = at / part;
        }
        let shape = vec![3i64; shape];
        let _ = at.zeros("weight", &shape);
    }
    let of = |name: &str| Layer::homogeneous([format!("{name}.weight")]);
    let none = [""; 0];
    let layers = || {
        vec![
            of("short").after(none),
            of("long.0").after(none),
            of("long.1"),
            of("long.2"),
            // Without a matrix it is of the layer before it.
            of("norm"),
            of("output").after(["short.weight", "norm.weight"]),
        ]
    };
    let scales = |layers: Vec<Layer>| -> Vec<f64> {
        let mut parameters = Parameters::from_var_store(&vs).unwrap();
        parameters.set_layers(layers).unwrap();
        let groups = parameters.groups_by_depth(0.5).unwrap();
        names
            .iter()
            .map(|name| {
                let name = format!("{name}.weight");
                let one = groups.iter().find(|one| one.pattern == name);
                one.unwrap().learning_rate_scale
            })
            .collect()
    };
    assert_eq!(scales(layers()), [0.5, 0.125, 0.25, 0.5, 0.5, 1.0]);
    // Without it, all are one way.
    let one_way = layers().into_iter().map(|layer| Layer {
        after: None,
        ..layer
    });
    assert_eq!(
        scales(one_way.collect()),
        [0.0625, 0.125, 0.25, 0.5, 0.5, 1.0]
    );
    // Two branches that nothing takes from both end at the output.
    let mut apart = layers();
    apart[5] = of("output").after(["norm.weight"]);
    assert_eq!(scales(apart), [1.0, 0.125, 0.25, 0.5, 0.5, 1.0]);

    let mut parameters = Parameters::from_var_store(&vs).unwrap();
    let mut later = layers();
    later[0] = of("short").after(["output.weight"]);
    let refused = parameters.set_layers(later);
    assert!(matches!(refused, Err(Error::LayerOrder { name }) if name == "output.weight"));
    let written = serde_json::to_string(&layers()[..3]).unwrap();
    let read: Vec<Layer> = serde_json::from_str(&written).unwrap();
    assert_eq!(read, layers()[..3]);
}
