//! What a step asks of libtorch: few operations, none of which waits.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::extension::{Dispatches, dispatches};
use crate::{
    AdamConfig, Backend, Granularity, LambConfig, LarsConfig, LawnConfig, Optimizer,
    OptimizerConfig, Parameter, Parameters, Role, RuleConfig, Schedule, Scope, SgdConfig,
};

/// What makes the host wait for a device.
const WAITS: [&str; 6] = [
    "aten::item",
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::nonzero",
    "aten::equal",
    "aten::masked_select",
];

/// Tensors of a few shapes, again and again, each with a gradient.
fn optimizer(config: &OptimizerConfig, tensors: usize) -> Optimizer {
    let shapes: [&[i64]; 4] = [&[32, 48], &[32], &[16, 8, 3, 3], &[10, 64]];
    let parameters = (0..tensors).map(|i| {
        let options = (Kind::Float, Device::Cpu);
        let shape = shapes[i % shapes.len()];
        let tensor = Tensor::ones(shape, options).set_requires_grad(true);
        (&tensor * 0.01).sum(Kind::Float).backward();
        Parameter {
            name: format!("p{i}"),
            role: if shape.len() > 1 {
                Role::Weight
            } else {
                Role::Bias
            },
            tensor,
        }
    });
    let parameters = Parameters::new(parameters.collect()).unwrap();
    config.clone().build(parameters).unwrap()
}

fn configs() -> Vec<OptimizerConfig> {
    let sgd = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let rules: [RuleConfig; 4] = [
        sgd.into(),
        AdamConfig::default().into(),
        LambConfig::apex().into(),
        LarsConfig::default().into(),
    ];
    let mut configs = Vec::new();
    for rule in rules {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            configs.push(OptimizerConfig {
                backend: Backend::MultiTensor,
                clip_norm: Some(1.0),
                lawn: granularity.map(|granularity| LawnConfig {
                    scope: Scope::AllWeights,
                    granularity,
                    ..LawnConfig::new(1)
                }),
                ..OptimizerConfig::new(rule, Schedule::constant(0.01))
            });
        }
    }
    configs
}

/// The operations of the third step, which is after the freeze.
fn third_step(config: &OptimizerConfig, tensors: usize) -> BTreeMap<String, Dispatches> {
    let mut optimizer = optimizer(config, tensors);
    optimizer.step().unwrap();
    optimizer.step().unwrap();
    let mut report = None;
    let counts = dispatches(|| report = Some(optimizer.step().unwrap()));
    assert!(!report.unwrap().skipped());
    counts
}

fn outer(counts: &BTreeMap<String, Dispatches>) -> usize {
    counts.values().map(|count| count.outer).sum()
}

#[test]
fn a_step_takes_as_many_operations_for_many_tensors_as_for_few() {
    for config in configs() {
        let (few, many) = (third_step(&config, 12), third_step(&config, 161));
        assert_eq!(outer(&few), outer(&many), "{config:?}");
        let most = match &config.lawn {
            None => 120,
            Some(LawnConfig { granularity, .. }) if *granularity == Granularity::Layer => 120,
            // Rows of three lengths, and what has no rows.
            Some(_) => 4 * 120,
        };
        let found = outer(&many);
        assert!(found <= most, "{found} operations: {many:#?}");
    }
}

#[test]
fn a_step_never_waits_for_the_device() {
    for config in configs() {
        let counts = third_step(&config, 12);
        for name in WAITS {
            let found = counts.get(name).map_or(0, |count| count.all);
            assert_eq!(found, 0, "{config:?}: {name}");
        }
    }
}

#[test]
fn what_waits_is_seen_where_it_is() {
    let config = &configs()[1];
    let mut optimizer = optimizer(config, 3);
    let report = optimizer.step().unwrap();
    let counts = dispatches(|| assert!(report.gradient_norm() > 0.0));
    assert_eq!(counts["aten::_local_scalar_dense"].all, 1);
    // Once known, it is known.
    let counts = dispatches(|| assert!(report.gradient_norm() > 0.0));
    assert!(counts.is_empty(), "{counts:?}");
    let counts = dispatches(|| assert_eq!(optimizer.skipped(), 0));
    assert_eq!(counts["aten::_local_scalar_dense"].all, 1);
}
