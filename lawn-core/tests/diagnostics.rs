//! What diagnostics tell, and that asking for them changes nothing.

mod common;

use common::setting::{lawn, rules};
use common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Decay, Diagnostics, Granularity, OptimizerConfig, Schedule, StepOptions,
};
use tch::{Device, Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::MultiTensor];

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
                        decay: granularity.map_or(decay, |_| Decay::None),
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
