//! Steps of each rule, free and constrained, by criterion.

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lawn_core::{
    AdamConfig, Backend, LambConfig, LawnConfig, OptimizerConfig, RuleConfig, Schedule, Scope,
    SgdConfig,
};

/// Tensors like those of models: many small ones, some, and one large one.
fn tensors() -> [(&'static str, Vec<Vec<i64>>); 3] {
    [
        ("300x4096", vec![vec![64, 64]; 300]),
        ("16x512x512", vec![vec![512, 512]; 16]),
        ("1x33.5M", vec![vec![4096, 8192]]),
    ]
}

fn steps(criterion: &mut Criterion) {
    let sgd = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let rules: [(&str, RuleConfig); 3] = [
        ("sgd", sgd.into()),
        ("adam", AdamConfig::default().into()),
        ("lamb", LambConfig::default().into()),
    ];
    for (name, shapes) in tensors() {
        let tensors = common::tensors(&shapes);
        let elements: i64 = shapes
            .iter()
            .map(|shape| shape.iter().product::<i64>())
            .sum();
        let mut group = criterion.benchmark_group(format!("step {name}"));
        group
            .sample_size(20)
            .throughput(Throughput::Elements(elements as u64));
        for (rule_name, rule) in rules {
            for constrained in [false, true] {
                let lawn = constrained.then(|| LawnConfig {
                    scope: Scope::AllWeights,
                    ..LawnConfig::new(0)
                });
                let config = OptimizerConfig {
                    lawn,
                    check_finite: false,
                    ..OptimizerConfig::new(rule, Schedule::constant(1e-3))
                };
                let suffix = if constrained { "-lawn" } else { "" };
                let mut optimizer = common::optimizer(&config, &tensors);
                group.bench_function(format!("{rule_name}{suffix}"), |bencher| {
                    bencher.iter(|| optimizer.step().expect("gradients are finite"));
                });
                if rule_name == "adam" {
                    let config = OptimizerConfig {
                        backend: Backend::Reference,
                        ..config
                    };
                    let mut optimizer = common::optimizer(&config, &tensors);
                    group.bench_function(format!("{rule_name}{suffix}-reference"), |bencher| {
                        bencher.iter(|| optimizer.step().expect("gradients are finite"));
                    });
                }
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = steps
}
criterion_main!(benches);
