//! What an image task adds to training: layout, label smoothing, metrics.

mod common;

use lawn_models::{Precision, Split, TrialConfig};
use serde_json::json;

use common::{finish, image, trial};

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

#[test]
fn what_is_off_is_not_written() {
    let text = serde_json::to_string(&with(json!({}))).unwrap();
    assert!(!text.contains("label_smoothing") && !text.contains("channels_last"));
}
