//! Gradients along the weights: what a projection leaves of them is rounding, of
//! which no rule may make a direction.

use crate::common::setting::lawn;
use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, EpsilonPlace, Granularity, LambConfig, LarsConfig, OptimizerConfig,
    RuleConfig, Schedule, SgdConfig,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Cuda, Backend::Reference];

/// All with a trust ratio, and those that divide by a root.
fn rules() -> Vec<RuleConfig> {
    let lamb = LambConfig::default();
    let lars = LarsConfig {
        trust_coefficient: 1.0,
        ..LarsConfig::default()
    };
    vec![
        lamb.into(),
        LambConfig::nvlamb().into(),
        LambConfig::timm().into(),
        LambConfig {
            epsilon: 1e-12,
            epsilon_place: EpsilonPlace::InsideRoot,
            trust_max: Some(10.0),
            ..lamb
        }
        .into(),
        lars.into(),
        LarsConfig {
            nesterov: true,
            epsilon: 0.0,
            ..lars
        }
        .into(),
        AdamConfig::default().into(),
        SgdConfig {
            momentum: 0.9,
            ..SgdConfig::default()
        }
        .into(),
    ]
}

/// Largest angle of a row to what it was, in radians.
fn turned(w: &Tensor, start: &Tensor) -> f64 {
    let across = |a: &[f64], b: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let share = dot(a, b) / dot(b, b);
        let rest: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - share * b).collect();
        (dot(&rest, &rest).sqrt()).atan2(share * dot(b, b).sqrt())
    };
    let columns = w.size()[1] as usize;
    let (w, start) = (values(w), values(start));
    let rows = w.chunks(columns).zip(start.chunks(columns));
    rows.map(|(a, b)| across(a, b)).fold(0.0, f64::max)
}

#[test]
fn a_row_is_not_turned_by_gradients_along_it() {
    for backend in BACKENDS {
        for rule in rules() {
            for clip_norm in [None, Some(1e-2)] {
                for (kind, steps, limit) in [
                    (Kind::Float, 200, 1e-4),
                    (Kind::Double, 50, 1e-7),
                    (Kind::BFloat16, 50, 1e-2),
                ] {
                    let mut numbers = Numbers(11);
                    let start = numbers.tensor(&[6, 24], Kind::Double).to_kind(kind);
                    let (parameters, weights) = parameters(std::slice::from_ref(&start));
                    let config = OptimizerConfig {
                        lawn: Some(lawn(0, Granularity::Row)),
                        backend,
                        clip_norm,
                        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
                    };
                    let mut optimizer = config.build(parameters).unwrap();
                    for _ in 0..steps {
                        let along = weights[0].detach() * (0.3 + numbers.next().abs());
                        set_gradients(&mut optimizer, &weights, &[Some(along)]);
                        optimizer.step().unwrap();
                    }
                    let angle = turned(&weights[0], &start);
                    assert!(
                        angle < limit,
                        "{backend:?} {rule:?} {clip_norm:?} {kind:?}: {angle:e}"
                    );
                }
            }
        }
    }
}

/// What is no rounding is not taken for it: gradients that are radial but for a
/// ten-thousandth still turn a row.
#[test]
fn a_small_tangential_part_counts() {
    for backend in BACKENDS {
        let mut numbers = Numbers(12);
        let start = numbers.tensor(&[6, 24], Kind::Float);
        let (parameters, weights) = parameters(std::slice::from_ref(&start));
        let config = OptimizerConfig {
            lawn: Some(lawn(0, Granularity::Row)),
            backend,
            ..OptimizerConfig::new(LambConfig::default(), Schedule::constant(0.01))
        };
        let mut optimizer = config.build(parameters).unwrap();
        let across = numbers.tensor(&[6, 24], Kind::Float) * 1e-4;
        for _ in 0..20 {
            let gradient = weights[0].detach() + &across;
            set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
            optimizer.step().unwrap();
        }
        let angle = turned(&weights[0], &start);
        assert!(angle > 0.1, "{backend:?}: {angle:e}");
    }
}
