//! Steps of an embedding table of which a batch looks up some rows, by criterion: 2¹⁸ rows of 128
//! columns, 10,000 ids. Dense Adam beside it moves all of the table.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use lawn_core::{
    AdagradConfig, AdamConfig, LazyAdamConfig, OptimizerConfig, Role, RowwiseAdagradConfig,
    RuleConfig, Schedule,
};
use tch::{Device, Kind, Tensor};

fn tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("table of 2^18 x 128, 10,000 ids");
    group.sample_size(20);
    let rules: [(&str, RuleConfig, bool); 4] = [
        ("adam-dense", AdamConfig::default().into(), false),
        ("adagrad", AdagradConfig::default().into(), true),
        (
            "rowwise_adagrad",
            RowwiseAdagradConfig::default().into(),
            true,
        ),
        ("lazy_adam", LazyAdamConfig::default().into(), true),
    ];
    for (name, rule, sparse) in rules {
        let options = (Kind::Float, Device::Cpu);
        let table = (Tensor::randn([1 << 18, 128], options) * 0.01).set_requires_grad(true);
        let ids = Tensor::randint(1 << 18, [10_000], (Kind::Int64, Device::Cpu));
        let rows = Tensor::embedding(&table, &ids, -1, false, sparse);
        (rows * Tensor::randn([10_000, 128], options))
            .sum(Kind::Float)
            .backward();
        let config = OptimizerConfig::new(rule, Schedule::constant(1e-3));
        let mut optimizer = common::optimizer_of(&config, &[(Role::Embedding, &table)]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| optimizer.step().expect("gradients are finite"));
        });
    }
    group.finish();
}

criterion_group!(benches, tables);
criterion_main!(benches);
