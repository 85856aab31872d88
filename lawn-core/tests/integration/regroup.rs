//! What is set between steps: the factor of all rates, and rate and decay of some parameters.

use crate::common::{Numbers, everything, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, Error, LawnConfig, Optimizer, OptimizerConfig, Schedule, Scope, SgdConfig,
    State, WeightDecay,
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
    let fixed = build(Backend::Cuda).set_group("p0", Some(0.5), None);
    assert!(matches!(fixed, Err(Error::FixedGroups)));
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
    let parameters = lawn_core::Parameters::from_var_store(&vs).unwrap();
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
    let parameters = lawn_core::Parameters::from_var_store(&vs).unwrap();
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
    let parameters = lawn_core::Parameters::from_var_store(&vs).unwrap();
    assert!(parameters.groups_by_depth(0.0).is_err());
}
