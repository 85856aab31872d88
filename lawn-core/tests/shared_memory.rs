//! Tensors that come to lie over each other: no kernel may run on them, whatever safe
//! code has made of them since the optimizer was built.

mod common;

use common::setting::lawn;
use common::{Numbers, everything, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, Error, Granularity, Optimizer, OptimizerConfig, Parameter, Parameters,
    Role, Schedule,
};
use tch::{Device, Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

fn config(backend: Backend) -> OptimizerConfig<AdamConfig> {
    OptimizerConfig {
        backend,
        lawn: Some(lawn(1, Granularity::Layer)),
        ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1))
    }
}

fn start() -> [Tensor; 2] {
    let mut numbers = Numbers(3);
    [(); 2].map(|()| numbers.tensor(&[60, 500], Kind::Float))
}

fn give(optimizer: &mut Optimizer, weights: &[Tensor], seed: u64) {
    let mut numbers = Numbers(seed);
    let mut gradient = |w: &Tensor| Some(numbers.tensor(&w.size(), Kind::Float));
    let gradients: Vec<_> = weights.iter().map(&mut gradient).collect();
    set_gradients(optimizer, weights, &gradients);
}

#[test]
fn weights_that_come_to_share_memory_are_refused() {
    // Whole, in part, and in another order.
    let onto: [fn(&mut Tensor) -> Tensor; 3] = [
        |w| w.detach(),
        |w| {
            let longer = Tensor::cat(&[w.detach(), w.detach()], 0);
            w.set_data(&longer.narrow(0, 0, 60));
            longer.narrow(0, 30, 60)
        },
        |w| w.detach().as_strided([60, 500], [1, 60], 0),
    ];
    for backend in BACKENDS {
        for (case, onto) in onto.iter().enumerate() {
            let (parameters, mut weights) = parameters(&start());
            let mut optimizer = config(backend).build(parameters).unwrap();
            // In the free phase, at the freeze, and after it.
            for steps in 0..3 {
                give(&mut optimizer, &weights, steps);
                let apart = tch::no_grad(|| weights[1].detach().copy());
                let other = tch::no_grad(|| onto(&mut weights[0]));
                weights[1].set_data(&other);
                let before = everything(&optimizer, &weights);
                for _ in 0..2 {
                    let error = optimizer.step().unwrap_err();
                    let Error::SharedMemory { first, second } = &error else {
                        panic!("{error}")
                    };
                    let mut names = [first, second];
                    names.sort();
                    assert_eq!(names, ["p0", "p1"], "{backend:?} {case}");
                    assert!(everything(&optimizer, &weights) == before);
                }
                // Apart again, it goes on.
                weights[1].set_data(&apart);
                assert!(!optimizer.step().unwrap().skipped());
            }
            assert_eq!(optimizer.steps(), 3);
        }
    }
}

#[test]
fn a_weight_may_move() {
    let run = |backend, moves: bool| {
        let (parameters, mut weights) = parameters(&start());
        let mut optimizer = config(backend).build(parameters).unwrap();
        for step in 0..4 {
            if moves {
                let elsewhere = tch::no_grad(|| weights[0].detach().copy());
                weights[0].set_data(&elsewhere);
            }
            give(&mut optimizer, &weights, step);
            optimizer.step().unwrap();
        }
        everything(&optimizer, &weights)
    };
    for backend in BACKENDS {
        assert!(run(backend, true) == run(backend, false), "{backend:?}");
    }
}

/// A gradient is to the kernels what it was when the step began.
#[test]
fn gradients_in_the_memory_of_weights_are_as_good_as_others() {
    let run = |shared: bool| {
        let all = Tensor::cat(&start(), 0).reshape([-1]);
        let whole = [60, 500];
        let weights = [0, 1].map(|i| all.narrow(0, i * 30_000, 30_000).view(whole));
        let mut weights = weights.map(|w| w.set_requires_grad(true));
        let named = weights
            .iter()
            .zip(["p0", "p1"])
            .map(|(tensor, name)| Parameter {
                name: name.into(),
                role: Role::Weight,
                tensor: tensor.shallow_clone(),
            });
        let parameters = Parameters::new(named.collect()).unwrap();
        let mut optimizer = config(Backend::Auto).build(parameters).unwrap();
        for step in 0..3 {
            give(&mut optimizer, &weights, step);
            // Across the border of the two.
            let within = all.narrow(0, 20_001, 30_000).view(whole);
            for w in &mut weights {
                let gradient = if shared {
                    within.shallow_clone()
                } else {
                    within.copy()
                };
                w.grad().set_data(&gradient);
            }
            optimizer.step().unwrap();
        }
        everything(&optimizer, &weights)
    };
    assert!(run(true) == run(false));
}

/// Columns of one matrix are apart, until one is made to lie along the other's memory:
/// no address tells.
#[test]
fn weights_with_gaps_that_close_them_are_left_to_libtorch() {
    let run = |backend| {
        let mut numbers = Numbers(5);
        let all = numbers.tensor(&[500, 2], Kind::Float);
        let mut weights = [0, 1].map(|i| all.select(1, i).set_requires_grad(true));
        let named = weights
            .iter()
            .zip(["p0", "p1"])
            .map(|(tensor, name)| Parameter {
                name: name.into(),
                role: Role::Weight,
                tensor: tensor.shallow_clone(),
            });
        let parameters = Parameters::new(named.collect()).unwrap();
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for (i, w) in weights.iter_mut().enumerate() {
            let _ = tch::no_grad(|| w.as_strided_([500], [1], i as i64));
        }
        give(&mut optimizer, &weights, 1);
        optimizer.step().unwrap();
        values(&all)
    };
    assert_eq!(run(Backend::Auto), run(Backend::Reference));
}

#[test]
fn tensors_that_cannot_be_written_to_are_refused() {
    let dense = Tensor::ones([3, 4], (Kind::Float, Device::Cpu));
    for (tensor, told) in [
        (dense.to_sparse_sparse_dim(2), "strides"),
        (dense.narrow(0, 0, 1).expand([3, 4], false), "share memory"),
    ] {
        let parameter = Parameter {
            name: "w".into(),
            role: Role::Weight,
            tensor,
        };
        let error = Parameters::new(vec![parameter]).unwrap_err();
        assert!(matches!(&error, Error::Layout { name, .. } if name == "w"));
        assert!(error.to_string().contains(told), "{error}");
    }
}
