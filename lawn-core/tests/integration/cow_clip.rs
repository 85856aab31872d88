//! CowClip: what it is for, and where its counts come from. Its equation is held by

//! `tests/integration/embeddings_goldens.rs`.

use crate::common;
use crate::common::table::{LAYOUTS, Layout, Table, start};
use crate::common::{Numbers, everything, values};
use lawn_core::{
    AdamConfig, CowClipConfig, Error, OptimizerConfig, Parameter, Parameters, Role, RuleConfig,
    Schedule, SgdConfig, StepOptions,
};
use tch::{Device, Kind, Tensor};

fn config() -> OptimizerConfig {
    let sgd = RuleConfig::from(SgdConfig::default());
    OptimizerConfig::new(sgd, Schedule::constant(1.0)).with_cow_clip(CowClipConfig {
        ratio: 0.5,
        zeta: 0.25,
    })
}

fn ones(ids: i64) -> Tensor {
    Tensor::ones([ids, 4], (Kind::Float, Device::Cpu))
}

#[test]
fn a_row_moves_by_as_much_as_its_length_and_its_count_allow() {
    for layout in LAYOUTS {
        let weight = Tensor::from_slice(&[0f32, 0., 0., 0., 3., 4., 0., 0., 0.1, 0., 0., 0.]);
        let mut table = Table::new(config(), &weight.reshape([3, 4]));
        let ids = Tensor::from_slice(&[0i64, 1, 1, 1, 2, 2]);
        table.optimizer.count_rows("table", &ids).unwrap();
        table.backward(&ids, &(ones(6) * 10.0), layout);
        let before = table.weight.detach().copy();
        table.optimizer.step().unwrap();
        let moved = (&before - &table.weight)
            .detach()
            .norm_scalaropt_dim(2, 1i64, false);
        // r · max(‖w‖, ζ) · count: 0.5 · 0.25 · 1, 0.5 · 5 · 3, 0.5 · 0.25 · 2.
        for (found, expected) in values(&moved).iter().zip([0.125, 7.5, 0.25]) {
            assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
        }
    }
}

#[test]
fn the_scale_of_the_gradients_changes_nothing() {
    for layout in LAYOUTS {
        let run = |scale: f64| {
            let mut table = Table::new(config(), &start());
            let ids = Tensor::from_slice(&[0i64, 1, 1, 2]);
            table.optimizer.count_rows("table", &ids).unwrap();
            let vectors = Numbers(5).tensor(&[4, 4], Kind::Float);
            table.backward(&ids, &(vectors * scale), layout);
            let options = StepOptions {
                gradient_scale: scale,
                ..StepOptions::default()
            };
            table.optimizer.step_with(options).unwrap();
            table.weight.detach().copy()
        };
        assert!(run(1.0).equal(&run(1024.0)));
        assert!(!run(1.0).equal(&start()));
    }
}

#[test]
fn micro_batches_tell_their_ids_one_after_the_other() {
    let run = |parts: &[&[i64]]| {
        let mut table = Table::new(config(), &start());
        for ids in parts {
            let ids = Tensor::from_slice(ids);
            table.optimizer.count_rows("table", &ids).unwrap();
            table.backward(&ids, &ones(ids.numel() as i64), Layout::Sparse);
        }
        table.optimizer.step().unwrap();
        table.weight.detach().copy()
    };
    assert!(run(&[&[1, 2, 1, 5]]).equal(&run(&[&[1, 2], &[], &[1, 5]])));
}

#[test]
fn a_step_whose_ids_were_not_told_is_refused_and_ids_are_of_one_step() {
    let mut table = Table::new(config(), &start());
    let ids = Tensor::from_slice(&[0i64, 1]);
    for layout in LAYOUTS {
        table.optimizer.count_rows("table", &ids).unwrap();
        table.optimizer.zero_grad();
        table.backward(&ids, &ones(2), layout);
        for after in ["zero_grad", "a step"] {
            let before = everything(&table.optimizer, std::slice::from_ref(&table.weight));
            let error = table.optimizer.step().unwrap_err();
            assert!(matches!(&error, Error::NoRowCounts { name } if name == "table"));
            assert!(error.to_string().contains("count_rows"), "{after}: {error}");
            assert!(before == everything(&table.optimizer, std::slice::from_ref(&table.weight)));
            table.optimizer.count_rows("table", &ids).unwrap();
            table.optimizer.step().unwrap();
        }
    }
}

#[test]
fn gradients_are_not_written_to() {
    for layout in LAYOUTS {
        let mut table = Table::new(config(), &start());
        let ids = Tensor::from_slice(&[0i64, 1, 1]);
        table.optimizer.count_rows("table", &ids).unwrap();
        table.backward(&ids, &(ones(3) * 100.0), layout);
        let dense = |table: &Table| table.weight.grad().to_dense(None::<Kind>, false).copy();
        let before = dense(&table);
        table.optimizer.step().unwrap();
        assert!(dense(&table).equal(&before));
    }
}

/// Linear terms are tables of one column; everything else is no table.
#[test]
fn only_tables_of_more_than_one_column_are_clipped() {
    let shapes: [(&str, &[i64], Role); 3] = [
        ("linear", &[6, 1], Role::Embedding),
        ("weight", &[6, 4], Role::Weight),
        ("bias", &[4], Role::Bias),
    ];
    let tensors = shapes.map(|(_, shape, _)| {
        Numbers(1)
            .tensor(shape, Kind::Float)
            .set_requires_grad(true)
    });
    let parameters = shapes
        .iter()
        .zip(&tensors)
        .map(|((name, _, role), tensor)| Parameter {
            name: (*name).into(),
            role: *role,
            tensor: tensor.shallow_clone(),
        });
    let parameters = Parameters::new(parameters.collect()).unwrap();
    let mut optimizer = config().build(parameters).unwrap();
    let before = tensors.each_ref().map(|tensor| tensor.detach().copy());
    for tensor in &tensors {
        (tensor * 100.0).sum(Kind::Float).backward();
    }
    optimizer.step().unwrap();
    for (before, after) in before.iter().zip(&tensors) {
        assert!((before - after - 100.0).abs().max().double_value(&[]) < 1e-4);
    }
}

#[test]
fn ids_that_are_not_of_the_table_are_named() {
    let mut table = Table::new(config(), &start());
    let mut refused = |parameter: &str, ids: Tensor| {
        let error = table.optimizer.count_rows(parameter, &ids).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused("table", Tensor::from_slice(&[0i64, 8])),
        "ids of `table`: expected ids of at least 0 and below its 8 rows, found 8"
    );
    assert!(refused("table", Tensor::from_slice(&[0i64, -1])).ends_with("found -1"));
    assert!(refused("table", Tensor::from_slice(&[0.0f32])).ends_with("found Float"));
    let error = refused("tabel", Tensor::from_slice(&[0i64]));
    assert!(
        error.contains("`tabel`") && error.contains("one of `table`"),
        "{error}"
    );

    let (parameters, _) = common::parameters(&[start()]);
    let mut optimizer = config().build(parameters).unwrap();
    let error = optimizer
        .count_rows("p0", &Tensor::from_slice(&[0i64]))
        .unwrap_err();
    assert!(matches!(error, Error::RowIds { name, .. } if name == "p0"));
}

#[test]
fn what_cannot_clip_is_refused() {
    for (ratio, zeta, setting) in [
        (0.0, 1e-5, "cow_clip.ratio"),
        (f64::INFINITY, 1e-5, "cow_clip.ratio"),
        (1.0, 0.0, "cow_clip.zeta"),
        (1.0, f64::NAN, "cow_clip.zeta"),
    ] {
        let config = config().with_cow_clip(CowClipConfig { ratio, zeta });
        let (parameters, _) = common::parameters(&[start()]);
        let error = config.build(parameters).unwrap_err();
        assert!(matches!(error, Error::Setting { setting: s, .. } if s == setting));
    }
    let written = r#"{"rule": {"kind": "adam"}, "schedule": {"kind": "constant", "from": 0.1},
        "cow_clip": {}}"#;
    let read: OptimizerConfig = serde_json::from_str(written).unwrap();
    let defaults = CowClipConfig::default();
    assert_eq!(
        (read.cow_clip, read.rule),
        (Some(defaults), AdamConfig::default().into())
    );
    assert_eq!((defaults.ratio, defaults.zeta), (1.0, 1e-5));
}
