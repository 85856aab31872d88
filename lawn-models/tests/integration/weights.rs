//! Weights that a trial begins with and leaves, and what is dropped of them on the way.

use crate::common;
use std::path::Path;

use crate::common::{Recorder, both, finish, image, run, trial};
use lawn_models::{
    Amount, Device, EvaluationRecord, OptimizerSettings, RuleName, Split, Stage, TaskConfig,
    TrialConfig, TrialContext, TrialEnd, TrialError, run_trial,
};
use serde_json::{Value, json};

/// The weights beside a checkpoint, by file.
fn kept(folder: &Path) -> [lawn_core::State; 2] {
    ["model.safetensors", "model.best.safetensors"].map(|name| {
        let path = folder.join(name);
        lawn_core::State::load(path, Device::Cpu).unwrap()
    })
}

#[test]
fn a_confirmation_keeps_the_weights_that_it_tested_and_the_best() {
    for config in both() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::default();
        let TrialEnd::Finished(summary) = run(&config, folder.path(), &mut recorder) else {
            panic!("it ends");
        };
        let [last, best] = kept(folder.path());
        let primary = config.task.metrics().primary;
        let value = |record: &EvaluationRecord| {
            let mut all = record.measurements.iter();
            let found = all.find(|one| one.split == Split::Validation && one.metric == primary);
            found.unwrap().value
        };
        assert_eq!(last.metadata["step"], summary.steps.to_string());
        let most = recorder.records.iter().map(value).fold(f64::MIN, f64::max);
        assert_eq!(best.metadata["value"], most.to_string());
        let first = recorder.records.iter().find(|record| value(record) == most);
        assert_eq!(best.metadata["step"], first.unwrap().step.to_string());
        // The whole net, and nothing of the optimizer.
        assert!(
            last.tensors.keys().all(|name| !name.contains('/')),
            "{:?}",
            last.tensors
        );
        assert!(last.tensors.len() >= recorder.records[0].units.len());
        let norm = last
            .tensors
            .values()
            .filter(|one| one.kind() == tch::Kind::Float);
        assert!(norm.count() > 2);

        // A trial that is stopped and goes on leaves the same.
        let folder = tempfile::tempdir().unwrap();
        let middle = recorder.records[1].step + 1;
        let mut stopped = Recorder {
            stop_at: Some(middle),
            ..Recorder::default()
        };
        run(&config, folder.path(), &mut stopped);
        run(&config, folder.path(), &mut Recorder::default());
        for (one, other) in kept(folder.path()).iter().zip([&last, &best]) {
            assert_eq!(one.metadata, other.metadata);
            assert_eq!(one.tensors, other.tensors);
        }

        // One that is not to keep them leaves none.
        let folder = tempfile::tempdir().unwrap();
        let context = TrialContext {
            keep_weights: false,
            ..common::context(folder.path())
        };
        run_trial(&config, &context, &mut Recorder::default()).unwrap();
        assert!(!folder.path().join("model.safetensors").exists());
        assert!(!folder.path().join("model.best.safetensors").exists());

        // One that tunes leaves none.
        let folder = tempfile::tempdir().unwrap();
        let tuned = TrialConfig {
            stage: Stage::Tune,
            ..config
        };
        run(&tuned, folder.path(), &mut Recorder::default());
        assert!(!folder.path().join("model.safetensors").exists());
        assert!(!folder.path().join("model.best.safetensors").exists());
    }
}

/// Where the moving average is what is tested, it is what is kept.
#[test]
fn what_is_kept_is_the_average_where_that_is_tested() {
    let plain = trial("image", image());
    let averaged = TrialConfig {
        optimizer: OptimizerSettings {
            ema_decay: Some(0.9),
            ..plain.optimizer.clone()
        },
        ..plain.clone()
    };
    let [plain, averaged] = [plain, averaged].map(|config| {
        let folder = tempfile::tempdir().unwrap();
        run(&config, folder.path(), &mut Recorder::default());
        let [last, _] = kept(folder.path());
        last.tensors["output.weight"].shallow_clone()
    });
    // The weights that are trained are the same in both.
    assert_ne!(plain, averaged);
}

#[test]
fn a_trial_begins_with_the_weights_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let first = trial("image", image());
    run(&first, folder.path(), &mut Recorder::default());
    let file = folder.path().join("model.safetensors");
    let with = |change: Value| {
        let mut table = image();
        table["init_from"] = json!(file);
        for (key, value) in change.as_object().unwrap() {
            table[key] = value.clone();
        }
        TrialConfig {
            budget: Amount::Epochs(2),
            ..trial("image", table)
        }
    };
    let going_on = with(json!({}));
    assert!(going_on.task.needs_data_root());
    let root = folder.path();
    assert_eq!(
        lawn_models::train_files(&going_on.task, root).unwrap(),
        std::slice::from_ref(&file)
    );
    let info = lawn_models::dry_run(&going_on, Some(root)).unwrap();
    assert!(info.steps > 0);
    let loss = |config: &TrialConfig| {
        let folder = tempfile::tempdir().unwrap();
        match run(config, folder.path(), &mut Recorder::default()) {
            TrialEnd::Finished(summary) => summary.train_loss,
            other => panic!("{other:?}"),
        }
    };
    let anew = TrialConfig {
        budget: Amount::Epochs(2),
        ..first
    };
    let (of_file, of_seed) = (loss(&going_on), loss(&anew));
    assert!(of_file < 0.8 * of_seed, "{of_file} and {of_seed}");

    let error = lawn_models::dry_run(&with(json!({ "depth": 14 })), Some(root)).unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(error, TrialError::Weights(_))
            && said.contains("missing: `stage1.block2.conv1.weight`"),
        "{said}"
    );
}

/// Steps that are smaller than any rounding leave what a trial begins with: its metrics are those
/// that the weights were tested with.
#[test]
fn recommenders_begin_with_the_weights_of_a_file() {
    let clicks = json!({
        "model": { "name": "dcn_v2", "width": 4, "cross_layers": 2, "layers": [8] },
        "generated": { "rows": 1_500, "columns": 4, "vocabulary": 16 },
    });
    for (kind, table, other) in [
        ("ncf", common::ncf(), json!({ "layers": [64, 8] })),
        (
            "ctr",
            clicks,
            json!({ "model": { "name": "dcn_v2", "width": 8, "cross_layers": 2, "layers": [8] } }),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let first = trial(kind, table.clone());
        let TrialEnd::Finished(left) = run(&first, folder.path(), &mut Recorder::default()) else {
            panic!("it ends");
        };
        let with = |change: &Value| {
            let mut table = table.clone();
            table["init_from"] = json!("model.safetensors");
            for (key, value) in change.as_object().unwrap() {
                table[key] = value.clone();
            }
            TrialConfig {
                optimizer: OptimizerSettings::new(RuleName::Sgd, 1e-30),
                budget: Amount::Epochs(1),
                seed: 77,
                ..trial(kind, table)
            }
        };
        let going_on = with(&json!({}));
        assert!(going_on.task.needs_data_root());
        let root = Some(folder.path());
        let own = tempfile::tempdir().unwrap();
        let context = TrialContext {
            data_root: root.map(Path::to_owned),
            ..common::context(own.path())
        };
        let end = run_trial(&going_on, &context, &mut Recorder::default()).unwrap();
        let TrialEnd::Finished(found) = end else {
            panic!("it ends");
        };
        for split in [Split::Validation, Split::Test] {
            let of = |summary: &lawn_models::TrialSummary| -> Vec<f64> {
                let all = summary.measurements.iter();
                let own = all.filter(|one| one.split == split);
                own.map(|one| one.value).collect()
            };
            assert!(!of(&found).is_empty());
            assert_eq!(of(&found), of(&left), "{kind}: {split:?}");
        }
        // Other items or rows held out have been seen.
        let permit_of = |config: &TrialConfig| lawn_models::survey(&config.task, root);
        let said = permit_of(&going_on).unwrap().join("\n");
        assert!(!said.contains("init_from"), "{said}");
        let changed = match kind {
            "ncf" => json!({ "validation": "latest" }),
            _ => json!({ "split": "random" }),
        };
        let said = permit_of(&with(&changed)).unwrap().join("\n");
        assert!(said.contains("init_from was trained with other"), "{said}");

        let error = lawn_models::dry_run(&with(&other), root).unwrap_err();
        let said = error.to_string();
        assert!(
            matches!(error, TrialError::Weights(_)) && said.contains("do not fit the model"),
            "{said}"
        );
    }
}

/// Dropout and stochastic depth draw by the number of a sample: neither parts of a batch nor
/// a stop change what is dropped.
#[test]
fn what_is_dropped_depends_on_the_sample_alone() {
    let table = json!({
        "model": "vit_s_16", "dropout": 0.2, "drop_path": 0.3,
        "generated": { "classes": 3, "side": 16, "train": 30, "test": 6 },
    });
    let config = TrialConfig {
        batch_size: 8,
        budget: Amount::Epochs(1),
        optimizer: OptimizerSettings::new(RuleName::Sgd, 1e-2),
        stage: Stage::Tune,
        ..trial("image", table.clone())
    };
    let loss = |config: &TrialConfig| finish(config).0.train_loss;
    let whole = loss(&config);
    let in_parts = loss(&TrialConfig {
        micro_batch_size: Some(3),
        ..config.clone()
    });
    assert!(
        (in_parts / whole - 1.0).abs() < 1e-5,
        "{in_parts} and {whole}"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Recorder {
        stop_at: Some(2),
        ..Recorder::default()
    };
    run(&config, folder.path(), &mut stopped);
    match run(&config, folder.path(), &mut Recorder::default()) {
        TrialEnd::Finished(summary) => assert_eq!(summary.train_loss, whole),
        other => panic!("{other:?}"),
    }
    let mut without = table;
    without["dropout"] = json!(0.0);
    without["drop_path"] = json!(0.0);
    let task = TaskConfig::from_table("image", without).unwrap();
    let undropped = loss(&TrialConfig { task, ..config });
    assert!(
        (undropped / whole - 1.0).abs() > 1e-3,
        "{undropped} and {whole}"
    );
}
