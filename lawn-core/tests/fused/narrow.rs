//! Parameters of 16 bits: their distance from the libtorch operations, master weights, resumption.

use lawn_core::{
    AdamConfig, Backend, Granularity, OptimizerConfig, Schedule, SgdConfig, WeightDecay,
};
use tch::{Device, Kind, Tensor};

use crate::common::rules::rules;
use crate::common::setting::{Setting, lawn, run_with, start};
use crate::common::{Numbers, distance, everything, parameters, set_gradients, values};
use crate::wide_entries;

#[test]
fn narrow_parameters_agree_for_every_rule() {
    let start = start();
    for (rule, decay) in rules() {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            // The distance from one number of the kind to the next, of 1.
            for (kind, ulp) in [
                (Kind::BFloat16, 2f64.powi(-7)),
                (Kind::Half, 2f64.powi(-10)),
            ] {
                for master_weights in [false, true] {
                    let setting = Setting {
                        rule,
                        decay,
                        granularity,
                        kind,
                        check_finite: !master_weights,
                        clip_norm: None,
                    };
                    let run = |backend| run_with(&setting, &start, backend, master_weights);
                    let (reference, expected) = run(Backend::Reference);
                    let (fused, found) = run(Backend::Auto);
                    let what = format!("{rule:?} {granularity:?} {kind:?} {master_weights}");
                    for (found, expected) in found.iter().zip(&expected) {
                        assert_eq!(found.kind(), kind);
                        let apart = distance(found, expected);
                        assert!(apart <= ulp, "{what}: {apart:e}");
                    }
                    if !master_weights {
                        // A weight that was rounded to the other side takes the
                        // moments along.
                        continue;
                    }
                    let expected = wide_entries(&reference);
                    for ((name, found), (_, expected)) in wide_entries(&fused).iter().zip(&expected)
                    {
                        let apart = distance(found, expected);
                        assert!(apart < 3e-6, "{what} {name}: {apart:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn narrow_weights_are_the_rounded_master_weights() {
    for kind in [Kind::BFloat16, Kind::Half] {
        let setting = Setting {
            rule: AdamConfig::default().into(),
            decay: WeightDecay::None,
            granularity: Some(Granularity::Layer),
            kind,
            check_finite: true,
            clip_norm: Some(1.0),
        };
        let (optimizer, weights) = run_with(&setting, &start(), Backend::Auto, true);
        let state = optimizer.state();
        for (i, w) in weights.iter().enumerate() {
            let master = &state.tensors[&format!("master/p{i}")];
            assert!(w.detach().equal(&master.to_kind(kind)), "{kind:?} p{i}");
        }
    }
}

fn narrow(kind: Kind, master_weights: bool) -> f64 {
    // Steps of 1e-4 from 1 are below the resolution of bf16, 2⁻⁸.
    let (parameters, weights) = parameters(&[Tensor::ones([8, 8], (kind, Device::Cpu))]);
    let config = OptimizerConfig {
        master_weights,
        ..OptimizerConfig::new(SgdConfig::default(), Schedule::constant(1e-4))
    };
    let mut optimizer = config.build(parameters).unwrap();
    for _ in 0..1000 {
        set_gradients(
            &mut optimizer,
            &weights,
            &[Some(weights[0].detach().ones_like())],
        );
        optimizer.step().unwrap();
    }
    assert_eq!(weights[0].kind(), kind);
    values(&weights[0])[0]
}

#[test]
fn master_weights_add_up_what_narrow_weights_cannot() {
    assert_eq!(narrow(Kind::BFloat16, false), 1.0);
    assert!((narrow(Kind::BFloat16, true) - 0.9).abs() < 4e-3);
    assert!((narrow(Kind::Half, true) - 0.9).abs() < 5e-4);
}

#[test]
fn narrow_parameters_resume_with_the_same_bits() {
    for master_weights in [false, true] {
        let mut numbers = Numbers(8);
        let w = numbers.tensor(&[6, 5], Kind::BFloat16);
        let gradients: Vec<Tensor> = (0..8)
            .map(|_| numbers.tensor(&[6, 5], Kind::BFloat16))
            .collect();
        let build = || {
            let (parameters, weights) = parameters(&[w.copy()]);
            let config = OptimizerConfig {
                master_weights,
                lawn: Some(lawn(2, Granularity::Layer)),
                ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
            };
            (config.build(parameters).unwrap(), weights)
        };
        let (mut whole, weights) = build();
        let (mut resumed, mut again) = build();
        for (step, g) in gradients.iter().enumerate() {
            if step == 4 {
                resumed.load_state(&whole.state()).unwrap();
                tch::no_grad(|| again[0].copy_(&weights[0]));
            }
            set_gradients(&mut whole, &weights, &[Some(g.shallow_clone())]);
            whole.step().unwrap();
            if step >= 4 {
                set_gradients(&mut resumed, &again, &[Some(g.shallow_clone())]);
                resumed.step().unwrap();
            }
        }
        assert_eq!(everything(&whole, &weights), everything(&resumed, &again));
    }
}
