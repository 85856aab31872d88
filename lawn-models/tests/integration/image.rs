//! What an image task adds to training: layout, label smoothing, metrics.

use crate::common;
use lawn_models::{
    Amount, Device, OptimizerSettings, Precision, RuleName, Split, TrialConfig, TrialEnd,
};
use serde_json::json;

use crate::common::{Recorder, finish, image, run, timeless, trial};

fn with(changes: serde_json::Value) -> TrialConfig {
    let mut table = image();
    for (key, value) in changes.as_object().unwrap() {
        table[key] = value.clone();
    }
    trial("image", table)
}

#[test]
fn channels_last_changes_rounding_only() {
    let (_, contiguous) = finish(&with(json!({})));
    let (_, last) = finish(&with(json!({ "channels_last": true })));
    let (one, other) = (&contiguous.records[0], &last.records[0]);
    for (what, one, other) in [
        ("train loss", one.train_loss, other.train_loss),
        ("gradient norm", one.gradient_norm, other.gradient_norm),
        ("weight norm", one.weight_norm, other.weight_norm),
    ] {
        assert!(
            (one / other - 1.0).abs() < 1e-3,
            "{what}: {one} and {other}"
        );
    }
}

#[test]
fn channels_last_trains_in_half_precision_to_the_same_bits_twice() {
    let config = TrialConfig {
        precision: Precision::Bf16,
        ..with(json!({ "channels_last": true }))
    };
    assert_eq!(finish(&config).0, finish(&config).0);
}

/// A net that answers nothing, as at the start, loses ln C whatever targets are; a sure one loses
/// more, the more they are smoothed.
#[test]
fn smoothed_targets_keep_logits_small() {
    let (_, sharp) = finish(&with(json!({})));
    let (_, smooth) = finish(&with(json!({ "label_smoothing": 0.3 })));
    let last = |recorder: &common::Recorder| recorder.records.last().unwrap().logit_mean_abs;
    assert!(last(&smooth) < last(&sharp));
}

#[test]
fn five_answers_hold_more_than_one() {
    let sizes = json!({ "classes": 8, "side": 8, "train": 160, "test": 80, "noise": 0.6 });
    let (summary, _) = finish(&with(json!({ "generated": sizes })));
    let value = |metric: &str| {
        let found = summary
            .measurements
            .iter()
            .find(|one| one.split == Split::Test && one.metric == metric);
        found.unwrap().value
    };
    assert!(value("top-5") > value("top-1"));
    assert!(value("top-5") < 1.0);
}

/// Partners are mixed whether or not they are in memory together: by one step, as later ones
/// multiply what rounding did.
#[test]
fn mixtures_are_the_same_in_parts_of_a_batch() {
    let step = |table| TrialConfig {
        optimizer: OptimizerSettings::new(RuleName::Sgd, 0.1),
        budget: Amount::Steps(1),
        ..with(table)
    };
    let whole = step(json!({ "mixup": 0.4 }));
    let parts = TrialConfig {
        micro_batch_size: Some(16),
        ..whole.clone()
    };
    let [whole, parts, plain] = [whole, parts, step(json!({}))].map(|config| {
        let record = &finish(&config).1.records[0];
        [record.train_loss, record.gradient_norm]
    });
    for (one, other) in whole.iter().zip(&parts) {
        assert!((one / other - 1.0).abs() < 1e-4, "{whole:?} and {parts:?}");
    }
    let changed = (whole[0] / plain[0] - 1.0).abs();
    assert!(changed > 1e-3, "{whole:?} and {plain:?}");
}

/// All that draws, averages or scales, stopped in the free phase, at the freeze, within an epoch
/// and at the end of one: the same records and the same weights, bit by bit.
#[test]
fn a_trial_with_everything_on_goes_on_to_the_same_bits() {
    let mut config = with(json!({
        "augment": true, "mixup": 0.2, "label_smoothing": 0.1, "channels_last": true,
    }));
    config.precision = Precision::F16;
    config.micro_batch_size = Some(16);
    config.optimizer.ema_decay = Some(0.9);
    let through = tempfile::tempdir().unwrap();
    let mut whole = Recorder::default();
    let end = run(&config, through.path(), &mut whole);
    assert!(matches!(end, TrialEnd::Finished(_)), "{end:?}");
    let per_epoch = whole.infos[0].steps_per_epoch;
    assert_eq!(per_epoch, 3);

    let folder = tempfile::tempdir().unwrap();
    let mut records = Vec::new();
    for stop in [1, per_epoch, 2 * per_epoch - 1] {
        let mut part = Recorder {
            stop_at: Some(stop),
            ..Recorder::default()
        };
        run(&config, folder.path(), &mut part);
        records.extend(part.records);
    }
    let mut rest = Recorder::default();
    assert_eq!(run(&config, folder.path(), &mut rest), end);
    records.extend(rest.records);
    let timeless = |records: &[_]| records.iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(timeless(&records), timeless(&whole.records));
    let [one, other] = [&through, &folder].map(|folder| {
        let file = folder.path().join("model.safetensors");
        lawn_core::State::load(file, Device::Cpu).unwrap()
    });
    assert_eq!(one.tensors, other.tensors);
}

#[test]
fn what_is_off_is_not_written() {
    let text = serde_json::to_string(&with(json!({}))).unwrap();
    assert!(
        ["label_smoothing", "mixup", "channels_last"]
            .iter()
            .all(|key| !text.contains(key))
    );
}
