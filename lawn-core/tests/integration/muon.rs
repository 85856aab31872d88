//! Muon: which parameters are matrices to it, and what it makes of them.

use crate::common::{Numbers, set_gradients, values};
use lawn_core::{
    Group, MuonConfig, MuonIteration, MuonScale, Optimizer, OptimizerConfig, Parameter, Parameters,
    Role, Schedule,
};
use tch::{Kind, Tensor};

const SHAPES: [(&str, Role, &[i64]); 5] = [
    ("hidden", Role::Weight, &[6, 9]),
    ("filter", Role::Weight, &[4, 3, 2, 2]),
    ("head", Role::Weight, &[3, 6]),
    ("table", Role::Embedding, &[10, 4]),
    ("bias", Role::Bias, &[6]),
];

fn muon(rule: MuonConfig) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(6);
    let of = |(name, role, shape): (&str, Role, &[i64])| Parameter {
        name: name.into(),
        role,
        tensor: (numbers.tensor(shape, Kind::Double)).set_requires_grad(true),
    };
    let all: Vec<Parameter> = SHAPES.into_iter().map(of).collect();
    let weights = all.iter().map(|one| one.tensor.shallow_clone()).collect();
    let head = Group {
        matrix: Some(false),
        ..Group::new("head")
    };
    let config = OptimizerConfig::new(rule, Schedule::constant(1.0)).with_group(head);
    (
        config.build(Parameters::new(all).unwrap()).unwrap(),
        weights,
    )
}

#[test]
fn matrices_are_weights_that_no_group_takes_out() {
    let (optimizer, _) = muon(MuonConfig::default());
    let said = optimizer.treatments().iter();
    let orthogonal = said.map(|one| one.reason.contains("orthogonalized momentum"));
    assert_eq!(
        orthogonal.collect::<Vec<_>>(),
        [true, true, false, false, false]
    );
    let adam = optimizer.treatments().iter();
    let adam = adam.map(|one| one.reason.ends_with("; Adam"));
    assert_eq!(adam.collect::<Vec<_>>(), [false, false, true, true, true]);
    // A matrix has no second moment.
    let state = optimizer.state();
    for (name, _, shape) in SHAPES {
        let second = state.tensors[&format!("second_moment/{name}")].size();
        let matrix = ["hidden", "filter"].contains(&name);
        assert_eq!(
            second,
            if matrix { vec![0] } else { shape.to_vec() },
            "{name}"
        );
    }
}

/// In bf16 a step is the same but for the rounding of eight bits, and what is no matrix does not know
/// of it.
#[test]
fn the_iteration_may_be_in_bf16() {
    let step = |iteration| {
        let (mut optimizer, weights) = muon(MuonConfig {
            iteration,
            ..MuonConfig::default()
        });
        let mut numbers = Numbers(8);
        let before: Vec<Tensor> = weights.iter().map(|w| w.detach().copy()).collect();
        let gradients: Vec<Option<Tensor>> = (weights.iter())
            .map(|w| Some(numbers.tensor(&w.size(), Kind::Double)))
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
        let steps = weights.iter().zip(&before);
        steps
            .map(|(w, before)| w.detach() - before)
            .collect::<Vec<_>>()
    };
    let (exact, narrow) = (step(MuonIteration::OfState), step(MuonIteration::Bf16));
    for (i, (exact, narrow)) in exact.iter().zip(&narrow).enumerate() {
        let apart = (exact - narrow).norm().double_value(&[]) / exact.norm().double_value(&[]);
        match i {
            0 | 1 => assert!(apart > 1e-4 && apart < 0.1, "{i}: {apart}"),
            _ => assert_eq!(apart, 0.0, "{i}"),
        }
    }
    let written = |rule| serde_json::to_string(&rule).unwrap();
    let narrow = MuonConfig {
        iteration: MuonIteration::Bf16,
        ..MuonConfig::default()
    };
    assert!(written(narrow).contains(r#""iteration":"bf16""#));
    assert!(!written(MuonConfig::default()).contains(r#""iteration""#));
    let read: MuonConfig = serde_json::from_str(&written(narrow)).unwrap();
    assert_eq!(read, narrow);
}

/// A step of a matrix has singular values of about the scale, whatever the gradient's are; that of
/// Adam has elements of about 1.
#[test]
fn singular_values_are_made_alike() {
    for (scale, expected) in [
        (MuonScale::MatchAdam, [0.2 * 3.0, 0.2 * 12f64.sqrt()]),
        (MuonScale::Spectral, [1.0, 1.0]),
    ] {
        let (mut optimizer, weights) = muon(MuonConfig {
            scale,
            ..MuonConfig::default()
        });
        let mut numbers = Numbers(8);
        let before: Vec<Tensor> = weights.iter().map(|w| w.detach().copy()).collect();
        let gradients: Vec<Option<Tensor>> = (weights.iter())
            .map(|w| Some(numbers.tensor(&w.size(), Kind::Double) * 1e3))
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
        for (i, (w, before)) in weights.iter().zip(&before).enumerate() {
            let step = before - w.detach();
            let elements = values(&step);
            if let Some(expected) = expected.get(i) {
                let matrix = step.reshape([step.size()[0], -1]);
                for singular in values(&matrix.svd(true, false).1) {
                    let ratio = singular / expected;
                    assert!((0.6..1.3).contains(&ratio), "{scale:?} of {i}: {ratio}");
                }
            } else {
                assert!(elements.iter().all(|d| (d.abs() - 1.0).abs() < 1e-6), "{i}");
            }
        }
    }
}
