//! What a step asks of libtorch: few operations, none of which waits.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::libtorch::dispatches::dispatches;
use crate::{
    AdamConfig, Backend, Granularity, LambConfig, LarsConfig, LawnConfig, Optimizer,
    OptimizerConfig, Parameter, Parameters, Phase, Role, Rule, RuleConfig, Schedule, Scope,
    SgdConfig, StepOptions,
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
fn third_step(config: &OptimizerConfig, tensors: usize) -> BTreeMap<String, usize> {
    let mut optimizer = optimizer(config, tensors);
    optimizer.step().unwrap();
    optimizer.step().unwrap();
    let mut report = None;
    let counts = dispatches(|| report = Some(optimizer.step().unwrap()));
    assert!(!report.unwrap().skipped());
    counts
}

/// What only looks at the same memory in another way.
const VIEWS: [&str; 5] = [
    "aten::as_strided",
    "aten::detach",
    "aten::select",
    "aten::unsqueeze",
    "aten::view",
];

/// Those not within another, apart from views and conversions to the kind that
/// a tensor has already.
fn outer(counts: &BTreeMap<String, usize>) -> usize {
    let works = |name: &str| match name {
        "aten::to" => false,
        "aten::to/aten::_to_copy" => true,
        name => !name.contains('/') && !VIEWS.contains(&name),
    };
    let outer = counts.iter().filter(|(name, _)| works(name));
    outer.map(|(_, count)| count).sum()
}

#[test]
fn a_step_takes_as_many_operations_for_many_tensors_as_for_few() {
    for config in configs() {
        let (few, many) = (third_step(&config, 12), third_step(&config, 161));
        assert_eq!(outer(&few), outer(&many), "{config:?}");
        // As the README has them: rows are of three lengths, and some tensors have none.
        let [free, by_layer, by_row] = match config.rule.name() {
            "sgd" => [39, 94, 258],
            "adam" => [28, 90, 242],
            "lamb" => [39, 109, 296],
            "lars" => [58, 105, 306],
            other => unreachable!("{other}"),
        };
        let expected = match config.lawn.as_ref().map(|lawn| lawn.granularity) {
            None => free,
            Some(Granularity::Layer) => by_layer,
            Some(_) => by_row,
        };
        assert_eq!(outer(&many), expected, "{config:?}: {many:#?}");
    }
}

/// How often an operation waits.
fn waits(counts: &BTreeMap<String, usize>) -> usize {
    // On the CPU that kernel reads the learning rate and the counts of updates by
    // itself; on CUDA the device does.
    let own = |name: &str| name.starts_with("aten::_fused_adam_/");
    let wait = |name: &str| WAITS.iter().any(|wait| name.ends_with(wait)) && !own(name);
    let waits = counts.iter().filter(|(name, _)| wait(name));
    waits.map(|(_, count)| count).sum()
}

#[test]
fn a_step_never_waits_for_the_device() {
    for config in configs() {
        let counts = third_step(&config, 12);
        assert_eq!(waits(&counts), 0, "{config:?}: {counts:?}");
    }
}

#[test]
fn what_waits_is_seen_where_it_is() {
    let config = &configs()[1];
    let mut optimizer = optimizer(config, 3);
    let report = optimizer.step().unwrap();
    let waits = |run: &dyn Fn()| waits(&dispatches(run));
    assert!(waits(&|| assert!(report.gradient_norm() > 0.0)) > 0);
    // Once known, it is known.
    assert_eq!(waits(&|| assert!(report.gradient_norm() > 0.0)), 0);
    assert!(waits(&|| assert_eq!(report.step(), 1)) > 0);
    assert!(waits(&|| assert_eq!(report.learning_rate(), 0.01)) > 0);
    assert!(waits(&|| assert_eq!(optimizer.skipped(), 0)) > 0);
    assert!(waits(&|| assert_eq!(optimizer.steps(), 1)) > 0);
    // The next step freezes unless this one was skipped.
    assert!(waits(&|| assert_eq!(optimizer.phase(), Phase::Constrained)) > 0);
}

#[test]
fn what_was_skipped_is_asked_for_only_where_it_decides() {
    let configs = configs();
    let config = OptimizerConfig {
        lawn: Some(LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(4)
        }),
        ..configs[3].clone()
    };
    // Of twelve steps these are skipped, and these wait: the one that would freeze
    // had none been skipped, and the one that does.
    for (skipped, waiting) in [
        (&[][..], &[4][..]),
        (&[1], &[4, 5]),
        (&[1, 2], &[4, 6]),
        (&[4], &[4, 5]),
        (&[6, 7], &[4]),
    ] {
        let mut optimizer = optimizer(&config, 3);
        let waits = |step: &usize| {
            let scale = match skipped.contains(step) {
                // The norm divided by it is too large for any number.
                true => 1e-320,
                false => 1.0,
            };
            let options = StepOptions {
                gradient_scale: scale,
                ..StepOptions::default()
            };
            let counts = dispatches(|| {
                optimizer.step_with(options).unwrap();
            });
            waits(&counts) > 0
        };
        let found: Vec<usize> = (0..12).filter(waits).collect();
        assert_eq!(found, waiting, "{skipped:?}");
        assert_eq!(optimizer.skipped(), skipped.len() as u64);
    }
}
