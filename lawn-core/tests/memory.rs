//! A step takes no memory of the size of a parameter. A test program of its
//! own, as the memory of the whole process is what is measured.
#![cfg(target_os = "linux")]

mod common;
#[path = "../benches/common/memory.rs"]
mod memory;

use common::{Numbers, parameters, set_gradients};
use lawn_core::{
    AdamConfig, LambConfig, LawnConfig, OptimizerConfig, RuleConfig, Schedule, Scope, SgdConfig,
};
use tch::Kind;

#[test]
fn a_step_takes_no_memory_of_the_size_of_a_parameter() {
    let mut numbers = Numbers(3);
    for kind in [Kind::Float, Kind::Double, Kind::BFloat16] {
        let w = numbers.tensor(&[1500, 2000], kind);
        let size = w.numel() * w.kind().elt_size_in_bytes();
        let rules: [RuleConfig; 3] = [
            SgdConfig::default().into(),
            AdamConfig::default().into(),
            LambConfig::default().into(),
        ];
        for rule in rules {
            let (parameters, weights) = parameters(&[w.copy()]);
            let lawn = LawnConfig {
                scope: Scope::AllWeights,
                ..LawnConfig::new(2)
            };
            let mut optimizer = OptimizerConfig::new(rule, Schedule::constant(1e-3))
                .with_clip_norm(1.0)
                .with_lawn(lawn)
                .build(parameters)
                .unwrap();
            set_gradients(&mut optimizer, &weights, &[Some(w.copy())]);
            // The first step touches the buffers for the first time, which the
            // system hands out only then; the third one freezes.
            optimizer.step().unwrap();
            for step in 2..5 {
                let extra = memory::extra_bytes(|| {
                    optimizer.step().unwrap();
                })
                .unwrap();
                assert!(
                    (extra as usize) < size / 10,
                    "{rule:?} {kind:?} step {step}: {extra} bytes beside a parameter of {size}"
                );
            }
        }
    }
}
