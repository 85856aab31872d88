//! Steps that cannot be taken: each refusal is typed and leaves all as it was.

use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Error, Granularity, Optimizer, OptimizerConfig, Schedule, StepOptions,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

/// One that has taken a step and freezes in the next.
fn optimizer(backend: Backend, schedule: Schedule) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 5][..], &[5]].map(|shape| numbers.tensor(shape, Kind::Float));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        backend,
        lawn: Some(lawn(1, Granularity::Layer)),
        ..OptimizerConfig::new(AdamConfig::default(), schedule)
    };
    let mut optimizer = config.build(parameters).unwrap();
    give(&mut optimizer, &weights);
    optimizer.step().unwrap();
    (optimizer, weights)
}

fn give(optimizer: &mut Optimizer, weights: &[Tensor]) {
    let gradients: Vec<_> = weights
        .iter()
        .map(|w| Some(w.detach().ones_like()))
        .collect();
    set_gradients(optimizer, weights, &gradients);
}

fn refused(optimizer: &mut Optimizer, weights: &[Tensor], options: StepOptions) -> Error {
    let before = everything(optimizer, weights);
    let error = optimizer.step_with(options).unwrap_err();
    assert_eq!(everything(optimizer, weights), before, "{error}");
    error
}

#[test]
fn a_sparse_gradient() {
    for backend in BACKENDS {
        let (mut optimizer, weights) = optimizer(backend, Schedule::constant(0.1));
        optimizer.zero_grad();
        let rows = Tensor::from_slice(&[0i64, 2, 2]);
        let found = Tensor::embedding(&weights[0], &rows, -1, false, true);
        found.sum(Kind::Float).backward();
        let error = refused(&mut optimizer, &weights, StepOptions::default());
        assert!(matches!(error, Error::SparseGradient { name, .. } if name == "p0"));
    }
}

#[test]
fn a_norm_that_is_not_finite_at_the_freeze() {
    for backend in BACKENDS {
        let (mut optimizer, weights) = optimizer(backend, Schedule::constant(0.1));
        let _ = tch::no_grad(|| weights[0].get(2).fill_(f64::INFINITY));
        give(&mut optimizer, &weights);
        let error = refused(&mut optimizer, &weights, StepOptions::default());
        assert!(matches!(error, Error::Radius { name, .. } if name == "p0"));
    }
}

#[test]
fn a_learning_rate_that_is_not_finite() {
    for backend in BACKENDS {
        // Each number of it is finite; their product is not.
        let schedule = Schedule::multi_step(10.0, vec![1], 1e308);
        let (mut optimizer, weights) = optimizer(backend, schedule);
        give(&mut optimizer, &weights);
        let error = refused(&mut optimizer, &weights, StepOptions::default());
        let Error::LearningRate { step: 1, found } = error else {
            panic!("{error}")
        };
        assert_eq!(found, f64::INFINITY);
    }
}

#[test]
fn a_gradient_scale_outside_of_its_domain() {
    for backend in BACKENDS {
        for gradient_scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let (mut optimizer, weights) = optimizer(backend, Schedule::constant(0.1));
            give(&mut optimizer, &weights);
            let options = StepOptions {
                gradient_scale,
                ..StepOptions::default()
            };
            let error = refused(&mut optimizer, &weights, options);
            let setting = "gradient_scale";
            assert!(matches!(error, Error::Setting { setting: found, .. } if found == setting));
        }
    }
}

/// What is kept beside a weight is made for its kind and shape; kernels that write
/// past it must never run.
#[test]
fn a_weight_that_became_another_tensor() {
    type Change = fn(&Tensor) -> Tensor;
    let changes: [(Change, &str); 5] = [
        (|w| w.to_kind(Kind::Double), "Double [6, 5] on Cpu"),
        (|w| w.to_kind(Kind::Half), "Half [6, 5] on Cpu"),
        (|w| w.repeat([1000, 1]), "Float [6000, 5] on Cpu"),
        (|w| w.narrow(0, 0, 2), "Float [2, 5] on Cpu"),
        (|w| w.reshape([5, 6]), "Float [5, 6] on Cpu"),
    ];
    for backend in BACKENDS {
        for (change, found_now) in changes {
            let (mut optimizer, mut weights) = optimizer(backend, Schedule::constant(0.1));
            let state = optimizer.state();
            let other = tch::no_grad(|| change(&weights[0]).copy());
            weights[0].set_data(&other);
            optimizer.zero_grad();
            weights[0].sum(weights[0].kind()).backward();
            let error = refused(&mut optimizer, &weights, StepOptions::default());
            let Error::ParameterChanged {
                name,
                expected,
                found,
            } = &error
            else {
                panic!("{error}")
            };
            let told = [name, expected, found].map(String::as_str);
            assert_eq!(told, ["p0", "Float [6, 5] on Cpu", found_now]);
            let error = optimizer.load_state(&state).unwrap_err();
            assert!(matches!(error, Error::ParameterChanged { .. }), "{error}");
        }
    }
}
