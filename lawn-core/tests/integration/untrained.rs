//! What would be accepted and do nothing: tensors that no gradient reaches, and steps
//! without any.

use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Constraint, Error, Granularity, Group, LawnConfig, Optimizer,
    OptimizerConfig, Phase, Schedule, Scope, TreatmentTable,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

fn start() -> [Tensor; 2] {
    let mut numbers = Numbers(3);
    [&[6i64, 5][..], &[4, 3]].map(|shape| numbers.tensor(shape, Kind::Float))
}

fn config(backend: Backend) -> OptimizerConfig<AdamConfig> {
    OptimizerConfig {
        backend,
        ..OptimizerConfig::new(AdamConfig::default(), Schedule::linear(0.1, 0.0, 9))
    }
    .with_lawn(lawn(2, Granularity::Layer))
}

/// Gradients of ones, also for what requires none at the moment.
fn give(optimizer: &mut Optimizer, weights: &[Tensor]) {
    let gradients: Vec<_> = weights
        .iter()
        .map(|w| w.requires_grad().then(|| w.detach().ones_like()))
        .collect();
    set_gradients(optimizer, weights, &gradients);
}

#[test]
fn a_step_without_any_gradient_is_refused_and_counts_for_nothing() {
    for backend in BACKENDS {
        let (parameters, weights) = parameters(&start());
        let mut optimizer = config(backend).build(parameters).unwrap();
        let refused = |optimizer: &mut Optimizer| {
            let before = everything(optimizer, &weights);
            for _ in 0..3 {
                assert!(matches!(optimizer.step(), Err(Error::NoGradient)));
            }
            assert_eq!(everything(optimizer, &weights), before);
        };
        refused(&mut optimizer);
        assert_eq!((optimizer.steps(), optimizer.phase()), (0, Phase::Free));
        assert_eq!(optimizer.learning_rate(), 0.1);
        for _ in 0..2 {
            give(&mut optimizer, &weights);
            assert_eq!(optimizer.step().unwrap().updated, 2);
        }
        // At the freeze as well: it waits for a step.
        optimizer.zero_grad();
        refused(&mut optimizer);
        give(&mut optimizer, &weights);
        optimizer.step().unwrap();
        assert_eq!(optimizer.steps(), 3);
    }
}

#[test]
fn what_requires_no_gradient_is_said_and_left_alone_until_it_does() {
    for backend in BACKENDS {
        let (parameters, weights) = parameters(&start());
        let _ = weights[1].set_requires_grad(false);
        let mut optimizer = config(backend).build(parameters).unwrap();
        let table = |optimizer: &Optimizer| TreatmentTable(optimizer.treatments()).to_string();
        let said = table(&optimizer);
        let line = said.lines().nth(2).unwrap();
        assert!(line.contains("untrained"), "{said}");
        assert!(line.ends_with("requires no gradient; else constrained: in scope all-weights"));
        let untouched = weights[1].copy();
        for step in 0..3 {
            give(&mut optimizer, &weights);
            assert_eq!(optimizer.step().unwrap().updated, 1, "step {step}");
        }
        assert!(weights[1].equal(&untouched));

        // Trained from now on, after the freeze: along the sphere.
        let _ = weights[1].set_requires_grad(true);
        let norm = |w: &Tensor| w.to_kind(Kind::Double).norm().double_value(&[]);
        let before = norm(&weights[1]);
        give(&mut optimizer, &weights);
        assert_eq!(optimizer.step().unwrap().updated, 2);
        assert!(!table(&optimizer).contains("untrained"));
        assert!(!weights[1].equal(&untouched));
        assert!((norm(&weights[1]) / before - 1.0).abs() < 1e-6);

        // And no longer, though the gradient of that step is still there.
        let _ = weights[1].set_requires_grad(false);
        assert!(weights[1].grad().defined());
        let untouched = weights[1].copy();
        assert_eq!(optimizer.step().unwrap().updated, 1);
        assert!(weights[1].equal(&untouched));
        assert!(table(&optimizer).contains("untrained"));
        let mut record = serde_json::to_value(optimizer.treatments()).unwrap();
        assert_eq!(record[1]["trained"], false);
        // Records of before are read.
        record[1].as_object_mut().unwrap().remove("trained");
        let read: Vec<lawn_core::Treatment> = serde_json::from_value(record).unwrap();
        assert!(read[1].trained);
    }
}

#[test]
fn nothing_to_train_is_refused() {
    let untrained = |which: &[usize]| {
        let (parameters, weights) = parameters(&start());
        for &i in which {
            let _ = weights[i].set_requires_grad(false);
        }
        parameters
    };
    let plain = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
    let error = plain.build(untrained(&[0, 1])).unwrap_err();
    assert!(matches!(error, Error::NothingTrained));
    // Nor a constraint on what does not move.
    let lawn = LawnConfig {
        scope: Scope::Patterns(vec!["p1".into()]),
        ..LawnConfig::new(2)
    };
    let bound = config(Backend::Auto).with_lawn(lawn);
    let error = bound.clone().build(untrained(&[1])).unwrap_err();
    assert!(
        matches!(&error, Error::EmptyScope { found, .. } if found.contains("no gradient")),
        "{error}"
    );
    bound.build(untrained(&[0])).unwrap();
}

#[test]
fn what_cannot_move_is_said() {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 1][..], &[4, 3]].map(|shape| numbers.tensor(shape, Kind::Float));
    let (parameters, _) = parameters(&start);
    let still = Group {
        learning_rate_scale: 0.0,
        ..Group::new("p1")
    };
    let optimizer = config(Backend::Auto)
        .with_lawn(lawn(0, Granularity::Row))
        .with_group(still)
        .build(parameters)
        .unwrap();
    let reasons = optimizer.treatments().iter().map(|t| t.reason.as_str());
    let expected = [
        "in scope all-weights; a unit of one element keeps its value",
        "in scope all-weights; rate 0, so that it never moves",
    ];
    assert!(reasons.eq(expected));
    let constrained = optimizer.treatments().iter().map(|t| t.constraint);
    assert!(constrained.eq([Constraint::Constrained; 2]));
}
