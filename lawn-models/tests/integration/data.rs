//! Data sets as files: made, described, read back, and refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lawn_models::{
    Amount, Device, Diagnostics, Evaluation, GeneratedImages, GeneratedRatings, MakeData,
    OptimizerSettings, Precision, RuleName, SilentObserver, Split, Stage, TaskConfig, TrialConfig,
    TrialContext, TrialEnd, describe_data, make_data, run_trial,
};
use serde_json::{Value, json};

fn ratings() -> GeneratedRatings {
    GeneratedRatings {
        users: 40,
        items: 180,
        interactions: 10,
        ..GeneratedRatings::default()
    }
}

fn images() -> GeneratedImages {
    GeneratedImages {
        classes: 3,
        side: 8,
        train: 60,
        test: 12,
        ..GeneratedImages::default()
    }
}

fn try_run(kind: &str, table: Value, root: &Path) -> Result<TrialEnd, String> {
    try_stage(Stage::Confirm, kind, table, root)
}

fn try_stage(stage: Stage, kind: &str, table: Value, root: &Path) -> Result<TrialEnd, String> {
    let config = TrialConfig {
        task: TaskConfig::from_table(kind, table).unwrap(),
        optimizer: OptimizerSettings::new(RuleName::Adam, 1e-2),
        batch_size: 64,
        budget: Amount::Epochs(1),
        seed: 0,
        stage,
        precision: Precision::F32,
        micro_batch_size: None,
        stop_after: None,
        evaluation: Evaluation::default(),
        diagnostics: Diagnostics::default(),
    };
    let folder = tempfile::tempdir().unwrap();
    let context = TrialContext {
        device: Device::Cpu,
        data_root: Some(root.to_owned()),
        checkpoint: folder.path().join("checkpoint.safetensors"),
        checkpoint_every: Duration::from_secs(60),
        keep_weights: true,
        deterministic: false,
        graphs: false,
    };
    lawn_models::set_threads(1);
    run_trial(&config, &context, &mut SilentObserver).map_err(|error| error.to_string())
}

/// Made data under a root of its own.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    make_data(&MakeData::Ncf(ratings()), &root.path().join("feedback")).unwrap();
    make_data(&MakeData::Image(images()), &root.path().join("textures")).unwrap();
    root
}

#[test]
fn made_data_are_found_and_counted() {
    let root = root();
    fs::create_dir(root.path().join("empty")).unwrap();
    let found: Vec<_> = describe_data(root.path())
        .unwrap()
        .into_iter()
        .map(|set| set.unwrap())
        .collect();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].name.as_str(), found[0].kind.as_str()),
        ("feedback", "ncf")
    );
    assert_eq!(found[0].counts[0], ("users".to_owned(), 40));
    assert_eq!(
        (found[1].name.as_str(), found[1].kind.as_str()),
        ("textures", "image")
    );
    let counts: Vec<u64> = found[1].counts.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [3, 60, 12]);
}

/// Rating files lose nothing of the generated data but the order of their ids'
/// making: the same trial comes out, bit for bit.
#[test]
fn a_trial_on_written_ratings_equals_one_on_generated() {
    let root = root();
    let sizes = json!({ "users": 40, "items": 180, "interactions": 10 });
    let generated = try_run("ncf", json!({ "generated": sizes }), root.path());
    let written = try_run("ncf", json!({ "data": "feedback" }), root.path());
    assert_eq!(generated.unwrap(), written.unwrap());
}

#[test]
fn a_trial_runs_on_an_image_folder() {
    let root = root();
    let table = json!({ "data": "textures", "depth": 8, "width": 4 });
    let end = try_run("image", table.clone(), root.path()).unwrap();
    let TrialEnd::Finished(summary) = end else {
        panic!("{end:?}");
    };
    let own = try_run("image", table, &root.path().join("textures")).unwrap();
    assert_eq!(
        own,
        TrialEnd::Finished(summary.clone()),
        "the root may be the set's folder"
    );
    let measured = summary.measurements.iter();
    let of_test: Vec<_> = measured
        .filter(|one| one.split == Split::Test)
        .map(|one| (one.metric.as_str(), one.total))
        .collect();
    assert_eq!(of_test, [("top-1", Some(12)), ("top-5", Some(12))]);
}

/// Breaks one file of a sound data set and expects the error to name file,
/// line, value and what is allowed.
#[test]
fn broken_rating_files_are_refused_by_line() {
    for (file, line, broken, expected) in [
        (
            "train.rating",
            3,
            "1\t2\t1",
            ":3: found 3 tab-separated columns, expected 4",
        ),
        (
            "train.rating",
            2,
            "x\t2\t1\t0",
            ":2: user is \"x\", allowed is an integer from 0",
        ),
        (
            "train.rating",
            2,
            "1\t-2\t1\t0",
            ":2: item is \"-2\", allowed is an integer from 0",
        ),
        (
            "train.rating",
            2,
            "1\t2\tnan\t0",
            ":2: rating is \"nan\", allowed is a finite number",
        ),
        (
            "train.rating",
            2,
            "1\t2\t1\t1.5",
            ":2: time is \"1.5\", allowed is whole seconds",
        ),
        ("test.rating", 1, "0\t999\t1\t0", ":1: pair is "),
        (
            "test.negative",
            1,
            "(0,0)\t1",
            ":1: pair is \"(0,0)\", allowed is (0,",
        ),
    ] {
        let root = root();
        let path = root
            .path()
            .join("feedback")
            .join(format!("feedback.{file}"));
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[line - 1] = broken;
        fs::write(&path, lines.join("\n")).unwrap();
        let error = try_run("ncf", json!({ "data": "feedback" }), root.path()).unwrap_err();
        assert!(error.contains(expected), "{error}");
        let named = if file == "test.rating" {
            "test.negative"
        } else {
            file
        };
        assert!(error.contains(&format!("feedback.{named}")), "{error}");
    }
}

#[test]
fn negatives_must_be_as_many_on_every_line_and_known() {
    let root = root();
    let path = root.path().join("feedback/feedback.test.negative");
    let text = fs::read_to_string(&path).unwrap();
    let run = || try_run("ncf", json!({ "data": "feedback" }), root.path()).unwrap_err();

    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1] = lines[1].rsplit_once('\t').unwrap().0.to_owned();
    fs::write(&path, lines.join("\n")).unwrap();
    let error = run();
    assert!(
        error.contains(":2: found 99 tab-separated columns, expected a pair and 99"),
        "{error}"
    );

    lines[1] += "\t100000";
    fs::write(&path, lines.join("\n")).unwrap();
    let error = run();
    assert!(
        error.contains(":2: negative item is \"100000\", allowed is 0 to "),
        "{error}"
    );

    fs::write(&path, "").unwrap();
    let error = run();
    assert!(error.contains("found 0 lines, expected 40"), "{error}");
}

#[test]
fn absent_sets_are_named() {
    let root = root();
    let error = try_run("ncf", json!({ "data": "absent" }), root.path()).unwrap_err();
    assert!(error.contains("no data set \"absent\"") && error.contains("absent.train.rating"));
    let error = try_run("image", json!({ "data": "absent" }), root.path()).unwrap_err();
    assert!(error.contains("no data set \"absent\"") && error.contains("absent/train/CLASS"));
}

/// With its test files gone, only a confirm trial fails.
#[test]
fn a_tune_trial_never_opens_test_files() {
    let root = root();
    fs::remove_file(root.path().join("feedback/feedback.test.rating")).unwrap();
    fs::remove_file(root.path().join("feedback/feedback.test.negative")).unwrap();
    fs::remove_dir_all(root.path().join("textures/test")).unwrap();
    for (kind, table, missing) in [
        (
            "ncf",
            json!({ "data": "feedback" }),
            ["cannot read", "feedback.test.rating"],
        ),
        (
            "image",
            json!({ "data": "textures", "depth": 8, "width": 4 }),
            ["textures: ", "found no test split"],
        ),
    ] {
        try_stage(Stage::Tune, kind, table.clone(), root.path()).unwrap();
        let error = try_run(kind, table, root.path()).unwrap_err();
        assert!(missing.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn broken_image_folders_are_refused_by_name() {
    let table = || json!({ "data": "textures", "depth": 8, "width": 4 });
    let root = root();
    let folder = root.path().join("textures");
    let stray = folder.join("test/stray");
    fs::create_dir(&stray).unwrap();
    let error = try_run("image", table(), root.path()).unwrap_err();
    assert!(
        error.contains("class folder \"stray\"") && error.contains("class000"),
        "{error}"
    );
    fs::remove_dir(&stray).unwrap();

    let image = folder.join("train/class001/000001.jpg");
    let sound = fs::read(&image).unwrap();
    fs::write(&image, b"not an image").unwrap();
    let error = try_run("image", table(), root.path()).unwrap_err();
    assert!(
        error.starts_with("cannot decode") && error.contains("000001.jpg"),
        "{error}"
    );

    let other = tempfile::tempdir().unwrap();
    let larger = GeneratedImages {
        side: 12,
        ..images()
    };
    make_data(&MakeData::Image(larger), &other.path().join("larger")).unwrap();
    let larger = other.path().join("larger/train/class001/000001.jpg");
    fs::copy(larger, &image).unwrap();
    let error = try_run("image", table(), root.path()).unwrap_err();
    assert!(error.contains("12 × 12 pixels, expected 8 × 8"), "{error}");

    fs::write(&image, sound).unwrap();
    try_run("image", table(), root.path()).unwrap();
}

#[test]
fn impossible_sizes_are_refused_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    let config = GeneratedRatings {
        items: 5,
        ..ratings()
    };
    let folder = root.path().join("x");
    let error = make_data(&MakeData::Ncf(config), &folder).unwrap_err();
    assert!(error.to_string().contains("generated.items"), "{error}");
    assert!(!folder.exists());
}
