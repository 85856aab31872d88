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
        said.contains("is ranked among 99 negatives that are drawn"),
        "{said}"
    );
    let expected =
        "user is column \"userId\", item \"movieId\", rating \"rating\", time \"timestamp\"\n";
    assert!(said.starts_with(expected), "{said}");
    // The negatives of their code are those of a file.
    let named = json!({ "protocol": { "name": "he-2017" } });
    let error = look(root.path(), &named).unwrap_err();
    assert!(
        error.contains("ratings in one file") && error.contains("he-2017"),
        "{error}"
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
fn items_of_test_alone_are_left_out_or_refused_and_never_drawn() {
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
    let refuse = json!({ "protocol": { "unseen": "refuse" } });
    let error = look(root.path(), &refuse).unwrap_err();
    assert!(
        error.contains("found item 1000 held out for the test")
            && error.contains("protocol.unseen = \"drop\"")
            && error.contains("such are 2 of 60"),
        "{error}"
    );
    let alone = "2 of 60 held-out interactions are of items that the file has no other interaction of: \
                 left out";
    let unseen = "2 of 60 held-out interactions are of items without a train interaction: left out";
    for (more, expected) in [(&json!({}), alone), (&drop, unseen)] {
        let said = look(root.path(), more).unwrap();
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("each of 58 test interactions"), "{said}");
    }
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
fn what_columns_are_read_as_is_said() {
    let files = Files::new(99);
    let with = |header: &str, more: &str| {
        let root = tempfile::tempdir().unwrap();
        let pairs = files.train.iter().chain(&files.test).enumerate();
        let lines = pairs.map(|(time, [user, item])| {
            format!("{user},{item},{}\n", more.replace('T', &time.to_string()))
        });
        put(
            root.path(),
            "csv",
            (header.to_owned() + &lines.collect::<String>()).as_bytes(),
        );
        root
    };
    let labelled = with("user,item,label,timestamp\n", "1,T");
    for (root, expected) in [
        (
            &labelled,
            "user is column \"user\", item \"item\", time \"timestamp\"; no column is a rating: each \
             line is a positive; not read: \"label\"; raw.columns says what a column is",
        ),
        (
            &with("user,item,stars,date\n", "1,2020-01-01"),
            "user is column \"user\", item \"item\"; no column is a rating: each line is a positive; \
             no column is a time: later lines count as later; not read: \"stars\", \"date\"",
        ),
        (
            &with("", "97830T"),
            "the file has no header: user is column 1, item 2, rating 3; no column is a time: later \
             lines count as later",
        ),
    ] {
        let said = look(root.path(), &json!({})).unwrap();
        assert!(said.contains(expected), "{said}");
    }
    // A threshold of ratings that there are none of, and of those that a name makes some.
    let above = json!({ "rating_above": 3 });
    let error = look(labelled.path(), &above).unwrap_err();
    assert!(
        error.contains("no column of ratings beside rating_above = 3")
            && error.contains("raw.columns.rating"),
        "{error}"
    );
    let named = json!({ "rating_above": 0.5, "raw": { "columns": { "rating": "label" } } });
    look(labelled.path(), &named).unwrap();
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
    // What they have seen is ranked where other items are held out.
    assert!(!look(root.path(), &more).unwrap().contains("pretrained"));
    let mut other = more.clone();
    other["validation"] = json!("latest");
    let said = look(root.path(), &other).unwrap();
    for part in ["gmf", "mlp"] {
        let expected = format!("pretrained.{part} was trained with other items held out");
        assert!(said.contains(&expected), "{said}");
    }
    let absent = json!({ "model": "neumf", "pretrained": { "gmf": "a", "mlp": weights("mlp") } });
    let error = look(root.path(), &absent).unwrap_err();
    assert!(
        error.contains("a: found no file, expected the weights that pretrained.gmf names"),
        "{error}"
    );
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
            json!({ "init_from": "c", "pretrained": { "gmf": "a", "mlp": "b" } }),
            "init_from",
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
    // Each value has its reason.
    for (cutoffs, reason) in [
        (
            json!([10, 10]),
            "is [10, 10], allowed is one or more numbers, each once",
        ),
        (
            json!([]),
            "is [], allowed is one or more numbers, each once",
        ),
        (
            json!([100]),
            "numbers from 1 to 99: with more, each of 99 + 1 candidates is a hit",
        ),
    ] {
        let table = json!({ "protocol": { "cutoffs": cutoffs } });
        let error = TaskConfig::from_table("ncf", table).unwrap().validate();
        let error = error.unwrap_err().to_string();
        assert!(error.ends_with(reason), "{error}");
    }
    let root = Files::new(99).root();
    let error = look(root.path(), &json!({ "raw": { "core": 5 } })).unwrap_err();
    assert!(error.contains("the table `raw`"), "{error}");
}

/// Ten columns in place of a hundred, in one line of sixty; and in the first, by which the others go.
#[test]
fn a_line_with_another_number_of_negatives_is_named() {
    for (short, said) in [
        (
            6,
            "set.test.negative:7: found 10 tab-separated columns, expected a pair and 99 negative \
             items, as in line 1",
        ),
        (
            0,
            "set.test.negative:2: found 100 tab-separated columns, expected a pair and 9 negative \
             items, as in line 1",
        ),
    ] {
        let mut files = Files::new(99);
        files.negatives[short].truncate(9);
        let root = files.root();
        let error = look(root.path(), &json!({})).unwrap_err();
        assert!(error.ends_with(said), "{error}");
        // A tuning trial knows nothing of it; one that is tested refuses it, too.
        train(root.path(), &json!({}), Stage::Tune).unwrap();
        assert_eq!(
            train(root.path(), &json!({}), Stage::Confirm).unwrap_err(),
            error
        );
    }
}
