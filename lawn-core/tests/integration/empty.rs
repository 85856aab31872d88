//! Parameters without elements: no rows, no columns, neither.

use crate::common::rules::rules;
use crate::common::setting::lawn;
use crate::common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    Backend, Constraint, Granularity, Optimizer, OptimizerConfig, RuleConfig, Schedule,
    StepOptions, WeightDecay,
};
use tch::{Device, Kind, Tensor};

/// The last has elements, and must not notice the others.
const SHAPES: [&[i64]; 6] = [&[0, 4], &[4, 0], &[0], &[0, 0], &[2, 0, 3], &[5, 7]];

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

/// An optimizer over all shapes; constrained from the third step on if `granularity` says how.
fn build(
    backend: Backend,
    rule: RuleConfig,
    decay: WeightDecay,
    granularity: Option<Granularity>,
    kind: Kind,
) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(4);
    let start = SHAPES.map(|shape| numbers.tensor(shape, kind));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        backend,
        decay: if granularity.is_some() {
            WeightDecay::None
        } else {
            decay
        },
        clip_norm: Some(1.0),
        master_weights: true,
        lawn: granularity.map(|granularity| lawn(2, granularity)),
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    (config.build(parameters).unwrap(), weights)
}

fn step(optimizer: &mut Optimizer, weights: &[Tensor], numbers: &mut Numbers) {
    let gradients: Vec<_> = weights
        .iter()
        .map(|w| Some(numbers.tensor(&w.size(), w.kind())))
        .collect();
    set_gradients(optimizer, weights, &gradients);
    let options = StepOptions {
        diagnostics: true,
        ..StepOptions::default()
    };
    let report = optimizer.step_with(options).unwrap();
    assert!(report.gradient_norm().is_finite() && !report.skipped());
    let told = optimizer.diagnostics();
    assert!(!told.is_empty());
    assert!(told.iter().all(|unit| unit.parameter == "p5"));
}

#[test]
fn they_are_carried_along_by_every_path() {
    for (rule, decay) in rules() {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            for kind in [Kind::Float, Kind::BFloat16] {
                let mut ends = Vec::new();
                for backend in BACKENDS {
                    let (mut optimizer, weights) = build(backend, rule, decay, granularity, kind);
                    let mut numbers = Numbers(9);
                    for _ in 0..5 {
                        step(&mut optimizer, &weights, &mut numbers);
                    }
                    assert_eq!(optimizer.weight_norms()[0].norm, 0.0);
                    let empty = &optimizer.treatments()[..5];
                    assert!(empty.iter().all(|one| one.constraint == Constraint::Free));
                    ends.push(weights[5].detach());
                }
                let near = if kind == Kind::Float { 1e-5 } else { 8e-3 };
                for end in &ends {
                    let apart = distance(end, &ends[1]);
                    assert!(apart < near, "{rule:?} {granularity:?}: {apart:e}");
                }
            }
        }
    }
}

#[test]
fn their_state_is_saved_and_loaded() {
    let rule = RuleConfig::Adam(lawn_core::AdamConfig::default());
    for granularity in [Granularity::Layer, Granularity::Row] {
        for backend in BACKENDS {
            for at in [1, 2, 3] {
                let build = || {
                    build(
                        backend,
                        rule,
                        WeightDecay::None,
                        Some(granularity),
                        Kind::Float,
                    )
                };
                let (mut whole, weights) = build();
                let (mut resumed, mut again) = build();
                let mut numbers = Numbers(9);
                for _ in 0..at {
                    step(&mut whole, &weights, &mut numbers);
                }
                let bytes = whole.state().to_bytes().unwrap();
                let state = lawn_core::State::from_bytes(&bytes, Device::Cpu).unwrap();
                resumed.load_state(&state).unwrap();
                tch::no_grad(|| {
                    for (to, from) in again.iter_mut().zip(&weights) {
                        to.copy_(from);
                    }
                });
                let mut same = Numbers(numbers.0);
                step(&mut whole, &weights, &mut numbers);
                step(&mut resumed, &again, &mut same);
                assert_eq!(everything(&whole, &weights), everything(&resumed, &again));
            }
        }
    }
}
