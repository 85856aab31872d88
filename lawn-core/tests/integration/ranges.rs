//! Numbers near the ends of their range: squares that overflow, and divisions by 0.

use crate::common::setting::lawn;
use crate::common::{Numbers, distance, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, EpsilonPlace, Granularity, LambConfig, LarsConfig, LawnConfig,
    OptimizerConfig, RuleConfig, Schedule, SgdConfig,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Cuda, Backend::Reference];

fn squaring_rules() -> [RuleConfig; 3] {
    let amsgrad = AdamConfig {
        amsgrad: true,
        ..AdamConfig::default()
    };
    [
        AdamConfig::default().into(),
        amsgrad.into(),
        LambConfig::default().into(),
    ]
}

fn config(
    rule: RuleConfig,
    backend: Backend,
    lawn: Option<LawnConfig>,
) -> OptimizerConfig<RuleConfig> {
    OptimizerConfig {
        lawn,
        backend,
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    }
}

#[test]
fn a_square_that_overflows_f32_leaves_no_moment_infinite() {
    for backend in BACKENDS {
        for rule in squaring_rules() {
            for constraint in [None, Some(lawn(0, Granularity::Layer))] {
                let mut numbers = Numbers(10);
                let start = [numbers.tensor(&[40, 30], Kind::Float)];
                let (parameters, weights) = parameters(&start);
                let mut optimizer = config(rule, backend, constraint).build(parameters).unwrap();
                let gradient = numbers.tensor(&[40, 30], Kind::Float) * 1e25;
                set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
                let report = optimizer.step().unwrap();
                // Clipped, and it is said.
                assert!(!report.skipped(), "{backend:?} {rule:?}");
                assert!(report.clip_factor() < 1.0);
                assert_eq!(optimizer.skipped(), 0);
                let moved = distance(&weights[0], &start[0]);
                assert!(moved > 1e-4, "{backend:?} {rule:?}: {moved:e}");
                for (name, tensor) in &optimizer.state().tensors {
                    let finite = values(tensor).iter().all(|x| x.is_finite());
                    assert!(finite, "{backend:?} {rule:?}: {name}");
                }
                assert!(values(&weights[0]).iter().all(|w| w.is_finite()));
            }
        }
    }
}

/// Adam's first step is the sign of the gradient, whatever its size.
#[test]
fn gradients_of_f64_beyond_their_squares_are_not_skipped() {
    for backend in BACKENDS {
        for (clip_norm, scale) in [(None, 1.0), (Some(1.0), 1.0), (None, 1e10)] {
            let mut numbers = Numbers(3);
            let start = [numbers.tensor(&[5, 7], Kind::Double)];
            let (parameters, weights) = parameters(&start);
            let config = OptimizerConfig {
                clip_norm,
                ..config(AdamConfig::default().into(), backend, None)
            };
            let mut optimizer = config.build(parameters).unwrap();
            let gradient = (numbers.tensor(&[5, 7], Kind::Double).sign() + 0.5) * 1e199;
            let sizes = values(&gradient);
            let square: f64 = sizes.iter().map(|g| (g / 1e199).powi(2)).sum();
            let expected = square.sqrt();
            set_gradients(&mut optimizer, &weights, &[Some(gradient.shallow_clone())]);
            let options = lawn_core::StepOptions {
                gradient_scale: scale,
                ..Default::default()
            };
            let report = optimizer.step_with(options).unwrap();
            assert!(!report.skipped(), "{backend:?}");
            let norm = report.gradient_norm() / 1e199 * scale;
            assert!((norm / expected - 1.0).abs() < 1e-12, "{backend:?}: {norm}");
            let apart = distance(&weights[0], &(&start[0] - gradient.sign() * 0.01));
            assert!(apart < 1e-7, "{backend:?} {clip_norm:?}: {apart:e}");
        }
    }
}

#[test]
fn units_of_f64_keep_their_norm_whatever_the_gradient() {
    let lars = LarsConfig::default();
    for backend in BACKENDS {
        for rule in [
            SgdConfig::default().into(),
            lars.into(),
            squaring_rules()[2],
        ] {
            let mut numbers = Numbers(6);
            let start = [numbers.tensor(&[5, 7], Kind::Double)];
            let (parameters, weights) = parameters(&start);
            let constraint = Some(lawn(0, Granularity::Row));
            let mut optimizer = config(rule, backend, constraint).build(parameters).unwrap();
            for size in [1e199, 1.0] {
                let gradient = numbers.tensor(&[5, 7], Kind::Double) * size;
                set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
                assert!(!optimizer.step().unwrap().skipped());
                let norm = |w: &Tensor| Granularity::Row.norm(w);
                let apart = distance(&norm(&weights[0]), &norm(&start[0]));
                assert!(apart < 1e-12, "{backend:?} {rule:?} {size:e}: {apart:e}");
            }
        }
    }
}

/// Products of f32 that f32 cannot hold.
#[test]
fn inner_products_are_taken_in_f64() {
    let mut numbers = Numbers(9);
    let start = [numbers.tensor(&[4, 512], Kind::Float) * 1e25];
    let gradients: Vec<Tensor> = (0..3)
        .map(|_| numbers.tensor(&[4, 512], Kind::Float) * 1e15)
        .collect();
    let run = |backend| {
        let (parameters, weights) = parameters(&start);
        let constraint = Some(lawn(0, Granularity::Row));
        let rule = LambConfig::default().into();
        let mut optimizer = config(rule, backend, constraint).build(parameters).unwrap();
        for gradient in &gradients {
            set_gradients(&mut optimizer, &weights, &[Some(gradient.shallow_clone())]);
            assert!(!optimizer.step().unwrap().skipped());
        }
        weights[0].detach() / 1e25
    };
    let expected = run(Backend::Reference);
    for backend in BACKENDS {
        let apart = distance(&run(backend), &expected);
        assert!(apart < 3e-6, "{backend:?}: {apart:e}");
    }
}

/// Without ε, rows that have never had a gradient stay where they are.
#[test]
fn nothing_by_nothing_is_nothing() {
    let [adam, amsgrad, _] = squaring_rules();
    let without = |rule: RuleConfig| match rule {
        RuleConfig::Adam(adam) => AdamConfig {
            epsilon: 0.0,
            ..adam
        }
        .into(),
        other => other,
    };
    let lamb = |epsilon_place| {
        RuleConfig::from(LambConfig {
            epsilon: 0.0,
            epsilon_place,
            ..LambConfig::default()
        })
    };
    let (inside, outside) = (EpsilonPlace::InsideRoot, EpsilonPlace::OutsideRoot);
    for backend in BACKENDS {
        for rule in [without(adam), without(amsgrad), lamb(inside), lamb(outside)] {
            for constraint in [None, Some(lawn(1, Granularity::Row))] {
                for kind in [Kind::Float, Kind::Double] {
                    let mut numbers = Numbers(8);
                    let start = [numbers.tensor(&[6, 37], kind)];
                    let (parameters, weights) = parameters(&start);
                    let built = config(rule, backend, constraint.clone()).build(parameters);
                    let mut optimizer = built.unwrap();
                    for _ in 0..3 {
                        let gradient = numbers.tensor(&[6, 37], kind);
                        let _ = gradient.get(2).zero_();
                        set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
                        assert!(!optimizer.step().unwrap().skipped());
                    }
                    let what = format!("{backend:?} {rule:?} {kind:?}");
                    assert!(values(&weights[0]).iter().all(|w| w.is_finite()), "{what}");
                    let apart = distance(&weights[0].get(2), &start[0].get(2));
                    assert!(apart < 1e-6, "{what}: {apart:e}");
                    let moved = distance(&weights[0].get(1), &start[0].get(1));
                    assert!(moved > 1e-3, "{what}: {moved:e}");
                }
            }
        }
    }
}
