//! What diagnostics tell, and that asking for them changes nothing.

use crate::common::rules::rules;
use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, Diagnostics, Granularity, LambConfig, OptimizerConfig, Schedule,
    StepOptions, WeightDecay,
};
use tch::{Device, Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

#[test]
fn asking_for_them_changes_no_bit() {
    for (rule, decay) in rules() {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            // With and without a first look at all gradients.
            for (backend, check_finite) in
                BACKENDS.into_iter().flat_map(|b| [(b, true), (b, false)])
            {
                let run = |diagnostics| {
                    let mut numbers = Numbers(4);
                    let start = [&[40i64, 50][..], &[2, 17_000], &[7]];
                    let start = start.map(|shape| numbers.tensor(shape, Kind::Float));
                    let (parameters, weights) = parameters(&start);
                    let config = OptimizerConfig {
                        backend,
                        check_finite,
                        decay: granularity.map_or(decay, |_| WeightDecay::None),
                        lawn: granularity.map(|granularity| lawn(1, granularity)),
                        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
                    };
                    let mut optimizer = config.build(parameters).unwrap();
                    for _ in 0..3 {
                        let g = weights
                            .iter()
                            .map(|w| numbers.tensor(&w.size(), Kind::Float));
                        let g: Vec<_> = g.map(Some).collect();
                        set_gradients(&mut optimizer, &weights, &g);
                        let options = StepOptions {
                            diagnostics,
                            ..StepOptions::default()
                        };
                        optimizer.step_with(options).unwrap();
                        assert_eq!(optimizer.diagnostics().is_empty(), !diagnostics);
                    }
                    everything(&optimizer, &weights)
                };
                let same = run(true) == run(false);
                assert!(same, "{rule:?} {granularity:?} {backend:?} {check_finite}");
            }
        }
    }
}

/// Each number is what anyone measures who has the weights before and after, and the
/// gradients.
#[test]
fn each_number_is_what_its_name_says() {
    const ETA: f64 = 0.02;
    const SCALE: f64 = 8.0;
    let flat = |w: &Tensor| values(&w.detach());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norm = |a: &[f64]| dot(a, a).sqrt();
    for backend in BACKENDS {
        for granularity in [Granularity::Layer, Granularity::Row] {
            let mut numbers = Numbers(6);
            let start = [&[3i64, 40][..], &[50]].map(|shape| numbers.tensor(shape, Kind::Double));
            let (parameters, weights) = parameters(&start);
            let rule = LambConfig::paper();
            let config = OptimizerConfig {
                backend,
                clip_norm: Some(0.1),
                lawn: Some(lawn(1, granularity)),
                ..OptimizerConfig::new(rule, Schedule::constant(ETA))
            };
            let mut optimizer = config.build(parameters).unwrap();
            let mut radii = Vec::new();
            for step in 0..3 {
                if step == 2 {
                    // What drifts here are weights that someone else has written to.
                    let _ = tch::no_grad(|| weights[0].shallow_clone().g_mul_scalar_(1.01));
                }
                let g = start
                    .each_ref()
                    .map(|w| numbers.tensor(&w.size(), Kind::Double));
                let scaled: Vec<_> = g.iter().map(|g| Some(g * SCALE)).collect();
                set_gradients(&mut optimizer, &weights, &scaled);
                let before: Vec<_> = weights.iter().map(flat).collect();
                let options = StepOptions {
                    diagnostics: true,
                    gradient_scale: SCALE,
                    ..StepOptions::default()
                };
                let report = optimizer.step_with(options).unwrap();
                let after: Vec<_> = weights.iter().map(flat).collect();
                let g: Vec<_> = g.iter().map(values).collect();
                assert!((report.gradient_norm() / norm(&g.concat()) - 1.0).abs() < 1e-13);
                if step == 1 {
                    radii.clone_from(&before);
                }

                let rows = granularity == Granularity::Row && step > 0;
                let units = if rows { [3, 1] } else { [1, 1] };
                let mut told = optimizer.diagnostics().iter();
                for (p, units) in units.into_iter().enumerate() {
                    let len = before[p].len() / units;
                    for unit in 0..units {
                        let told = told.next().unwrap();
                        let of = |all: &[f64]| all[unit * len..(unit + 1) * len].to_vec();
                        let (w, moved, g) = (of(&before[p]), of(&after[p]), of(&g[p]));
                        let b = dot(&w, &moved) / dot(&w, &w);
                        let across: Vec<_> = moved.iter().zip(&w).map(|(m, w)| m - b * w).collect();
                        let drift = match step {
                            0 => 0.0,
                            _ => norm(&w) / norm(&of(&radii[p])) - 1.0,
                        };
                        let close = |what: &str, found: f64, expected: f64| {
                            let apart = (found - expected).abs() / (1e-3 + expected.abs());
                            assert!(
                                apart < 1e-11,
                                "{what} of {p}/{unit} in {step} by {backend:?}: expected \
                                 {expected}, found {found}"
                            );
                        };
                        assert_eq!((&*told.parameter, told.unit), (&*format!("p{p}"), unit));
                        assert_eq!(told.constrained, step > 0);
                        close("weight norm", told.weight_norm, norm(&w));
                        close("gradient norm", told.gradient_norm, norm(&g));
                        close("cosine", told.cosine, dot(&w, &g) / (norm(&w) * norm(&g)));
                        let angle = norm(&across).atan2(b * norm(&w));
                        assert!(angle > 1e-3);
                        close("rotation", told.rotation, angle);
                        close("drift", told.radius_drift, drift);
                        if step == 0 {
                            // Corrected, the first moments are g and g².
                            let clip = 0.1 / report.gradient_norm();
                            let d = g
                                .iter()
                                .map(|g| g * clip / ((g * clip).abs() + rule.epsilon));
                            let d: Vec<_> = d.collect();
                            close("trust ratio", told.trust_ratio, norm(&w) / norm(&d));
                        }
                    }
                }
                assert!(told.next().is_none());
            }
        }
    }
}

/// The logits of a bias-free ReLU network are homogeneous of degree 1 in the
/// weights of each layer: by Euler, ⟨w, g⟩ is the same for all of them.
#[test]
fn layers_of_a_relu_network_share_one_inner_product() {
    for backend in BACKENDS {
        let mut numbers = Numbers(2);
        let shapes: [&[i64]; 3] = [&[16, 8], &[12, 16], &[5, 12]];
        let start = shapes.map(|shape| numbers.tensor(shape, Kind::Double));
        let x = numbers.tensor(&[32, 8], Kind::Double);
        let labels = Tensor::arange(32, (Kind::Int64, Device::Cpu)).remainder(5);
        let (parameters, weights) = parameters(&start);
        let config = OptimizerConfig {
            backend,
            lawn: Some(lawn(2, Granularity::Layer)),
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
        };
        let mut optimizer = config.build(parameters).unwrap();
        // Before, at and after the freeze.
        for _ in 0..4 {
            optimizer.zero_grad();
            let mut h = x.shallow_clone();
            for w in &weights[..2] {
                h = h.matmul(&w.tr()).relu();
            }
            let logits = h.matmul(&weights[2].tr());
            logits.cross_entropy_for_logits(&labels).backward();
            let options = StepOptions {
                diagnostics: true,
                ..StepOptions::default()
            };
            optimizer.step_with(options).unwrap();
            let told = optimizer.diagnostics();
            let products: Vec<f64> = told
                .iter()
                .map(|d| d.cosine * d.weight_norm * d.gradient_norm)
                .collect();
            assert_eq!(products.len(), 3);
            assert!(products[0].abs() > 1e-3, "{products:?}");
            for product in &products {
                assert!((product / products[0] - 1.0).abs() < 1e-11, "{products:?}");
            }
            let text = serde_json::to_string(told).unwrap();
            let read: Vec<Diagnostics> = serde_json::from_str(&text).unwrap();
            assert_eq!(read.len(), told.len());
            assert!(
                text.contains(r#""parameter":"p0","unit":0,"constrained":"#),
                "{text}"
            );
        }
    }
}
