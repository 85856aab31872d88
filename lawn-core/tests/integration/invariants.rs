//! What holds whatever the numbers are.

use crate::common::{Numbers, distance, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Granularity, LambConfig, LarsConfig, LawnConfig, OptimizerConfig, RuleConfig,
    Schedule, Scope, SgdConfig,
};
use proptest::prelude::*;
use tch::{Kind, Tensor};

fn lawn(free_steps: u64, granularity: Granularity) -> LawnConfig {
    LawnConfig {
        scope: Scope::AllWeights,
        granularity,
        ..LawnConfig::new(free_steps)
    }
}

fn unit_norms(w: &Tensor, granularity: Granularity) -> Vec<f64> {
    values(&granularity.norm(&w.detach()))
}

#[test]
fn norms_hold_over_ten_thousand_steps_in_f32() {
    for granularity in [Granularity::Layer, Granularity::Row] {
        let mut numbers = Numbers(1);
        let start = numbers.tensor(&[24, 40], Kind::Float);
        let pool: Vec<Tensor> = (0..16)
            .map(|_| numbers.tensor(&[24, 40], Kind::Float))
            .collect();
        let (parameters, weights) = parameters(&[start]);
        let radii = unit_norms(&weights[0], granularity);
        let mut optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(3e-3))
            .with_lawn(lawn(0, granularity))
            .build(parameters)
            .unwrap();
        let mut worst = 0f64;
        for step in 0..10_000 {
            let g = pool[step * 7 % 16].shallow_clone();
            set_gradients(&mut optimizer, &weights, &[Some(g)]);
            optimizer.step().unwrap();
            if step % 100 == 99 {
                for (found, r) in unit_norms(&weights[0], granularity).iter().zip(&radii) {
                    worst = worst.max((found / r - 1.0).abs());
                }
            }
        }
        println!("{granularity:?}: worst relative drift {worst:.1e}");
        assert!(worst < 1e-7, "{granularity:?}: {worst:e}");
    }
}

fn any_rule() -> impl Strategy<Value = RuleConfig> {
    prop_oneof![
        (0.0..0.95).prop_map(|momentum| SgdConfig {
            momentum,
            ..SgdConfig::default()
        }
        .into()),
        (0.0..0.99, 0.5..0.9999).prop_map(|(beta1, beta2)| {
            AdamConfig {
                beta1,
                beta2,
                ..AdamConfig::default()
            }
            .into()
        }),
        (0.0..0.99).prop_map(|beta1| LambConfig {
            beta1,
            ..LambConfig::default()
        }
        .into()),
    ]
}

/// A rule, and the power of the weights' scale that its rate has to have for the
/// same directions: that of `w / d`, where `g` has −1.
fn scaled_rule() -> impl Strategy<Value = (RuleConfig, i32)> {
    let sgd = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let adam = AdamConfig {
        epsilon: 0.0,
        ..AdamConfig::default()
    };
    let lamb = LambConfig {
        epsilon: 0.0,
        ..LambConfig::default()
    };
    let lars = LarsConfig {
        trust_coefficient: 0.1,
        epsilon: 0.0,
        ..LarsConfig::default()
    };
    prop::sample::select(vec![
        (sgd.into(), 2),
        (adam.into(), 1),
        (lamb.into(), 0),
        (lars.into(), 0),
    ])
}

fn any_granularity() -> impl Strategy<Value = Granularity> {
    prop_oneof![Just(Granularity::Layer), Just(Granularity::Row)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        // A failure is printed with its values, which say all; no file is kept.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn norms_are_kept(
        rule in any_rule(),
        granularity in any_granularity(),
        rows in 1i64..6,
        columns in 1i64..9,
        rate in 1e-4..0.5,
        seed in 0u64..1 << 40,
    ) {
        let mut numbers = Numbers(seed);
        let (parameters, weights) = parameters(&[numbers.tensor(&[rows, columns], Kind::Double)]);
        let radii = unit_norms(&weights[0], granularity);
        let mut optimizer = OptimizerConfig::new(rule, Schedule::constant(rate))
            .with_lawn(lawn(0, granularity))
            .build(parameters)
            .unwrap();
        for _ in 0..5 {
            let g = numbers.tensor(&[rows, columns], Kind::Double);
            set_gradients(&mut optimizer, &weights, &[Some(g)]);
            optimizer.step().unwrap();
            for (found, r) in unit_norms(&weights[0], granularity).iter().zip(&radii) {
                prop_assert!((found / r - 1.0).abs() < 1e-12, "{found} for a radius of {r}");
            }
        }
    }

    #[test]
    fn the_moments_are_tangent_at_the_first_step(
        granularity in any_granularity(),
        seed in 0u64..1 << 40,
    ) {
        let mut numbers = Numbers(seed);
        let w = numbers.tensor(&[4, 7], Kind::Double);
        let (parameters, weights) = parameters(&[w.copy()]);
        let rule = SgdConfig { momentum: 0.9, ..SgdConfig::default() };
        let mut optimizer = OptimizerConfig::new(rule, Schedule::constant(0.1))
            .with_lawn(lawn(0, granularity))
            .build(parameters)
            .unwrap();
        let g = numbers.tensor(&[4, 7], Kind::Double);
        set_gradients(&mut optimizer, &weights, &[Some(g)]);
        optimizer.step().unwrap();
        let m = &optimizer.state().tensors["momentum/p0"];
        for product in values(&granularity.dot(&w, m)) {
            prop_assert!(product.abs() < 1e-13, "⟨w, m⟩ = {product:e}");
        }
    }

    /// Scaling the weights by c, and with them the radius, turns a
    /// scale-invariant loss's gradient by 1/c. With the rate scaled as the rule
    /// asks for, the same directions follow, and nothing else changes.
    #[test]
    fn the_scale_of_the_weights_is_nothing_but_a_rate(
        (rule, rate_power) in scaled_rule(),
        granularity in any_granularity(),
        power in -3i32..4,
        seed in 0u64..1 << 40,
    ) {
        let c = 2f64.powi(power);
        let trajectory = |c: f64| {
            let mut numbers = Numbers(seed);
            let w = numbers.tensor(&[3, 5], Kind::Double) * c;
            let (parameters, weights) = parameters(&[w]);
            let rate = 0.05 * c.powi(rate_power);
            let mut optimizer = OptimizerConfig::new(rule, Schedule::constant(rate))
                .with_lawn(lawn(2, granularity))
                .build(parameters)
                .unwrap();
            for _ in 0..6 {
                let g = numbers.tensor(&[3, 5], Kind::Double) / c;
                set_gradients(&mut optimizer, &weights, &[Some(g)]);
                optimizer.step().unwrap();
            }
            weights[0].detach().copy() / c
        };
        prop_assert!(distance(&trajectory(c), &trajectory(1.0)) < 1e-12);
    }

    #[test]
    fn clipping_is_a_scaling_of_all_gradients(clip in 0.01..1.0, seed in 0u64..1 << 40) {
        let run = |clip_norm: Option<f64>, factor: f64| {
            let mut numbers = Numbers(seed);
            let start = [numbers.tensor(&[3, 4], Kind::Double), numbers.tensor(&[5], Kind::Double)];
            let (parameters, weights) = parameters(&start);
            let mut config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
            config.clip_norm = clip_norm;
            let mut optimizer = config.build(parameters).unwrap();
            let g: Vec<Option<Tensor>> = start.iter().map(|w| Some((w + 1.0) * factor)).collect();
            set_gradients(&mut optimizer, &weights, &g);
            let report = optimizer.step().unwrap();
            (report, weights)
        };
        let (plain, _) = run(None, 1.0);
        prop_assume!(plain.gradient_norm() > clip);
        let (clipped, found) = run(Some(clip), 1.0);
        prop_assert!((clipped.gradient_norm() - plain.gradient_norm()).abs() < 1e-12);
        prop_assert!((clipped.clip_factor() - clip / plain.gradient_norm()).abs() < 1e-14);
        let (_, expected) = run(None, clip / plain.gradient_norm());
        for (a, b) in found.iter().zip(&expected) {
            prop_assert!(distance(a, b) < 1e-13);
        }
    }
}
