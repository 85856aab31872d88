//! Trials on rating files: how one file is split, which nets there are, and what applies to which.

use std::fmt::Write as _;
use std::fs;

use lawn_models::{Split, Stage, TaskConfig, TrialEnd, describe_data};
use serde_json::json;

use crate::common::ratings::{Files, look, put, task, train, train_in};

/// The same interactions with their held-out ones latest, as one file.
#[test]
fn one_file_is_split_and_trained_on() {
    let files = Files::new(99);
    let root = tempfile::tempdir().unwrap();
    let mut text = "userId,movieId,rating,timestamp\n".to_owned();
    for (time, [user, item]) in files.train.iter().chain(&files.test).enumerate() {
        let _ = writeln!(text, "{user},{},4.5,{time}", item * 10 + 3);
    }
    put(root.path(), "csv", text.as_bytes());
    let said = look(root.path(), &json!({})).unwrap();
    assert!(
        said.contains("150 items occur, with ids up to 1493"),
        "{said}"
    );
    assert!(
        said.contains("each of 60 test interactions is ranked among 99 negatives"),
        "{said}"
    );
    let TrialEnd::Finished(summary) = train(root.path(), &json!({}), Stage::Confirm).unwrap()
    else {
        panic!("it ends");
    };
    let test = summary
        .measurements
        .iter()
        .find(|one| one.split == Split::Test);
    assert_eq!(test.unwrap().total, Some(60));
    let set = describe_data(root.path()).unwrap().remove(0).unwrap();
    assert_eq!(set.kind, "ncf");
    assert!(
        set.counts.contains(&("train interactions".to_owned(), 600)),
        "{:?}",
        set.counts
    );
    let several = json!({
        "raw": { "test_ratio": 0.3, "core": 2 },
        "protocol": { "candidates": "all", "metrics": ["recall", "ndcg", "hr", "mrr"], "cutoffs": [10, 50] },
    });
    let TrialEnd::Finished(summary) = train(root.path(), &several, Stage::Confirm).unwrap() else {
        panic!("it ends");
    };
    let test = summary
        .measurements
        .iter()
        .filter(|one| one.split == Split::Test);
    let names: Vec<&str> = test.map(|one| one.metric.as_str()).collect();
    let expected = [
        "recall@10-all",
        "recall@50-all",
        "ndcg@10-all",
        "ndcg@50-all",
        "hr@10-all",
        "hr@50-all",
        "mrr-all",
    ];
    assert_eq!(names, expected);
    assert_eq!(task(&several).metrics().primary, "recall@10-all");
    let listed = json!({ "raw": { "test_ratio": 0.3 } });
    let error = look(root.path(), &listed).unwrap_err();
    assert!(
        error.contains("3 held-out interactions of user 0, expected one a user"),
        "{error}"
    );
}

/// The latest item of the first users, or of all, is nobody else's.
#[test]
fn items_of_test_alone_are_refused_or_left_out_and_never_drawn() {
    let files = Files::new(99);
    let root_with = |own: u64| {
        let root = tempfile::tempdir().unwrap();
        let pairs = files.train.iter().chain(&files.test).enumerate();
        let text = pairs.map(|(time, &[user, item])| {
            let is_own = time >= files.train.len() && user < own;
            let item = if is_own { 1_000 + user } else { item };
            format!("{user},{item},4.5,{time}\n")
        });
        put(root.path(), "csv", text.collect::<String>().as_bytes());
        root
    };
    let drop = json!({ "protocol": { "unseen": "drop" } });
    let root = root_with(2);
    let error = look(root.path(), &json!({})).unwrap_err();
    assert!(
        error.contains("found item 1000 held out for the test")
            && error.contains("protocol.unseen = \"drop\"")
            && error.contains("such are 2 of 60"),
        "{error}"
    );
    let said = look(root.path(), &drop).unwrap();
    let expected =
        "2 of 60 held-out interactions are of items without a train interaction: left out";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("each of 58 test interactions"), "{said}");
    let set = describe_data(root.path()).unwrap().remove(0).unwrap();
    assert!(
        set.counts.contains(&("items".to_owned(), 150)),
        "{:?}",
        set.counts
    );
    let root = root_with(60);
    let error = look(root.path(), &drop).unwrap_err();
    assert!(
        error.contains("found 60 held-out interactions, none of which is measured"),
        "{error}"
    );
    assert_eq!(
        train(root.path(), &drop, Stage::Confirm).unwrap_err(),
        error
    );
}

#[test]
fn every_net_trains_and_neumf_begins_with_two_of_them() {
    let root = Files::new(99).root();
    for more in [
        json!({ "model": "mf", "factors": 16 }),
        json!({ "model": "neumf", "dropout": 0.5, "factors": 4, "layers": [12, 10, 6] }),
        json!({ "model": "mf", "protocol": { "name": "he-2017" } }),
    ] {
        let end = train(root.path(), &more, Stage::Confirm).unwrap();
        assert!(matches!(end, TrialEnd::Finished(_)), "{more}");
    }
    // A confirmation leaves its weights beside its checkpoint.
    let kept = tempfile::tempdir().unwrap();
    for model in ["gmf", "mlp"] {
        let folder = kept.path().join(model);
        fs::create_dir(&folder).unwrap();
        let more = json!({ "model": model });
        train_in(&folder, root.path(), &more, Stage::Confirm).unwrap();
    }
    let weights = |model: &str| kept.path().join(model).join("model.safetensors");
    let more = json!({
        "model": "neumf",
        "pretrained": { "gmf": weights("gmf"), "mlp": weights("mlp"), "alpha": 0.5 },
    });
    let joined = train(root.path(), &more, Stage::Confirm).unwrap();
    assert_ne!(
        joined,
        train(root.path(), &json!({ "model": "neumf" }), Stage::Confirm).unwrap()
    );
    let wrong =
        json!({ "model": "neumf", "pretrained": { "gmf": weights("mlp"), "mlp": weights("mlp") } });
    let error = train(root.path(), &wrong, Stage::Confirm).unwrap_err();
    assert!(
        error.contains("do not fit the model") && error.contains("60 users and 150 items"),
        "{error}"
    );
}

#[test]
fn settings_that_do_not_apply_are_refused() {
    for (more, setting) in [
        (json!({ "model": "mf", "dropout": 0.5 }), "dropout"),
        (json!({ "dropout": 1.0 }), "dropout"),
        (
            json!({ "model": "mlp", "pretrained": { "gmf": "a", "mlp": "b" } }),
            "pretrained",
        ),
        (
            json!({ "pretrained": { "gmf": "a", "mlp": "b", "alpha": 2 } }),
            "pretrained.alpha",
        ),
        (json!({ "raw": { "core": 0 } }), "raw.core"),
        (json!({ "raw": { "test_ratio": 1.0 } }), "raw.test_ratio"),
        (
            json!({ "protocol": { "cutoffs": [100] } }),
            "protocol.cutoffs",
        ),
        (
            json!({ "protocol": { "name": "he-2017", "candidates": "all" } }),
            "protocol.candidates",
        ),
        (
            json!({ "protocol": { "name": "he-2017" }, "ties": "pessimistic" }),
            "ties",
        ),
    ] {
        let task = TaskConfig::from_table("ncf", more).unwrap();
        assert_eq!(task.validate().unwrap_err().setting(), setting);
    }
    let root = Files::new(99).root();
    let error = look(root.path(), &json!({ "raw": { "core": 5 } })).unwrap_err();
    assert!(error.contains("the table `raw`"), "{error}");
}
