//! A step tells autograd that it wrote the weights: a `backward` that still needs
//! what they were fails, as after any operation of libtorch in place.

use crate::common::rules::rules;
use crate::common::setting::lawn;
use crate::common::{Numbers, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Granularity, Optimizer, OptimizerConfig, Parameters, RuleConfig, Schedule,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Cuda, Backend::Reference];

fn optimizer(
    rule: RuleConfig,
    backend: Backend,
    constrained: bool,
    parameters: Parameters,
) -> Optimizer {
    let config = OptimizerConfig {
        lawn: constrained.then(|| lawn(0, Granularity::Row)),
        backend,
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    config.build(parameters).unwrap()
}

/// What libtorch says where a saved tensor was written to.
fn is_refused(loss: &Tensor) -> bool {
    match loss.sum(loss.kind()).f_backward() {
        Ok(()) => false,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("modified by an inplace operation"), "{text}");
            true
        }
    }
}

#[test]
fn a_step_between_forward_and_backward_is_refused() {
    let mut numbers = Numbers(1);
    for backend in BACKENDS {
        for (rule, _) in rules() {
            for constrained in [false, true] {
                for kind in [Kind::Float, Kind::Double, Kind::BFloat16] {
                    let start = [numbers.tensor(&[4, 3], kind), numbers.tensor(&[4, 3], kind)];
                    let (parameters, weights) = parameters(&start);
                    let mut optimizer = optimizer(rule, backend, constrained, parameters);
                    let gradient = Some(numbers.tensor(&[4, 3], kind));
                    let gradients = [gradient, None];
                    for step in 0..2 {
                        set_gradients(&mut optimizer, &weights, &gradients);
                        let x = numbers.tensor(&[2, 3], kind).set_requires_grad(true);
                        // Of the weight itself, of a view, and tied: used twice.
                        let [w, still] = [&weights[0], &weights[1]];
                        let losses = [
                            x.matmul(&w.tr()),
                            x.matmul(&w.view([-1]).narrow(0, 3, 6).view([3, 2])),
                            x.matmul(&w.tr()).matmul(w),
                        ];
                        let unmoved = x.matmul(&still.tr());
                        optimizer.step().unwrap();
                        for (i, loss) in losses.iter().enumerate() {
                            let what = format!("{backend:?} {rule:?} {constrained} {kind:?}");
                            assert!(is_refused(loss), "{what}: step {step}, loss {i}");
                        }
                        assert!(!is_refused(&unmoved), "{backend:?}: nothing was written");
                    }
                }
            }
        }
    }
}

#[test]
fn a_skipped_step_writes_nothing() {
    for backend in [Backend::Auto, Backend::Reference] {
        let mut numbers = Numbers(2);
        let (parameters, weights) = parameters(&[numbers.tensor(&[4, 3], Kind::Float)]);
        let mut optimizer = optimizer(AdamConfig::default().into(), backend, false, parameters);
        let gradient = numbers.tensor(&[4, 3], Kind::Float) * f64::NAN;
        set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
        let x = numbers.tensor(&[2, 3], Kind::Float).set_requires_grad(true);
        let loss = x.matmul(&weights[0].tr());
        assert!(optimizer.step().unwrap().skipped());
        assert!(!is_refused(&loss), "{backend:?}");
    }
}

/// The discriminator moves between the generator's forward and its backward, which
/// goes through the discriminator.
#[test]
fn a_generator_cannot_learn_from_a_discriminator_that_has_moved() {
    for backend in BACKENDS {
        let mut numbers = Numbers(3);
        let mut net = |shape: &[i64]| parameters(&[numbers.tensor(shape, Kind::Float)]);
        let ((g, generator), (d, discriminator)) = (net(&[2, 3]), net(&[3, 1]));
        let rule = RuleConfig::from(AdamConfig::default());
        let mut of_generator = optimizer(rule, backend, false, g);
        let mut of_discriminator = optimizer(rule, backend, false, d);
        let z = Numbers(4).tensor(&[5, 2], Kind::Float);
        let fake = || z.matmul(&generator[0]).tanh();
        let judged = |x: &Tensor| x.matmul(&discriminator[0]);
        let mut learn = |judged_before: bool| {
            let before = judged(&fake());
            of_discriminator.zero_grad();
            judged(&fake().detach()).sum(Kind::Float).backward();
            of_discriminator.step().unwrap();
            let loss = if judged_before {
                before
            } else {
                judged(&fake())
            };
            of_generator.zero_grad();
            let refused = is_refused(&loss);
            if !refused {
                of_generator.step().unwrap();
            }
            refused
        };
        assert!(learn(true), "{backend:?}: a wrong gradient");
        assert!(!learn(false), "{backend:?}");
    }
}
