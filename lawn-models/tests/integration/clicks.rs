//! Whole trials on clicks: generated, and from files.

use std::fs;
use std::path::Path;

use lawn_models::{
    Amount, DataError, Files, GeneratedClicks, MakeData, Split, Stage, TaskConfig, TrialConfig,
    TrialContext, TrialEnd, TrialError, describe_data, floors, make_data, run_trial,
};
use serde_json::{Value, json};

use crate::common::{Recorder, context, finish, run, timeless, trial};

const METRICS: [&str; 4] = ["log_loss", "auc", "normalized_entropy", "calibration"];

fn small(model: Value) -> Value {
    json!({
        "model": model,
        "generated": { "rows": 1_500, "columns": 4, "vocabulary": 16 },
    })
}

fn net() -> Value {
    json!({ "name": "dcn_v2", "width": 4, "cross_layers": 2, "layers": [8] })
}

#[test]
fn a_trial_measures_every_split_and_only_confirmation_tests() {
    let config = trial("ctr", small(net()));
    let (summary, recorder) = finish(&config);
    let of = |split: Split| -> Vec<&str> {
        let all = summary.measurements.iter();
        let own = all.filter(|one| one.split == split);
        own.map(|one| one.metric.as_str()).collect()
    };
    for split in [Split::Train, Split::Validation, Split::Test] {
        assert_eq!(of(split), METRICS, "{split:?}");
    }
    // 1,500 rows, of which a tenth is test and a tenth of the rest validation.
    assert_eq!(recorder.infos[0].train_samples, 1_215);
    let tune = TrialConfig {
        stage: Stage::Tune,
        ..config
    };
    let (summary, _) = finish(&tune);
    assert!(
        summary
            .measurements
            .iter()
            .all(|one| one.split != Split::Test)
    );
}

#[test]
fn a_stopped_trial_ends_with_the_same_bits() {
    for order in ["shuffled", "sequential"] {
        let mut table = small(net());
        table["order"] = order.into();
        let config = trial("ctr", table);
        let (through, recorder) = finish(&config);
        let folder = tempfile::tempdir().unwrap();
        let mut records = Vec::new();
        for stop in [Some(1), Some(31), Some(60), None] {
            let mut part = Recorder {
                stop_at: stop,
                ..Recorder::default()
            };
            let end = run(&config, folder.path(), &mut part);
            records.retain(|record: &lawn_models::EvaluationRecord| {
                record.step <= part.infos[0].resumed_step
            });
            records.extend(part.records);
            if stop.is_none() {
                assert_eq!(end, TrialEnd::Finished(through.clone()));
            }
        }
        let timeless = |records: &[_]| records.iter().map(timeless).collect::<Vec<_>>();
        assert_eq!(timeless(&records), timeless(&recorder.records), "{order}");
    }
}

#[test]
fn micro_batches_change_only_rounding() {
    for model in [
        net(),
        json!({ "name": "logistic" }),
        json!({ "name": "deepfm", "layers": [8] }),
    ] {
        let config = trial("ctr", small(model));
        let (_, whole) = finish(&config);
        let (_, parts) = finish(&TrialConfig {
            micro_batch_size: Some(17),
            ..config
        });
        for (one, other) in whole.records.iter().zip(&parts.records) {
            let difference = (one.train_loss / other.train_loss - 1.0).abs();
            assert!(difference < 1e-6, "{difference}");
        }
    }
}

/// A net that sees pairs of columns comes within a hundredth of the probabilities that the clicks were drawn
/// by; one that does not stays where a linear model is.
#[test]
fn a_cross_network_learns_what_a_linear_model_cannot() {
    let generated = json!({
        "rows": 200_000, "columns": 5, "vocabulary": 16, "interactions": 2.0,
    });
    let loss = |model: Value| -> f64 {
        let table = json!({ "model": model, "generated": generated });
        let mut config = trial("ctr", table);
        config.optimizer.lawn = false;
        config.optimizer.free_epochs = None;
        (config.batch_size, config.budget) = (1_024, Amount::Epochs(4));
        let (summary, _) = finish(&config);
        let mut all = summary.measurements.into_iter();
        let test = all.find(|one| one.split == Split::Test && one.metric == "log_loss");
        test.unwrap().value
    };
    let task = TaskConfig::from_table("ctr", json!({ "generated": generated })).unwrap();
    let floors = floors(&task, None, true).unwrap();
    let floor = |name: &str| -> f64 {
        let floor = floors.iter().find(|floor| floor.predictor == name).unwrap();
        let mut all = floor.measurements.iter();
        let test = all.find(|one| one.split == Split::Test && one.metric == "log_loss");
        test.unwrap().value
    };
    let cross = loss(json!({ "name": "dcn_v2", "width": 4, "cross_layers": 2, "layers": [16] }));
    let linear = loss(json!({ "name": "logistic" }));
    let (bayes, logistic) = (floor("bayes"), floor("logistic-regression"));
    let said = format!("bayes {bayes}, cross {cross}, linear {linear}, its floor {logistic}");
    assert!(cross < 1.01 * bayes, "{said}");
    assert!(linear > 1.1 * bayes, "{said}");
    assert!(logistic > 1.1 * bayes, "{said}");
}

/// A data root with made clicks in `ads`.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedClicks {
        rows: 2_000,
        ..GeneratedClicks::default()
    };
    make_data(&MakeData::Ctr(sizes), &root.path().join("ads")).unwrap();
    root
}

fn on_files(root: &Path, table: Value) -> Result<TrialEnd, TrialError> {
    let folder = tempfile::tempdir().unwrap();
    let context = TrialContext {
        data_root: Some(root.to_owned()),
        ..context(folder.path())
    };
    lawn_models::set_threads(1);
    run_trial(&trial("ctr", table), &context, &mut Recorder::default())
}

fn on_ads(root: &Path, more: Value) -> Result<TrialEnd, TrialError> {
    let mut table = json!({ "data": "ads", "model": net(), "encoding": { "hash_size": 500 } });
    for (key, value) in more.as_object().unwrap() {
        table[key] = value.clone();
    }
    on_files(root, table)
}

#[test]
fn made_clicks_are_found_counted_and_trained_on() {
    let root = root();
    let counted = || -> Vec<(String, u64)> {
        let found = describe_data(root.path()).unwrap();
        let mut found = found.into_iter().map(Result::unwrap);
        let set = found.next().unwrap();
        assert_eq!((set.name.as_str(), set.kind.as_str()), ("ads", "ctr"));
        assert!(found.next().is_none());
        set.counts
    };
    assert_eq!(counted()[0], ("click files".to_owned(), 1));
    let count = |name: &str| counted().into_iter().find(|one| one.0 == name).unwrap().1;
    let TrialEnd::Finished(summary) = on_ads(root.path(), json!({})).unwrap() else {
        panic!("it finishes");
    };
    assert!(summary.measurements.iter().all(|one| one.value.is_finite()));
    // What was converted is known now: 13 + 26 columns, of which eight have categories.
    assert_eq!(count("rows"), 2_000);
    assert_eq!(count("columns of categories"), 26);
    assert!((150..350).contains(&count("clicks in a thousand rows")));
    let ids = count("ids that occur in them");
    assert!((26..=136 + 18).contains(&ids), "{ids}");
}

#[test]
fn each_rule_splits_files_and_says_where_it_leaves_nothing() {
    let root = root();
    let text = fs::read_to_string(root.path().join("ads/train.txt")).unwrap();
    for (split, more) in [
        ("random", json!(null)),
        ("last", json!(null)),
        ("last-day", json!(500)),
    ] {
        let mut table = json!({ "split": split });
        if !more.is_null() {
            table["test_rows"] = more;
        }
        let run = on_ads(root.path(), table.clone());
        // One day leaves none to train on.
        assert_eq!(run.is_err(), split == "last-day", "{run:?}");
    }
    let days = root.path().join("days");
    fs::create_dir(&days).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (day, lines) in lines.chunks(1_000).enumerate() {
        fs::write(days.join(format!("day_{day}")), lines.join("\n") + "\n").unwrap();
    }
    let table = |rows: u64| {
        json!({
            "data": "days", "model": net(), "encoding": { "hash_size": 500 },
            "split": "last-day", "test_rows": rows,
        })
    };
    on_files(root.path(), table(600)).unwrap();
    let error = on_files(root.path(), table(1_000)).unwrap_err().to_string();
    assert!(error.contains("none is validation"), "{error}");
    // What a sweep takes the checksums of.
    let task = TaskConfig::from_table("ctr", table(600)).unwrap();
    assert_eq!(
        lawn_models::train_files(&task, root.path()).unwrap().len(),
        2
    );
    let test = lawn_models::test_files(&task, root.path()).unwrap();
    assert_eq!(test, [days.join("day_1")]);
}

/// Training never goes on with something else than what was asked for.
#[test]
fn clicks_that_are_not_there_are_never_made_in_their_place() {
    let root = root();
    let error = on_files(root.path(), json!({ "data": "criteo", "model": net() })).unwrap_err();
    assert!(
        matches!(error, TrialError::Data(DataError::NotFound { .. })),
        "{error}"
    );
    fs::remove_file(root.path().join("ads/train.txt")).unwrap();
    let error = on_ads(root.path(), json!({})).unwrap_err();
    assert!(
        matches!(error, TrialError::Data(DataError::NotFound { .. })),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let config = trial("ctr", json!({ "data": "ads", "model": net() }));
    let error = run_trial(&config, &context(folder.path()), &mut Recorder::default());
    let error = error.unwrap_err();
    assert!(
        matches!(error, TrialError::Data(DataError::NoRoot { .. })),
        "{error}"
    );
}

/// Sharing is said where it is the rule, and not of columns that were given a few ids.
#[test]
fn ids_that_many_categories_share_are_told() {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedClicks {
        rows: 20_000,
        vocabulary: 4_096,
        skew: 0.0,
        ..GeneratedClicks::default()
    };
    make_data(&MakeData::Ctr(sizes), &root.path().join("ads")).unwrap();
    let lines = |hash_size: u32| {
        let encoding = json!({ "hash_size": hash_size });
        let told = survey(root.path(), json!({ "data": "ads", "encoding": encoding }));
        // Columns that the generator leaves empty have one id whatever their size.
        let empty = "18 columns have a single id in all rows, of 26 columns of categories: C9, C10";
        assert_eq!(
            hash_size > 1,
            told.iter().any(|line| line.starts_with(empty))
        );
        let of_sharing = told.into_iter().filter(|line| line.contains(" share "));
        of_sharing.collect::<Vec<String>>()
    };
    assert_eq!(lines(100_000), [""; 0]);
    // Columns of 4,096 and of 2,048 categories.
    let told = lines(2_000);
    assert!(told[0].starts_with("in 2 of 26 columns"), "{told:?}");
    let told = lines(1);
    assert!(told[0].starts_with("in 26 of 26 columns all"), "{told:?}");
}

fn survey(root: &Path, table: Value) -> Vec<String> {
    let task = TaskConfig::from_table("ctr", table).unwrap();
    lawn_models::survey(&task, Some(root)).unwrap()
}

/// That one of these lines has all of these words.
fn tells(lines: &[String], words: &[&str]) {
    let has = |line: &String| words.iter().all(|word| line.contains(word));
    assert!(lines.iter().any(has), "{words:?} in {lines:#?}");
}

#[test]
fn a_survey_has_the_numbers_of_rows_and_the_protocol() {
    let root = root();
    let path = root.path().join("ads/train.txt");
    let text = fs::read_to_string(&path).unwrap();
    let clicks = text.lines().filter(|line| line.starts_with('1')).count();
    fs::write(&path, text.trim_end_matches('\n')).unwrap();
    fs::write(root.path().join("ads/test.txt"), "").unwrap();
    let lines = survey(root.path(), json!({ "data": "ads" }));
    let rate = format!("a click rate of {:.4}", clicks as f64 / 2_000.0);
    tells(&lines, &["2000 rows", &format!("{clicks} clicks"), &rate]);
    tells(
        &lines,
        &["1620 rows are train, 180 validation and 200 test"],
    );
    // Thirteen a row, of which the generated rows have four.
    tells(
        &lines,
        &["of 26000 integers 0 are below 0", "18000 are absent"],
    );
    tells(
        &lines,
        &["the last 0.1 of the rows is test", "log_loss, auc"],
    );
    tells(&lines, &["train.txt has no end of line"]);
    tells(&lines, &["not read: test.txt"]);
    tells(&lines, &["converted rows take", ".lawn-clicks-"]);
    let random = json!({ "data": "ads", "split": "random", "split_seed": 7 });
    tells(&survey(root.path(), random), &["split_seed 7"]);
    let made = survey(root.path(), json!({ "generated": { "rows": 1_000 } }));
    tells(&made, &["810 rows are train, 90 validation and 100 test"]);
}

/// Avazu's rows have their time.
#[test]
fn rows_that_are_not_in_the_order_of_time_are_told() {
    let root = tempfile::tempdir().unwrap();
    let header = "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,\
app_category,device_id,device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,\
C19,C20,C21";
    let told = |hours: &dyn Fn(usize) -> usize| {
        let row = |number: usize| {
            let (click, hour) = (number % 2, hours(number));
            format!("{number},{click},141021{hour:02}{}\n", ",a".repeat(21))
        };
        let rows: String = (0..100).map(row).collect();
        fs::create_dir_all(root.path().join("avazu")).unwrap();
        fs::write(
            root.path().join("avazu/train.csv"),
            format!("{header}\n{rows}"),
        )
        .unwrap();
        let of_time = |table: Value| {
            let mut lines = survey(root.path(), table).into_iter();
            lines.find(|line| line.contains("order of time"))
        };
        let random = json!({ "data": "avazu", "split": "random" });
        assert_eq!(of_time(random), None);
        of_time(json!({ "data": "avazu" }))
    };
    assert_eq!(told(&|number| number / 5), None);
    let told = told(&|number| number / 10 % 5).unwrap();
    assert!(
        told.starts_with("1 row has an hour before that of the row ahead of it:"),
        "{told}"
    );
}

/// What the net is to have is known with the columns of the files.
#[test]
fn a_rank_above_the_features_is_refused_when_a_sweep_is_planned() {
    let root = root();
    let refused = |rank: u32| {
        let model = json!({ "name": "dcn_v2", "width": 2, "rank": rank });
        let table = json!({ "data": "ads", "model": model });
        let task = TaskConfig::from_table("ctr", table).unwrap();
        lawn_models::survey(&task, Some(root.path())).err()
    };
    // 13 numbers and 26 columns of two.
    assert!(refused(65).is_none());
    let error = refused(66).unwrap().to_string();
    assert!(error.contains("`model.rank` is 66, of 65"), "{error}");
}

#[test]
fn a_test_split_without_clicks_is_refused_when_a_sweep_is_planned() {
    let root = root();
    let path = root.path().join("ads/train.txt");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().enumerate();
    let lines = lines.map(|(number, line)| match number {
        1_800.. => format!("0{}\n", &line[1..]),
        _ => format!("{line}\n"),
    });
    let text: String = lines.collect();
    fs::write(&path, text).unwrap();
    let task = TaskConfig::from_table("ctr", json!({ "data": "ads" })).unwrap();
    let error = lawn_models::survey(&task, Some(root.path())).unwrap_err();
    assert!(
        error.to_string().contains("no click in 200 rows of test"),
        "{error}"
    );
    on_ads(root.path(), json!({})).unwrap_err();
}

#[test]
fn splits_without_clicks_are_refused_before_anything_is_trained() {
    let root = root();
    let path = root.path().join("ads/train.txt");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| format!("0{}\n", &line[1..]));
    fs::write(&path, lines.collect::<String>()).unwrap();
    let error = on_ads(root.path(), json!({})).unwrap_err().to_string();
    assert!(
        error.contains("ads: found no click in 1620 rows of train"),
        "{error}"
    );
}

/// A look before a sweep converts, and names what is wrong before any trial.
#[test]
fn a_scan_converts_and_names_bad_lines() {
    let root = root();
    let task = |bad_lines: &str| {
        let encoding = json!({ "hash_size": 100, "bad_lines": bad_lines });
        TaskConfig::from_table("ctr", json!({ "data": "ads", "encoding": encoding })).unwrap()
    };
    let path = root.path().join("ads/train.txt");
    let text = fs::read_to_string(&path).unwrap() + "1;2;3\n";
    fs::write(&path, text).unwrap();
    let scan = |bad_lines| task(bad_lines).scan(root.path(), &[Files::Train], &|_, _| ());
    let error = scan("fail").unwrap_err().to_string();
    assert!(
        error.contains("train.txt:2001: number of columns is \"1\""),
        "{error}"
    );
    assert!(scan("exclude").unwrap().is_empty());
    let lines = lawn_models::survey(&task("exclude"), Some(root.path())).unwrap();
    tells(
        &lines,
        &["1 line cannot be read and is left out", "train.txt:2001"],
    );
    let found = describe_data(root.path()).unwrap().remove(0).unwrap();
    let left_out = found
        .counts
        .iter()
        .find(|one| one.0 == "bad lines left out");
    assert_eq!(left_out.unwrap().1, 1);
}
