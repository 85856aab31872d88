//! Steps of an embedding table of which a batch looks up some rows, by criterion: 2¹⁸ rows of 128
//! columns, 10,000 ids. A dense gradient is looked through, or read where its rows were counted, as
//! `-counted`, with the counting. Dense Adam beside it moves all of the table.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use lawn_core::{
    AdagradConfig, AdamConfig, LazyAdamConfig, OptimizerConfig, Role, RowwiseAdagradConfig,
    RuleConfig, Schedule, StepOptions,
};
use tch::{Device, Kind, Tensor};

fn tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("table of 2^18 x 128, 10,000 ids");
    group.sample_size(20);
    let lazy: RuleConfig = LazyAdamConfig::default().into();
    let by_row: RuleConfig = RowwiseAdagradConfig::default().into();
    let adagrad: RuleConfig = AdagradConfig::default().into();
    // Whether the gradient is sparse, and whether its rows are counted.
    let cases: [(&str, RuleConfig, bool, bool); 8] = [
        ("adam-dense", AdamConfig::default().into(), false, false),
        ("adagrad", adagrad, true, false),
        ("rowwise_adagrad", by_row, true, false),
        ("rowwise_adagrad-dense", by_row, false, false),
        ("rowwise_adagrad-counted", by_row, false, true),
        ("lazy_adam", lazy, true, false),
        ("lazy_adam-dense", lazy, false, false),
        ("lazy_adam-counted", lazy, false, true),
    ];
    for (name, rule, sparse, counted) in cases {
        let options = (Kind::Float, Device::Cpu);
        let table = (Tensor::randn([1 << 18, 128], options) * 0.01).set_requires_grad(true);
        let ids = Tensor::randint(1 << 18, [10_000], (Kind::Int64, Device::Cpu));
        let rows = Tensor::embedding(&table, &ids, -1, false, sparse);
        (rows * Tensor::randn([10_000, 128], options))
            .sum(Kind::Float)
            .backward();
        let config = OptimizerConfig::new(rule, Schedule::constant(1e-3));
        let mut optimizer = common::optimizer_of(&config, &[(Role::Embedding, &table)]);
        let options = StepOptions {
            all_rows_counted: counted,
            ..StepOptions::default()
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                if counted {
                    let told = optimizer.count_rows("p0", &ids);
                    told.expect("they are of the table");
                }
                optimizer.step_with(options).expect("gradients are finite")
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = tables
}
criterion_main!(benches);
