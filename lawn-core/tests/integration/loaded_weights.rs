//! A state is continued with the weights that it is of, or with radii taken anew.

use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Error, Granularity, Optimizer, OptimizerConfig, Schedule, State,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

/// An optimizer of fresh weights, whose norms are `size` times others'.
fn fresh(
    backend: Backend,
    granularity: Granularity,
    kind: Kind,
    size: f64,
) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 5][..], &[40, 30]].map(|shape| numbers.tensor(shape, kind) * size);
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        backend,
        lawn: Some(lawn(2, granularity)),
        ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
    };
    (config.build(parameters).unwrap(), weights)
}

fn step(optimizer: &mut Optimizer, weights: &[Tensor]) -> Result<(), Error> {
    let mut numbers = Numbers(8);
    let gradients: Vec<_> = weights
        .iter()
        .map(|w| Some(numbers.tensor(&w.size(), w.kind())))
        .collect();
    set_gradients(optimizer, weights, &gradients);
    optimizer.step().map(|_| ())
}

fn trained(
    backend: Backend,
    granularity: Granularity,
    kind: Kind,
    steps: usize,
) -> (State, Vec<Tensor>) {
    let (mut optimizer, weights) = fresh(backend, granularity, kind, 1.0);
    for _ in 0..steps {
        step(&mut optimizer, &weights).unwrap();
    }
    (optimizer.state(), weights)
}

fn set(weights: &mut [Tensor], from: &[Tensor]) {
    let pairs = weights.iter_mut().zip(from);
    tch::no_grad(|| pairs.for_each(|(to, from)| to.copy_(from)));
}

fn norm(w: &Tensor) -> f64 {
    w.to_kind(Kind::Double).norm().double_value(&[])
}

#[test]
fn other_weights_are_refused_before_they_are_thrown() {
    for backend in BACKENDS {
        for granularity in [Granularity::Layer, Granularity::Row] {
            let (state, saved) = trained(backend, granularity, Kind::Float, 4);
            let (mut optimizer, mut weights) = fresh(backend, granularity, Kind::Float, 0.002);
            optimizer.load_state(&state).unwrap();
            let before = everything(&optimizer, &weights);
            for _ in 0..2 {
                let error = step(&mut optimizer, &weights).unwrap_err();
                let said = error.to_string();
                assert!(said.contains("load the weights saved with it"), "{said}");
                let Error::OtherWeights {
                    name,
                    unit,
                    expected,
                    found,
                } = error
                else {
                    panic!("{said}")
                };
                assert_eq!((name.as_str(), unit), ("p0", 0));
                assert!(
                    (found / expected - 0.002).abs() < 1e-3,
                    "{found} {expected}"
                );
                assert_eq!(everything(&optimizer, &weights), before);
            }
            // Either order of loading will do.
            set(&mut weights, &saved);
            step(&mut optimizer, &weights).unwrap();
        }
    }
}

#[test]
fn radii_are_taken_anew_where_that_is_meant() {
    for backend in BACKENDS {
        let (state, _) = trained(backend, Granularity::Layer, Kind::Float, 4);
        let (mut optimizer, weights) = fresh(backend, Granularity::Layer, Kind::Float, 0.002);
        let error = optimizer.take_radii().unwrap_err();
        assert!(matches!(error, Error::NoRadii { found: 0 }));
        optimizer.load_state(&state).unwrap();
        optimizer.take_radii().unwrap();
        let before = weights.iter().map(norm).collect::<Vec<_>>();
        for _ in 0..3 {
            step(&mut optimizer, &weights).unwrap();
        }
        assert_eq!(optimizer.steps(), 7);
        for (w, before) in weights.iter().zip(&before) {
            assert!((norm(w) / before - 1.0).abs() < 1e-6);
        }
        // And for weights that were changed on purpose.
        let _ = tch::no_grad(|| weights[1].shallow_clone().g_mul_scalar_(3.0));
        optimizer.take_radii().unwrap();
        step(&mut optimizer, &weights).unwrap();
        assert!((norm(&weights[1]) / before[1] / 3.0 - 1.0).abs() < 1e-6);
    }
}

#[test]
fn weights_of_the_state_are_taken_however_they_are_rounded() {
    for backend in BACKENDS {
        for kind in [Kind::Float, Kind::Double, Kind::BFloat16, Kind::Half] {
            for granularity in [Granularity::Layer, Granularity::Row] {
                let (state, saved) = trained(backend, granularity, kind, 40);
                let (mut optimizer, mut weights) = fresh(backend, granularity, kind, 5.0);
                set(&mut weights, &saved);
                optimizer.load_state(&state).unwrap();
                step(&mut optimizer, &weights).unwrap();
            }
        }
        // Kept in half the bits meanwhile.
        let (state, saved) = trained(backend, Granularity::Layer, Kind::Float, 4);
        let (mut optimizer, mut weights) = fresh(backend, Granularity::Layer, Kind::Float, 5.0);
        let narrow: Vec<_> = saved
            .iter()
            .map(|w| w.detach().to_kind(Kind::Half))
            .collect();
        set(&mut weights, &narrow);
        optimizer.load_state(&state).unwrap();
        step(&mut optimizer, &weights).unwrap();
    }
}

#[test]
fn before_the_freeze_any_weights_are_free_to_be_taken() {
    let (state, _) = trained(Backend::Auto, Granularity::Layer, Kind::Float, 1);
    let (mut optimizer, weights) = fresh(Backend::Auto, Granularity::Layer, Kind::Float, 0.1);
    optimizer.load_state(&state).unwrap();
    step(&mut optimizer, &weights).unwrap();
}
