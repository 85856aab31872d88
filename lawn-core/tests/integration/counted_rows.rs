//! Steps that are told which rows of a table have a gradient.

use crate::common;
use crate::common::table::{Layout, Table, start};
use crate::common::{Numbers, everything};
use lawn_core::{
    AdagradConfig, AdamConfig, Backend, CowClipConfig, Granularity, LawnConfig, LazyAdamConfig,
    OptimizerConfig, RowwiseAdagradConfig, RuleConfig, Schedule, Scope, SgdConfig, StepOptions,
    UntouchedRows,
};
use tch::{Device, Kind, Tensor};

fn config(rule: RuleConfig) -> OptimizerConfig {
    OptimizerConfig::new(rule, Schedule::constant(0.1))
}

fn lawn(granularity: Granularity, untouched_rows: UntouchedRows) -> LawnConfig {
    LawnConfig {
        scope: Scope::AllWeights,
        granularity,
        untouched_rows,
        ..LawnConfig::new(2)
    }
}

/// A step that is told which rows have a gradient reads no others: those of a large table cost
/// nothing then.
#[test]
fn a_gradient_in_the_rows_that_were_counted_is_all_of_it() {
    let start = Numbers(4).tensor(&[64, 4], Kind::Float);
    let constraints = [
        None,
        Some(lawn(Granularity::Layer, UntouchedRows::LeftAlone)),
        Some(lawn(Granularity::Row, UntouchedRows::Constrained)),
    ];
    let cow_clip = CowClipConfig {
        ratio: 0.1,
        zeta: 1e-3,
    };
    let rules: [RuleConfig; 5] = [
        SgdConfig::default().into(),
        AdagradConfig::default().into(),
        RowwiseAdagradConfig::default().into(),
        LazyAdamConfig::default().into(),
        AdamConfig::default().into(),
    ];
    for rule in rules {
        for (constraint, clips) in constraints.iter().zip([true, false, true]) {
            for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
                let run = |all_rows_counted: bool| {
                    let config = OptimizerConfig {
                        backend,
                        lawn: constraint.clone(),
                        cow_clip: clips.then_some(cow_clip),
                        clip_norm: Some(1.5),
                        ..config(rule)
                    };
                    let mut table = Table::new(config, &start);
                    // Few rows, none, and nearly all.
                    let most: Vec<i64> = (0..120).map(|id| id % 60).collect();
                    let batches = [&[1i64, 50, 1][..], &[], &[0, 63], &most, &[50]];
                    for (seed, ids) in batches.into_iter().enumerate() {
                        table.optimizer.zero_grad();
                        let ids = Tensor::from_slice(ids);
                        let size = [ids.numel() as i64, 4];
                        let vectors = Numbers(seed as u64).tensor(&size, Kind::Double);
                        table.backward(&ids, &vectors, Layout::Dense);
                        // In two parts, as micro-batches tell them.
                        for part in ids.tensor_split(2, 0) {
                            table.optimizer.count_rows("table", &part).unwrap();
                        }
                        let options = StepOptions {
                            all_rows_counted,
                            ..StepOptions::default()
                        };
                        table.optimizer.step_with(options).unwrap();
                    }
                    everything(&table.optimizer, std::slice::from_ref(&table.weight))
                };
                let same = run(true) == run(false);
                assert!(same, "{rule:?} {constraint:?} {backend:?}");
            }
        }
    }
    let mut table = Table::new(config(LazyAdamConfig::default().into()), &start);
    assert!(table.optimizer.uses_row_counts());
    let ids = Tensor::from_slice(&[1i64, 2]);
    let ones = Tensor::ones([2, 4], (Kind::Float, Device::Cpu));
    table.backward(&ids, &ones, Layout::Dense);
    let told = ids.narrow(0, 0, 1);
    table.optimizer.count_rows("table", &told).unwrap();
    let options = StepOptions {
        all_rows_counted: true,
        ..StepOptions::default()
    };
    table.optimizer.step_with(options).unwrap();
    assert!(!table.row("weight", 1).equal(&start.get(1)));
    assert!(
        table.row("weight", 2).equal(&start.get(2)),
        "it is not read"
    );
}

/// What is told costs time, and is asked for only where a step makes anything of it.
#[test]
fn rows_are_counted_for_what_makes_anything_of_them() {
    let adam = || config(AdamConfig::default().into());
    let uses = |config: OptimizerConfig| Table::new(config, &start()).optimizer.uses_row_counts();
    assert!(!uses(adam()));
    assert!(uses(adam().with_cow_clip(CowClipConfig::default())));
    assert!(uses(config(LazyAdamConfig::default().into())));
    let left_alone = lawn(Granularity::Layer, UntouchedRows::LeftAlone);
    assert!(uses(adam().with_lawn(left_alone)));
    let constrained = lawn(Granularity::Layer, UntouchedRows::Constrained);
    assert!(!uses(adam().with_lawn(constrained)));
    let (parameters, _) = common::parameters(&[start()]);
    let weights = config(LazyAdamConfig::default().into()).build(parameters);
    assert!(!weights.unwrap().uses_row_counts());
}
