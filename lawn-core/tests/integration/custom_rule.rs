//! A rule from outside of the crate, stacked with the norm constraint.

use crate::common;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    Backend, Context, Error, LawnConfig, Optimizer, OptimizerConfig, Phase, Rule, Schedule, Scope,
    State, WeightDecay,
};
use tch::{Device, Kind, Tensor};

/// Chen et al. 2023, arXiv 2302.06675, algorithm 2.
#[derive(Clone, Debug)]
struct Lion {
    beta1: f64,
    beta2: f64,
}

impl Rule for Lion {
    fn name(&self) -> &str {
        "lion"
    }

    fn buffers(&self) -> &[&str] {
        &["momentum"]
    }

    fn direction(&self, _: &Context, _w: &Tensor, g: &Tensor, buffers: &mut [Tensor]) -> Tensor {
        let m = &mut buffers[0];
        let d = m.lerp(g, 1.0 - self.beta1).sign();
        let _ = m.lerp_(g, 1.0 - self.beta2);
        d
    }
}

const LION: Lion = Lion {
    beta1: 0.9,
    beta2: 0.99,
};

fn optimizer(kind: Kind) -> (Optimizer, Vec<Tensor>) {
    let (parameters, weights) = parameters(&[Numbers(3).tensor(&[4, 6], kind)]);
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(3)
    };
    let config = OptimizerConfig::new(LION, Schedule::constant(0.05)).with_lawn(lawn);
    (config.build(parameters).unwrap(), weights)
}

fn norm(w: &Tensor) -> f64 {
    w.to_kind(Kind::Double).norm().double_value(&[])
}

#[test]
fn any_backend_takes_it_to_the_same_bits() {
    let run = |backend| {
        let (parameters, weights) = parameters(&[Numbers(3).tensor(&[4, 6], Kind::Float)]);
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(LION, Schedule::constant(0.05))
        };
        let mut optimizer = config.build(parameters).unwrap();
        let mut numbers = Numbers(5);
        for _ in 0..3 {
            let g = numbers.tensor(&[4, 6], Kind::Float);
            set_gradients(&mut optimizer, &weights, &[Some(g)]);
            optimizer.step().unwrap();
        }
        everything(&optimizer, &weights)
    };
    let expected = run(Backend::Reference);
    assert_eq!(run(Backend::Auto), expected);
    assert_eq!(run(Backend::Cuda), expected);
}

#[test]
fn lion_is_constrained_from_the_freeze_on() {
    let (mut optimizer, weights) = optimizer(Kind::Double);
    let mut numbers = Numbers(5);
    let mut norms = Vec::new();
    for step in 0..10 {
        assert_eq!(
            optimizer.phase(),
            if step < 3 {
                Phase::Free
            } else {
                Phase::Constrained
            }
        );
        norms.push(norm(&weights[0]));
        let g = numbers.tensor(&[4, 6], Kind::Double);
        set_gradients(&mut optimizer, &weights, &[Some(g)]);
        optimizer.step().unwrap();
    }
    assert!(
        (norms[0] - norms[3]).abs() > 1e-3,
        "the free phase did not change the norm"
    );
    for later in &norms[4..] {
        assert!((later / norms[3] - 1.0).abs() < 1e-14, "{norms:?}");
    }
}

#[test]
fn the_first_constrained_step_is_the_formula() {
    let w = Numbers(3).tensor(&[4, 6], Kind::Double);
    let g = Numbers(5).tensor(&[4, 6], Kind::Double);
    let (parameters, weights) = parameters(&[w.copy()]);
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(0)
    };
    let config = OptimizerConfig::new(LION, Schedule::constant(0.05)).with_lawn(lawn);
    let mut optimizer = config.build(parameters).unwrap();
    set_gradients(&mut optimizer, &weights, &[Some(g.copy())]);
    optimizer.step().unwrap();

    let ww = (&w * &w).sum(Kind::Double);
    let tangential = |x: &Tensor| x - &w * ((&w * x).sum(Kind::Double) / &ww);
    let moved = &w - tangential(&tangential(&g).sign()) * 0.05;
    let expected = &moved * (norm(&w) / norm(&moved));
    assert!(common::distance(&weights[0], &expected) < 1e-14);
}

#[test]
fn decay_comes_from_the_optimizer() {
    let w = Numbers(3).tensor(&[4, 6], Kind::Double);
    let (parameters, weights) = parameters(&[w.copy()]);
    let decay = WeightDecay::Decoupled { rate: 0.5 };
    let config = OptimizerConfig::new(LION, Schedule::constant(0.1)).with_decay(decay);
    let mut optimizer = config.build(parameters).unwrap();
    set_gradients(&mut optimizer, &weights, &[Some(w.zeros_like())]);
    optimizer.step().unwrap();
    assert!(common::distance(&weights[0], &(w * 0.95)) < 1e-15);
}

#[test]
fn its_state_is_saved_and_loaded_by_its_name() {
    let (mut first, weights) = optimizer(Kind::Float);
    let mut numbers = Numbers(5);
    for _ in 0..5 {
        let g = numbers.tensor(&[4, 6], Kind::Float);
        set_gradients(&mut first, &weights, &[Some(g)]);
        first.step().unwrap();
    }
    let bytes = first.state().to_bytes().unwrap();
    let state = State::from_bytes(&bytes, Device::Cpu).unwrap();
    assert!(state.tensors.contains_key("momentum/p0"));

    let (mut second, mut again) = optimizer(Kind::Float);
    tch::no_grad(|| again[0].copy_(&weights[0]));
    second.load_state(&state).unwrap();
    assert_eq!(everything(&first, &weights), everything(&second, &again));

    let (parameters, _) = parameters(&[Numbers(3).tensor(&[4, 6], Kind::Float)]);
    let adam = lawn_core::AdamConfig::default();
    let config = OptimizerConfig::new(adam, Schedule::constant(0.1));
    let refused = config.build(parameters).unwrap().load_state(&state);
    assert!(
        matches!(refused, Err(Error::StateMismatch { entry: "rule", found, .. }) if found == "lion")
    );
}
