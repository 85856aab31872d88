use super::*;
use crate::data::clicks::Rows;
use crate::trial::Stage;

fn small() -> CtrConfig {
    CtrConfig {
        generated: Some(GeneratedClicks {
            rows: 30_000,
            ..GeneratedClicks::default()
        }),
        ..CtrConfig::default()
    }
}

#[test]
fn the_base_rate_is_the_click_rate_of_train() {
    let config = small();
    let floors = config.floors(None, None).unwrap();
    let source = config.source(None).unwrap();
    let clicks = config.clicks(&source).unwrap();
    let rate = |rows: Rows<'_>| {
        let clicks: f64 = rows.iter().map(|row| f64::from(row.label())).sum();
        clicks / rows.len() as f64
    };
    let (train, validation) = (rate(clicks.train()), rate(clicks.validation()));
    let expected = -validation * train.ln() - (1.0 - validation) * (1.0 - train).ln();
    let found = losses(&floors, Split::Validation)[0];
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
}

fn losses(floors: &[Floor], split: Split) -> Vec<f64> {
    let losses = floors.iter().map(|floor| {
        let mut all = floor.measurements.iter();
        all.find(|one| one.split == split && one.metric == "log_loss")
            .unwrap()
            .value
    });
    losses.collect()
}

#[test]
fn floors_are_in_order_and_only_a_permit_adds_the_test_split() {
    let floors = small().floors(None, None).unwrap();
    let names: Vec<&str> = floors.iter().map(|floor| floor.predictor).collect();
    assert_eq!(names, ["base-rate", "logistic-regression", "bayes"]);
    let of = |floors: &[Floor]| floors[0].measurements.iter().map(|one| one.split).collect();
    let splits: Vec<Split> = of(&floors);
    assert_eq!(splits, [Split::Validation; 4]);
    let permit = TestPermit::of(Stage::Confirm);
    let floors = small().floors(None, permit.as_ref()).unwrap();
    let splits: Vec<Split> = of(&floors);
    assert_eq!(splits[4..], [Split::Test; 4]);
    for split in [Split::Validation, Split::Test] {
        let losses = losses(&floors, split);
        // What is learned is worth something, and what pairs say is not seen by a line.
        assert!(losses[1] < losses[0] - 0.01, "{losses:?}");
        assert!(losses[2] < losses[1] - 0.05, "{losses:?}");
    }
}

#[test]
fn settings_that_do_not_go_together_are_named() {
    for (config, setting) in [
        (
            CtrConfig {
                split: ClickSplit::LastDay,
                ..CtrConfig::default()
            },
            "split",
        ),
        (
            CtrConfig {
                encoding: Some(ClickEncoding::default()),
                ..CtrConfig::default()
            },
            "encoding",
        ),
        (
            CtrConfig {
                test_rows: 5,
                ..CtrConfig::default()
            },
            "test_rows",
        ),
        (
            CtrConfig {
                split_seed: 5,
                ..CtrConfig::default()
            },
            "split_seed",
        ),
        (
            CtrConfig {
                data: "criteo".to_owned(),
                split: ClickSplit::LastDay,
                test_fraction: 0.2,
                ..CtrConfig::default()
            },
            "test_fraction",
        ),
        // Four numbers and eight columns of eight.
        (
            CtrConfig {
                model: CtrModelConfig::DcnV2(DcnV2Config {
                    width: 8,
                    rank: Some(69),
                    ..DcnV2Config::default()
                }),
                generated: Some(GeneratedClicks::default()),
                ..CtrConfig::default()
            },
            "model.rank",
        ),
        (
            CtrConfig {
                test_fraction: 1.0,
                ..CtrConfig::default()
            },
            "test_fraction",
        ),
        (
            CtrConfig {
                data: "criteo".to_owned(),
                encoding: Some(ClickEncoding {
                    hash_sizes: vec![10; 25],
                    ..ClickEncoding::default()
                }),
                ..CtrConfig::default()
            },
            "encoding.hash_sizes",
        ),
        (
            CtrConfig {
                data: "criteo".to_owned(),
                encoding: Some(ClickEncoding {
                    missing_integer: -2,
                    ..ClickEncoding::default()
                }),
                ..CtrConfig::default()
            },
            "encoding.missing_integer",
        ),
    ] {
        assert_eq!(config.validate().unwrap_err().setting(), setting);
    }
}

/// The id of a trial is a hash of this text.
#[test]
fn the_text_that_a_trial_is_known_by_stays() {
    let text = |table: serde_json::Value| {
        let task = crate::TaskConfig::from_table("ctr", table).unwrap();
        serde_json::to_value(&task).unwrap()
    };
    let mut made = text(serde_json::json!({}));
    assert_eq!(made["model"]["name"], "dcn_v2");
    made["model"] = serde_json::Value::Null;
    let rest = serde_json::json!({
        "kind": "ctr", "data": "generated", "model": null, "order": "shuffled",
        "split": "last", "test_fraction": 0.1, "validation_fraction": 0.1,
        "test_rows": 95_000_000, "split_seed": 0, "measured_rows": 1_000_000,
        "generated": {
            "rows": 200_000, "dense": 4, "columns": 8, "vocabulary": 64, "skew": 1.0,
            "click_rate": 0.25, "linear": 1.0, "interactions": 1.5, "factors": 2, "seed": 0,
        },
    });
    assert_eq!(made, rest);
    let read = text(serde_json::json!({ "data": "criteo" }));
    let encoding = serde_json::json!({
        "hash_size": 65_536, "missing_integer": -1, "bad_lines": "fail",
    });
    assert_eq!(read["encoding"], encoding);
    assert!(read.get("generated").is_none());
}
