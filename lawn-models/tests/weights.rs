//! Weights that a trial keeps and begins with.

mod common;

use std::path::Path;

use lawn_models::{
    Amount, Device, EvaluationRecord, Split, Stage, TrialConfig, TrialEnd, TrialError,
};
use serde_json::{Value, json};

use common::{Recorder, both, image, run, trial};

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
