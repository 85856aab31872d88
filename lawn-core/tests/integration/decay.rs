//! Weight decay by group, against the same rule without it.

use crate::common::{Numbers, distance, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Group, LambConfig, LarsConfig, Optimizer, OptimizerConfig, RuleConfig,
    Schedule, SgdConfig, WeightDecay,
};
use tch::{Kind, Tensor};

const ETA: f64 = 0.05;
const SCALE: f64 = 0.5;
const LAMBDA: f64 = 0.3;
const SHAPES: [&[i64]; 2] = [&[4, 5], &[3, 2]];

/// Rules that leave decay of this form to the optimizer. Those that take it into
/// their trust ratio are held to timm and to the sources of LAMB.
fn rules(decay: WeightDecay) -> Vec<RuleConfig> {
    let sgd = |momentum, nesterov| SgdConfig {
        momentum,
        nesterov,
        ..SgdConfig::default()
    };
    let adam = AdamConfig::default();
    let amsgrad = AdamConfig {
        amsgrad: true,
        ..adam
    };
    let mut rules: Vec<RuleConfig> = vec![
        sgd(0.0, false).into(),
        sgd(0.9, false).into(),
        sgd(0.9, true).into(),
        adam.into(),
        amsgrad.into(),
    ];
    rules.push(match decay {
        WeightDecay::L2 { .. } => LambConfig::default().into(),
        _ => LarsConfig::default().into(),
    });
    rules
}

/// Two parameters, of which the first is in a group with this decay.
fn build(
    rule: RuleConfig,
    decay: Option<WeightDecay>,
    backend: Backend,
    start: &[Tensor],
) -> (Optimizer, Vec<Tensor>) {
    let (parameters, weights) = parameters(start);
    let group = Group {
        learning_rate_scale: SCALE,
        decay,
        ..Group::new("p0")
    };
    let config = OptimizerConfig {
        backend,
        ..OptimizerConfig::new(rule, Schedule::constant(ETA))
    };
    let optimizer = config.with_group(group).build(parameters).unwrap();
    (optimizer, weights)
}

/// Weights after four steps with the decay of the optimizer.
fn decayed(rule: RuleConfig, decay: WeightDecay, backend: Backend) -> Vec<Tensor> {
    let mut numbers = Numbers(31);
    let start = SHAPES.map(|shape| numbers.tensor(shape, Kind::Double));
    let (mut optimizer, weights) = build(rule, Some(decay), backend, &start);
    for _ in 0..4 {
        let gradients = SHAPES.map(|shape| Some(numbers.tensor(shape, Kind::Double)));
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
    }
    weights
}

/// The same without, and with the decay put in by hand.
fn by_hand(rule: RuleConfig, decay: WeightDecay) -> Vec<Tensor> {
    let mut numbers = Numbers(31);
    let start = SHAPES.map(|shape| numbers.tensor(shape, Kind::Double));
    let (mut optimizer, mut weights) = build(rule, None, Backend::Reference, &start);
    for _ in 0..4 {
        let mut gradients = SHAPES.map(|shape| Some(numbers.tensor(shape, Kind::Double)));
        let before = weights[0].detach().copy();
        if let WeightDecay::L2 { rate } = decay {
            gradients[0] = gradients[0].take().map(|g| g + &before * rate);
        }
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
        if let WeightDecay::Decoupled { rate } = decay {
            tch::no_grad(|| {
                let moved = weights[0].detach() - before * (ETA * SCALE * rate);
                weights[0].copy_(&moved);
            });
        }
    }
    weights
}

#[test]
fn a_group_decays_by_the_formula_and_nothing_else_does() {
    for decay in [
        WeightDecay::L2 { rate: LAMBDA },
        WeightDecay::Decoupled { rate: LAMBDA },
    ] {
        for rule in rules(decay) {
            let expected = by_hand(rule, decay);
            let without = by_hand(rule, WeightDecay::None);
            assert!(
                distance(&without[0], &expected[0]) > 1e-5,
                "{rule:?} {decay:?}: the decay cannot be seen"
            );
            assert!(without[1].equal(&expected[1]));
            for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
                let found = decayed(rule, decay, backend);
                for (found, expected) in found.iter().zip(&expected) {
                    let apart = distance(found, expected);
                    assert!(apart < 1e-13, "{rule:?} {decay:?} {backend:?}: {apart:e}");
                }
            }
        }
    }
}
