//! What rules do to the rows of an embedding table.

use crate::common;
use crate::common::setting::assert_same_diagnostics;
use crate::common::table::{LAYOUTS, Layout, Table, start};
use crate::common::{Numbers, everything, values};
use lawn_core::{
    AdagradConfig, AdamConfig, Backend, Constraint, Error, Granularity, LawnConfig, LazyAdamConfig,
    OptimizerConfig, Role, RowwiseAdagradConfig, RuleConfig, Schedule, Scope, SgdConfig, State,
    StepOptions, UntouchedRows, WeightDecay,
};
use tch::{Device, Kind, Tensor};

/// Rules that take sparse gradients.
fn rules() -> [RuleConfig; 4] {
    [
        SgdConfig::default().into(),
        AdagradConfig::default().into(),
        RowwiseAdagradConfig::default().into(),
        LazyAdamConfig::default().into(),
    ]
}

/// Those that leave rows without a gradient alone.
fn lazy() -> [RuleConfig; 2] {
    [
        RowwiseAdagradConfig::default().into(),
        LazyAdamConfig::default().into(),
    ]
}

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

fn all(table: &Table) -> Vec<u8> {
    everything(&table.optimizer, std::slice::from_ref(&table.weight))
}

#[test]
fn a_sparse_gradient_does_what_a_dense_one_does_to_the_bit() {
    for rule in rules() {
        for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
            let [dense, sparse] = LAYOUTS.map(|layout| {
                let config = OptimizerConfig {
                    backend,
                    clip_norm: Some(1.5),
                    ..config(rule)
                };
                let mut table = Table::new(config, &start());
                for (seed, ids) in [&[1i64, 5, 1][..], &[], &[0, 7], &[5]].iter().enumerate() {
                    table.step(ids, seed as u64, layout);
                }
                all(&table)
            });
            assert!(dense == sparse, "{rule:?} {backend:?}");
        }
    }
}

/// More rows than one thread takes at a time, of a length that no block is a multiple of; with
/// decay, clipping and diagnostics.
#[test]
fn the_kernels_step_the_rows_of_a_large_table_as_the_reference_does() {
    let start = Numbers(8).tensor(&[5000, 13], Kind::Double);
    let ids: Vec<i64> = (0..4000).map(|i| i * 7 % 5000).collect();
    for rule in rules() {
        let decay = match rule {
            RuleConfig::RowwiseAdagrad(_) | RuleConfig::LazyAdam(_) => {
                WeightDecay::Decoupled { rate: 0.1 }
            }
            _ => WeightDecay::None,
        };
        for kind in [Kind::Double, Kind::Float] {
            let [kernels, reference] = [Backend::Auto, Backend::Reference].map(|backend| {
                let config = OptimizerConfig {
                    backend,
                    clip_norm: Some(50.0),
                    decay,
                    ..config(rule)
                };
                let mut table = Table::new(config, &start.to_kind(kind));
                for step in 0..3 {
                    table.optimizer.zero_grad();
                    let vectors = Numbers(step).tensor(&[4000, 13], Kind::Double);
                    table.backward(&Tensor::from_slice(&ids), &vectors, Layout::Sparse);
                    let options = StepOptions {
                        diagnostics: step == 2,
                        ..StepOptions::default()
                    };
                    let report = table.optimizer.step_with(options).unwrap();
                    assert!(report.clip_factor() < 1.0);
                }
                table
            });
            let apart = common::distance(&kernels.weight, &reference.weight);
            let bound = if kind == Kind::Double { 1e-14 } else { 2e-6 };
            assert!(apart < bound, "{rule:?} {kind:?}: {apart:e}");
            if kind == Kind::Double {
                assert_same_diagnostics(
                    kernels.optimizer.diagnostics(),
                    reference.optimizer.diagnostics(),
                );
            }
        }
    }
}

#[test]
fn gradients_of_one_id_are_added_up_before_the_rule() {
    for rule in rules() {
        for layout in LAYOUTS {
            let run = |ids: &[i64], vectors: &[f32]| {
                let mut table = Table::new(config(rule), &start());
                let vectors = Tensor::from_slice(vectors).reshape([-1, 4]);
                for _ in 0..3 {
                    table.optimizer.zero_grad();
                    table.backward(&Tensor::from_slice(ids), &vectors, layout);
                    table.optimizer.step().unwrap();
                }
                all(&table)
            };
            let twice = run(&[2, 2], &[1.0, -2.0, 0.5, 0.0, 2.0, 1.0, 0.25, 1.0]);
            assert!(twice == run(&[2], &[3.0, -1.0, 0.75, 1.0]), "{rule:?}");
            // In any order.
            let ids: [(&[i64], &[f32]); 2] = [
                (
                    &[4, 1, 4],
                    &[1., 0., 0., 1., 2., 2., 2., 2., 3., 1., 0., 0.],
                ),
                (
                    &[1, 4, 4],
                    &[2., 2., 2., 2., 3., 1., 0., 0., 1., 0., 0., 1.],
                ),
            ];
            let [one, other] = ids.map(|(ids, vectors)| run(ids, vectors));
            assert!(one == other, "{rule:?} {layout:?}");
        }
    }
}

#[test]
fn a_batch_without_ids_moves_nothing() {
    for rule in rules() {
        for layout in LAYOUTS {
            for free_steps in [0, 9] {
                let lawn = LawnConfig {
                    free_steps,
                    ..lawn(Granularity::Row, UntouchedRows::LeftAlone)
                };
                let mut table = Table::new(config(rule).with_lawn(lawn), &start());
                table.step(&[3, 4], 1, layout);
                let before = table.optimizer.state();
                let weight = table.weight.detach().copy();
                table.step(&[], 2, layout);
                assert!(table.weight.equal(&weight), "{rule:?} {layout:?}");
                let after = table.optimizer.state();
                for (entry, tensor) in &before.tensors {
                    let same = tensor.equal(&after.tensors[entry]);
                    // The step counts, as it does for PyTorch.
                    assert_eq!(same, entry != "updates/table", "{rule:?} {entry}");
                }
            }
        }
    }
}

#[test]
fn a_lazy_rule_leaves_rows_without_a_gradient_alone() {
    let constraints = [
        None,
        Some(lawn(Granularity::Layer, UntouchedRows::Constrained)),
        Some(lawn(Granularity::Row, UntouchedRows::Constrained)),
    ];
    for rule in lazy() {
        for constraint in &constraints {
            let decay = match constraint {
                Some(_) => WeightDecay::None,
                None => WeightDecay::Decoupled { rate: 0.1 },
            };
            let config = OptimizerConfig {
                decay,
                lawn: constraint.clone(),
                ..config(rule)
            };
            for layout in LAYOUTS {
                let mut table = Table::new(config.clone(), &start());
                table.step(&[2, 6], 1, layout);
                table.step(&[2, 3], 2, layout);
                let (weight, moment) = (table.row("weight", 6), table.row(buffer(&rule), 6));
                let never = table.row("weight", 0);
                for seed in 3..8 {
                    table.step(&[2, 3], seed, layout);
                }
                let what = format!("{rule:?} {constraint:?} {layout:?}");
                assert!(table.row("weight", 0).equal(&never), "{what}");
                assert!(table.row("weight", 0).equal(&start().get(0)), "{what}");
                assert!(table.row("weight", 6).equal(&weight), "{what}");
                assert!(table.row(buffer(&rule), 6).equal(&moment), "{what}");
                assert!(!table.row("weight", 2).equal(&start().get(2)), "{what}");
            }
            let table = Table::new(config, &start());
            let reason = &table.optimizer.treatments()[0].reason;
            assert!(
                reason.ends_with("; rows without a gradient are left alone"),
                "{reason}"
            );
        }
    }
}

fn buffer(rule: &RuleConfig) -> &'static str {
    match rule {
        RuleConfig::LazyAdam(_) => "second_moment",
        _ => "sum_of_squares",
    }
}

/// By layer the radius couples all rows, seen or not; so it is a choice.
#[test]
fn rows_never_seen_are_left_alone_where_that_is_asked_for() {
    let adam: RuleConfig = AdamConfig::default().into();
    for granularity in [Granularity::Layer, Granularity::Row] {
        let run = |untouched| {
            let config = config(adam).with_lawn(lawn(granularity, untouched));
            let mut table = Table::new(config, &start());
            for seed in 0..40 {
                table.step(&[1, 2 + seed as i64 % 3], seed, Layout::Dense);
            }
            table
        };
        let left = run(UntouchedRows::LeftAlone);
        for never in [0, 5, 6, 7] {
            assert!(left.row("weight", never).equal(&start().get(never)));
        }
        let reason = &left.optimizer.treatments()[0].reason;
        assert!(
            reason.ends_with("; rows without a gradient are left alone from the freeze on"),
            "{reason}"
        );
        let state = left.optimizer.state();
        let norms = granularity.norm(&left.weight.detach());
        for (norm, radius) in values(&norms)
            .iter()
            .zip(values(&state.tensors["radius/table"]))
        {
            assert!((norm / radius - 1.0).abs() < 1e-6, "{norm} {radius}");
        }
        let moved = !run(UntouchedRows::Constrained).row("weight", 0).allclose(
            &start().get(0),
            1e-3,
            0.0,
            false,
        );
        assert_eq!(moved, granularity == Granularity::Layer);
    }
}

/// A table of the touched rows alone does the same step, constrained as well.
#[test]
fn the_rows_of_a_step_are_a_table_of_their_own() {
    let touched = [1i64, 4, 6];
    for rule in lazy() {
        for granularity in [Granularity::Layer, Granularity::Row] {
            let config = config(rule).with_lawn(lawn(granularity, UntouchedRows::Constrained));
            let part = start().index_select(0, &Tensor::from_slice(&touched));
            let mut small = Table::new(config.clone(), &part);
            let mut whole = Table::new(config, &start());
            for seed in 0..6 {
                small.step(&[0, 1, 2], seed, Layout::Dense);
                whole.step(&touched, seed, Layout::Sparse);
            }
            for (row, at) in touched.iter().enumerate() {
                let apart = (whole.row("weight", *at) - small.row("weight", row as i64)).abs();
                assert!(apart.max().double_value(&[]) < 1e-6, "{rule:?}");
            }
        }
    }
}

#[test]
fn a_row_of_zeros_loses_its_radius_and_a_batch_of_them_stays() {
    for granularity in [Granularity::Layer, Granularity::Row] {
        let weight = start();
        let config = config(LazyAdamConfig::default().into())
            .with_lawn(lawn(granularity, UntouchedRows::Constrained));
        let mut table = Table::new(config, &weight);
        for seed in 0..3 {
            table.step(&[1, 2], seed, Layout::Sparse);
        }
        let _ = tch::no_grad(|| table.weight.get(5).zero_());
        table.step(&[5], 4, Layout::Sparse);
        let moved = table
            .row("weight", 5)
            .abs()
            .sum(Kind::Float)
            .double_value(&[])
            > 0.0;
        // A row of its own is free from then on; as a part of a layer it has no way to turn.
        assert_eq!(moved, granularity == Granularity::Row);
        let free = i64::from(granularity == Granularity::Row);
        assert_eq!(table.optimizer.treatments()[0].free_units, free);
        assert_eq!(
            table.optimizer.treatments()[0].constraint,
            Constraint::Constrained
        );
    }
}

#[test]
fn what_would_move_the_other_rows_takes_no_sparse_gradient() {
    let momentum = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let lawn = LawnConfig {
        free_steps: 0,
        ..lawn(Granularity::Row, UntouchedRows::Constrained)
    };
    let l2 = WeightDecay::L2 { rate: 0.1 };
    let sgd = config(SgdConfig::default().into());
    let adagrad = config(AdagradConfig::default().into());
    for config in [
        config(AdamConfig::default().into()),
        config(momentum.into()),
        sgd.with_decay(l2),
        adagrad.clone().with_decay(l2),
        adagrad.with_lawn(lawn),
    ] {
        let mut table = Table::new(config, &start());
        table.backward(
            &Tensor::from_slice(&[1i64]),
            &Tensor::ones([1, 4], (Kind::Float, Device::Cpu)),
            Layout::Sparse,
        );
        let before = all(&table);
        let error = table.optimizer.step().unwrap_err();
        assert!(matches!(&error, Error::SparseGradient { name, .. } if name == "table"));
        assert!(error.to_string().contains("lazy_adam"), "{error}");
        assert!(all(&table) == before);
    }
}

#[test]
fn rows_are_sparse_of_tables_only() {
    let (parameters, weights) = common::parameters(&[start()]);
    let config = config(LazyAdamConfig::default().into());
    let mut optimizer = config.build(parameters).unwrap();
    let ids = Tensor::from_slice(&[1i64]);
    let rows = Tensor::embedding(&weights[0], &ids, -1, false, true);
    rows.sum(Kind::Float).backward();
    let error = optimizer.step().unwrap_err().to_string();
    assert!(error.contains("it is no embedding table"), "{error}");
}

#[test]
fn a_row_whose_gradient_is_not_finite_skips_the_step() {
    for rule in rules() {
        for layout in LAYOUTS {
            let mut table = Table::new(config(rule), &start());
            table.step(&[1, 2], 1, layout);
            let (before, weight) = (table.optimizer.state(), table.weight.detach().copy());
            table.optimizer.zero_grad();
            let vectors = Tensor::from_slice(&[0.0, f64::NAN, 0.0, 0.0]).reshape([1, 4]);
            table.backward(&Tensor::from_slice(&[2i64]), &vectors, layout);
            assert!(table.optimizer.step().unwrap().skipped());
            assert!(table.weight.equal(&weight));
            let after = table.optimizer.state();
            for (entry, tensor) in &before.tensors {
                assert!(tensor.equal(&after.tensors[entry]), "{rule:?} {entry}");
            }
        }
    }
}

#[test]
fn a_resumed_run_of_a_lazy_rule_ends_with_the_same_bits() {
    for rule in lazy() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let config = OptimizerConfig {
                master_weights: true,
                ..config(rule).with_lawn(lawn(Granularity::Row, UntouchedRows::Constrained))
            };
            let new = || Table::new(config.clone(), &start().to_kind(kind));
            let mut whole = new();
            let step =
                |table: &mut Table, at: u64| table.step(&[at as i64 % 3, 5], at, Layout::Sparse);
            (0..4).for_each(|at| step(&mut whole, at));
            let state =
                State::from_bytes(&whole.optimizer.state().to_bytes().unwrap(), Device::Cpu);
            let (state, weight) = (state.unwrap(), whole.weight.detach().copy());
            (4..8).for_each(|at| step(&mut whole, at));
            let mut resumed = new();
            tch::no_grad(|| resumed.weight.copy_(&weight));
            resumed.optimizer.load_state(&state).unwrap();
            (4..8).for_each(|at| step(&mut resumed, at));
            assert!(all(&resumed) == all(&whole), "{rule:?} {kind:?}");
        }
    }
}

#[test]
fn row_wise_adagrad_keeps_one_number_a_row_of_tables_only() {
    let table = Table::new(config(RowwiseAdagradConfig::default().into()), &start());
    let mut state = table.optimizer.state();
    assert_eq!(state.tensors["sum_of_squares/table"].size(), [8, 1]);
    let mut fresh = Table::new(config(RowwiseAdagradConfig::default().into()), &start());
    state.tensors.insert("sum_of_squares/table".into(), start());
    let error = fresh.optimizer.load_state(&state).unwrap_err();
    assert!(matches!(error, Error::EntryShape { entry, .. } if entry == "sum_of_squares/table"));

    let (parameters, _) = common::parameters(&[start()]);
    let weights = config(RowwiseAdagradConfig::default().into()).build(parameters);
    let state = weights.unwrap().state();
    assert_eq!(state.tensors["sum_of_squares/p0"].size(), [8, 4]);
}

#[test]
fn diagnostics_are_of_the_whole_table() {
    for granularity in [Granularity::Layer, Granularity::Row] {
        let [dense, sparse] = LAYOUTS.map(|layout| {
            let rule = RuleConfig::from(LazyAdamConfig::default());
            let config = config(rule).with_lawn(lawn(granularity, UntouchedRows::Constrained));
            let mut table = Table::new(config, &start());
            let mut told = Vec::new();
            for step in 0..4u64 {
                table.optimizer.zero_grad();
                let vectors = Numbers(step).tensor(&[2, 4], Kind::Float);
                table.backward(&Tensor::from_slice(&[1i64, 3]), &vectors, layout);
                let diagnostics = true;
                let options = StepOptions {
                    diagnostics,
                    ..StepOptions::default()
                };
                let norm = table.weight.detach().norm().double_value(&[]);
                let report = table.optimizer.step_with(options).unwrap();
                let found = table.optimizer.diagnostics().to_vec();
                let total = |f: fn(&lawn_core::Diagnostics) -> f64| {
                    found.iter().map(|one| f(one).powi(2)).sum::<f64>().sqrt()
                };
                assert!((total(|one| one.weight_norm) / norm - 1.0).abs() < 1e-6);
                let gradient = report.gradient_norm();
                assert!((total(|one| one.gradient_norm) / gradient - 1.0).abs() < 1e-12);
                told.extend(found);
            }
            told
        });
        assert_eq!(dense, sparse);
        let units = if granularity == Granularity::Row {
            8
        } else {
            1
        };
        assert_eq!(dense.len(), 1 + 1 + 2 * units);
    }
}

/// Positions of a transformer are added to every sample; they are no rows that ids look up.
#[test]
fn only_a_table_is_updated_by_row() {
    let weight = Numbers(1)
        .tensor(&[1, 3, 4], Kind::Float)
        .set_requires_grad(true);
    let one = lawn_core::Parameter {
        name: "pos_embed".into(),
        role: Role::Embedding,
        tensor: weight.shallow_clone(),
    };
    let parameters = lawn_core::Parameters::new(vec![one]).unwrap();
    let optimizer = config(RowwiseAdagradConfig::default().into()).build(parameters);
    let state = optimizer.unwrap().state();
    assert_eq!(state.tensors["sum_of_squares/pos_embed"].size(), [1, 3, 4]);
}
