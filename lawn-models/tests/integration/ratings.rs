//! Rating files as they come: what is read, what is counted and what is refused, and by which
//! protocol held-out interactions are measured.

use std::fs;
use std::path::Path;

use lawn_models::{Split, Stage, TrialEnd, describe_data, floors};
use serde_json::json;

use crate::common::ratings::{Files, ITEMS, floor, look, put, task, train};

#[test]
fn a_sound_set_says_its_protocol_alone() {
    let root = Files::new(99).root();
    let said = look(root.path(), &json!({})).unwrap();
    assert_eq!(
        said,
        "each of 60 test interactions is ranked among 99 negatives of its line, duplicates ranked \
         twice, ties at the middle: hr@10, ndcg@10"
    );
    let said = look(
        root.path(),
        &json!({ "protocol": { "candidates": "all", "cutoffs": [5, 20] } }),
    );
    assert!(
        said.unwrap()
            .contains("all 150 items but those of its user in train")
    );
}

#[test]
fn a_test_item_that_is_in_train_is_counted_and_refused_unless_asked_for() {
    let mut files = Files::new(99);
    for user in [3, 8] {
        files.train.push(files.test[user]);
    }
    let root = files.root();
    let error = look(root.path(), &json!({})).unwrap_err();
    assert!(
        error.contains("set.test.negative:4: item is \"31\""),
        "{error}"
    );
    assert!(
        error.contains("protocol.overlap") && error.contains("such are 2 of 60"),
        "{error}"
    );
    // A tuning trial knows nothing of it; one that is tested refuses it, too.
    train(root.path(), &json!({}), Stage::Tune).unwrap();
    assert_eq!(
        train(root.path(), &json!({}), Stage::Confirm).unwrap_err(),
        error
    );
    for (policy, becomes, cases) in [("keep", "measured", 60), ("drop", "left out", 58)] {
        let said = look(root.path(), &json!({ "protocol": { "overlap": policy } })).unwrap();
        let expected = format!("2 of 60 held-out interactions are in train, too: {becomes}");
        assert!(said.contains(&expected), "{said}");
        assert!(
            said.contains(&format!("each of {cases} test interactions")),
            "{said}"
        );
    }
}

/// Most popular ranks an item that does not occur below all others: easy negatives.
#[test]
fn ids_with_gaps_are_no_items() {
    let plain = Files::new(99).root();
    let expected = floor(plain.path(), &json!({}), "most-popular");
    for item in [
        |id| id * 1_000 + 1,
        |id| if id == 149 { 1_000_000_000 } else { id },
    ] {
        let root = Files::new(99).renamed(|id| id + 1, item).root();
        assert_eq!(floor(root.path(), &json!({}), "most-popular"), expected);
        let said = look(root.path(), &json!({})).unwrap();
        assert!(said.contains("150 items occur, with ids up to "), "{said}");
        assert!(said.contains("60 users occur, with ids up to 60"), "{said}");
        // Validation draws among those that occur.
        let validation = |root: &Path| floors(&task(&json!({})), Some(root), false).unwrap();
        let [one, other] = [plain.path(), root.path()].map(validation);
        assert_eq!(one, other);
        let set = describe_data(root.path()).unwrap().remove(0).unwrap();
        assert_eq!(set.counts[0], ("users".to_owned(), 60));
        assert!(
            set.counts.contains(&("items".to_owned(), 150)),
            "{:?}",
            set.counts
        );
        // The same bits, whatever the ids.
        let [one, other] = [plain.path(), root.path()]
            .map(|root| train(root, &json!({}), Stage::Confirm).unwrap());
        assert_eq!(one, other);
    }
    let root = Files::new(99).renamed(|id| id, |id| id * 1_000).root();
    let kept = floor(root.path(), &json!({ "ids": "kept" }), "most-popular");
    assert_eq!(kept, expected, "the negatives of the file are items");
    let said = look(root.path(), &json!({ "ids": "kept" })).unwrap();
    assert!(said.contains("they are kept"), "{said}");
}

#[test]
fn a_stray_id_is_refused_by_line_where_ids_are_kept() {
    let mut files = Files::new(99);
    files.train.insert(4, [0, 3_000_000_000]);
    let root = files.root();
    let error = look(root.path(), &json!({ "ids": "kept" })).unwrap_err();
    assert!(
        error.contains("set.train.rating:5: item is \"3000000000\""),
        "{error}"
    );
    look(root.path(), &json!({})).unwrap();
}

#[test]
fn floors_and_cutoffs_follow_the_number_of_negatives() {
    let nine = Files::new(9).root();
    let error = look(nine.path(), &json!({})).unwrap_err();
    assert!(
        error.contains("found 10 candidates") && error.contains("more than 10"),
        "{error}"
    );
    // Whoever looks at the test split is told so, not that each item is a hit.
    let of_floors = floors(&task(&json!({})), Some(nine.path()), true).unwrap_err();
    assert_eq!(of_floors.to_string(), error);
    let of_trial = train(nine.path(), &json!({}), Stage::Confirm).unwrap_err();
    assert_eq!(of_trial, error);
    let five = json!({ "protocol": { "cutoffs": [5] } });
    assert_eq!(floor(nine.path(), &five, "random"), 0.5);
    // One name for validation among 99 and test among nine would be two metrics.
    let error = look(nine.path(), &five).unwrap_err();
    assert!(
        error.contains("found 9 negatives of a test interaction, and 99 of one of validation")
            && error.contains("protocol.sampled = 9"),
        "{error}"
    );
    let five = json!({ "protocol": { "cutoffs": [5], "sampled": 9 } });
    let said = look(nine.path(), &five).unwrap();
    assert!(said.contains(": hr@5-s9, ndcg@5-s9"), "{said}");
    assert_eq!(floor(nine.path(), &five, "random"), 0.5);
    assert!(said.contains("has 9 negatives, not the usual 99"), "{said}");
    let fifty = Files::new(50).root();
    assert_eq!(floor(fifty.path(), &json!({}), "random"), 10.0 / 51.0);
    let sampled = json!({ "protocol": { "candidates": "sampled", "sampled": 19 } });
    assert_eq!(floor(fifty.path(), &sampled, "random"), 0.5);
}

#[test]
fn a_cutoff_that_each_candidate_reaches_is_refused_by_those_that_count() {
    // Of 150 items a user has met 10; of the negatives of user 5 eight are there once.
    let mut files = Files::new(99);
    let own = files.negatives[5][..8].to_vec();
    files.negatives[5] = own.into_iter().cycle().take(99).collect();
    let root = files.root();
    let with = |protocol: serde_json::Value| look(root.path(), &json!({ "protocol": protocol }));
    let all = |k: u32| with(json!({ "candidates": "all", "cutoffs": [5, k] }));
    let error = all(140).unwrap_err();
    assert!(error.contains("found 140 candidates"), "{error}");
    all(139).unwrap();
    with(json!({})).unwrap();
    let error = with(json!({ "duplicates": "masked" })).unwrap_err();
    assert!(
        error.contains("found 9 candidates for a held-out interaction of user 5"),
        "{error}"
    );
    with(json!({ "duplicates": "masked", "cutoffs": [8] })).unwrap();
}

#[test]
fn ratings_that_are_no_positives_are_left_out_and_counted() {
    let files = Files::new(99);
    let root = files.root();
    let path = root.path().join("set/set.train.rating");
    let text = fs::read_to_string(&path).unwrap();
    // Item 140 is nobody's.
    fs::write(&path, text + "0\t140\t0\t0\n1\t141\t-1\t0\n").unwrap();
    let said = look(root.path(), &json!({})).unwrap();
    assert!(said.contains("2 train ratings are not above 0"), "{said}");
    let path = root.path().join("set/set.test.rating");
    let tested = fs::read_to_string(&path).unwrap();
    fs::write(&path, tested.replacen("\t1\t", "\t0\t", 1)).unwrap();
    let said = look(root.path(), &json!({})).unwrap();
    let expected = "1 of 60 held-out interactions has a rating that is not above 0: left out";
    assert!(said.contains(expected), "{said}");
    fs::write(&path, tested).unwrap();
    let plain = train(files.root().path(), &json!({}), Stage::Tune).unwrap();
    assert_eq!(train(root.path(), &json!({}), Stage::Tune).unwrap(), plain);
    let all = train(root.path(), &json!({ "rating_above": -5.0 }), Stage::Tune).unwrap();
    assert_ne!(all, plain);
}

#[test]
fn who_occurs_in_test_alone_is_counted_or_refused() {
    let mut files = Files::new(99);
    // User 59 and the item of user 3 have no train interaction.
    files
        .train
        .retain(|&[user, item]| user != 59 && item != files.test[3][1]);
    let root = files.root();
    let kept = json!({ "ids": "kept", "protocol": { "unseen": "keep" } });
    let error = look(root.path(), &kept).unwrap_err();
    // Ids beyond the last of train have no row.
    assert!(
        error.contains(":60: user is \"59\", allowed is 0 to 58")
            && error.contains("protocol.unseen = \"drop\""),
        "{error}"
    );
    let said = look(root.path(), &json!({ "protocol": { "unseen": "drop" } })).unwrap();
    let expected =
        "1 of 60 held-out interactions is of a user without a train interaction: left out";
    assert!(said.contains(expected), "{said}");
    assert!(
        said.contains("negatives have no row and are left out"),
        "{said}"
    );
    // The item of user 3 lies among those of train, and the user behind them.
    let cold = look(root.path(), &json!({ "ids": "remapped" })).unwrap_err();
    assert!(
        cold.contains("set.test.negative:4: item is")
            && cold.contains("ids = \"kept\" and protocol.unseen = \"keep\" measure it")
            && cold.contains("which changes a published test split"),
        "{cold}"
    );
    let refused = look(root.path(), &json!({ "protocol": { "unseen": "refuse" } })).unwrap_err();
    assert!(
        refused.contains("set.test.negative:4: item is"),
        "{refused}"
    );
    assert!(refused.contains("protocol.unseen = \"drop\""), "{refused}");
}

#[test]
fn a_user_that_is_tested_twice_is_counted_or_refused() {
    let mut files = Files::new(99);
    files.test.push([7, 140]);
    files.negatives.push(files.negatives[7].clone());
    let root = files.root();
    let error = look(root.path(), &json!({})).unwrap_err();
    assert!(
        error.contains("set.test.negative:61: user is \"7\""),
        "{error}"
    );
    // Each would be first of its own list, and their gains twice the ideal one.
    let listed = json!({ "protocol": { "repeated": "keep" } });
    let error = look(root.path(), &listed).unwrap_err();
    assert!(
        error.contains("found 2 held-out interactions of user 7")
            && error.contains("protocol.candidates = \"all\""),
        "{error}"
    );
    assert_eq!(
        train(root.path(), &listed, Stage::Confirm).unwrap_err(),
        error
    );
    for (policy, candidates, cases) in [("keep", "all", 61), ("drop", "file", 60)] {
        let protocol = json!({ "repeated": policy, "candidates": candidates });
        let said = look(root.path(), &json!({ "protocol": protocol })).unwrap();
        assert!(
            said.contains(&format!("each of {cases} test interactions")),
            "{said}"
        );
        assert!(said.contains("1 of 61 held-out interactions is of a user that had one before"));
    }
    // One user with two items, not two users.
    let keep = json!({ "protocol": { "repeated": "keep", "candidates": "all" } });
    let TrialEnd::Finished(summary) = train(root.path(), &keep, Stage::Confirm).unwrap() else {
        panic!("it ends");
    };
    let test = summary
        .measurements
        .iter()
        .find(|one| one.split == Split::Test);
    assert_eq!(test.unwrap().total, Some(60));
    // One that is in train, too, is no candidate of the other.
    files.train.push([7, 140]);
    let overlap = json!({ "protocol": {
        "repeated": "keep", "candidates": "all", "overlap": "keep",
    } });
    let error = look(files.root().path(), &overlap).unwrap_err();
    assert!(
        error.contains("2 held-out interactions of user 7, of which item 140 is in train"),
        "{error}"
    );
}

/// As in 156 lines of MovieLens-1M.
#[test]
fn a_held_out_item_among_its_negatives_and_a_negative_twice_are_counted() {
    let mut files = Files::new(99);
    files.negatives[4][0] = files.test[4][1];
    files.negatives[9][0] = files.negatives[9][1];
    let root = files.root();
    for (duplicates, ranked) in [("kept", "ranked twice"), ("masked", "ranked once")] {
        let protocol = json!({ "protocol": { "duplicates": duplicates } });
        let said = look(root.path(), &protocol).unwrap();
        for expected in [
            "1 of 60 held-out interactions is among its own negatives",
            "1 negative stands twice in its line",
            ranked,
        ] {
            assert!(said.contains(expected), "{expected:?}: {said}");
        }
    }
}

#[test]
fn a_user_with_every_item_is_named_before_anything_trains() {
    let mut files = Files::new(99);
    files.train.extend((0..ITEMS).map(|item| [77, item]));
    let root = files.root();
    for protocol in [json!({}), json!({ "candidates": "all" })] {
        let error = look(root.path(), &json!({ "protocol": protocol })).unwrap_err();
        assert!(
            error.contains("0 items that user 77 has not met"),
            "{error}"
        );
    }
}

#[test]
fn other_encodings_are_read_or_named() {
    let files = Files::new(99);
    let plain = train(files.root().path(), &json!({}), Stage::Tune).unwrap();
    let root = files.root();
    let path = root.path().join("set/set.train.rating");
    let text = fs::read(&path).unwrap();
    let marked = [&b"\xef\xbb\xbf"[..], &text].concat();
    fs::write(&path, &marked).unwrap();
    assert_eq!(train(root.path(), &json!({}), Stage::Tune).unwrap(), plain);
    for (bytes, expected) in [
        (
            [b"user\titem\trating\ttime\n", &text[..]].concat(),
            "set.train.rating:1: user is \"user\", allowed is an integer from 0 to 18446744073709551614; files of this format have no header",
        ),
        (
            [b"0\tcaf\xe9\t1\t0\n", &text[..]].concat(),
            "set.train.rating:1: item is \"caf\\xe9\"",
        ),
        (
            text.iter().flat_map(|&byte| [byte, 0]).collect(),
            "the byte 0x00 at byte 1, as in UTF-16",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = look(root.path(), &json!({})).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &text).unwrap();
    put(root.path(), "train.rating.gz", &packed.finish().unwrap());
    assert_eq!(train(root.path(), &json!({}), Stage::Tune).unwrap(), plain);
}

/// The item of the last line is met by one user alone, who has it held out for validation.
#[test]
fn an_item_that_validation_takes_from_train_is_unseen() {
    let mut files = Files::new(99);
    files.train.push([0, ITEMS]);
    files.test[1][1] = ITEMS;
    let root = files.root();
    let latest = |unseen: &str| json!({ "validation": "latest", "protocol": { "unseen": unseen } });
    let said = look(root.path(), &latest("keep")).unwrap();
    for expected in [
        "1 of 60 held-out interactions is of an item without a train interaction: measured",
        "1 of 60 validation interactions is of an item without a train interaction: measured",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let said = look(root.path(), &latest("drop")).unwrap();
    assert!(said.contains("each of 59 test interactions"), "{said}");
    let error = look(root.path(), &latest("refuse")).unwrap_err();
    assert!(
        error.contains(
            "item is \"150\", allowed is an id with a train interaction that is not held"
        ),
        "{error}"
    );
    // It stays where another one of its user is the latest.
    files.train.rotate_right(1);
    let said = look(files.root().path(), &latest("keep")).unwrap();
    assert!(!said.contains("without a train interaction"), "{said}");
}

#[test]
fn lines_that_are_empty_or_repeated_or_too_long() {
    let files = Files::new(99);
    let plain = train(files.root().path(), &json!({}), Stage::Confirm).unwrap();
    let root = files.root();
    let path = |end: &str| root.path().join(format!("set/set.{end}"));
    let text = |end: &str| fs::read_to_string(path(end)).unwrap();
    let lines = ["train.rating", "test.rating", "test.negative"];
    for end in lines {
        let spaced = text(end).replacen('\n', "\n\n", 1) + "\n \n";
        fs::write(path(end), spaced).unwrap();
    }
    assert_eq!(
        train(root.path(), &json!({}), Stage::Confirm).unwrap(),
        plain
    );
    // What is wrong has the number of its line in the file.
    let sound = text("test.negative");
    fs::write(path("test.negative"), sound.replacen("(1,", "(7,", 1)).unwrap();
    let error = look(root.path(), &json!({})).unwrap_err();
    assert!(error.contains("set.test.negative:3: pair is"), "{error}");
    // A negative that is missing is one of its own line, and a tab at its end is none.
    fs::write(path("test.negative"), sound.replacen("\t", "\t\t", 1)).unwrap();
    let error = look(root.path(), &json!({})).unwrap_err();
    assert!(
        error.contains("set.test.negative:1: negative item is \"\""),
        "{error}"
    );
    fs::write(path("test.negative"), sound.replacen('\n', "\t\n", 1)).unwrap();
    look(root.path(), &json!({})).unwrap();
    let twice = text("train.rating") + "0\t1\t1\t0\n";
    fs::write(path("train.rating"), &twice).unwrap();
    let said = look(root.path(), &json!({})).unwrap();
    let expected = "1 train rating is of a pair that has a later one, and left out";
    assert!(said.contains(expected), "{said}");
    fs::write(path("train.rating"), twice + "0\t2\t1\t0\t9\n").unwrap();
    let error = look(root.path(), &json!({})).unwrap_err();
    assert!(
        error.contains("found 5 tab-separated columns, expected 4"),
        "{error}"
    );
}

#[test]
fn a_file_of_ratings_beside_the_three_is_named() {
    let root = Files::new(99).root();
    fs::write(root.path().join("set/ratings.csv"), "1,2\n").unwrap();
    let said = look(root.path(), &json!({})).unwrap();
    assert!(
        said.contains("ratings.csv is not read: set.train.rating lies beside it"),
        "{said}"
    );
}

/// What cannot be read is listed with its cause.
#[test]
fn broken_files_of_ratings_are_listed_as_such() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("set");
    fs::create_dir(&folder).unwrap();
    let utf16: Vec<u8> = "user,item\n1,2\n"
        .bytes()
        .flat_map(|byte| [byte, 0])
        .collect();
    for (file, bytes, expected) in [
        ("ratings.csv", &b""[..], "no line"),
        ("ratings.csv", &utf16, "as in UTF-16"),
        ("ratings.csv", b"who,what\n1,2\n", "a column user"),
        ("set.csv", b"", "no line"),
        (
            "set.csv",
            b"user,item,item\n1,2,3\n",
            "\"item\" and \"item\"",
        ),
        ("set.csv", b"user,item\n1,2\na,b\n", "an integer from 0"),
        ("set.parquet", b"", "Parquet"),
    ] {
        fs::write(folder.join(file), bytes).unwrap();
        let mut sets = describe_data(root.path()).unwrap();
        let error = sets.remove(0).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(expected), "{error}");
        fs::remove_file(folder.join(file)).unwrap();
    }
}

/// Another kind's may lie there under the same name.
#[test]
fn files_that_are_no_ratings_are_not_listed_as_such() {
    let root = tempfile::tempdir().unwrap();
    for (end, text) in [
        ("csv", "id,click,hour\n1,0,14\n"),
        ("tsv", "0\t1\t2\t3\t4\t5\n"),
    ] {
        put(root.path(), end, text.as_bytes());
        assert!(describe_data(root.path()).unwrap().is_empty());
        let error = look(root.path(), &json!({})).unwrap_err();
        assert!(error.contains(&format!("set.{end}:1: line is")), "{error}");
        fs::remove_file(root.path().join("set").join(format!("set.{end}"))).unwrap();
    }
}
