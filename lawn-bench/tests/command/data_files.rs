//! Data sets read from files: a trial trains on those that its run was planned with, and
//! opens those of the test split in confirmation alone.

use std::process::Command;

use crate::common::place::{Place, is_untouched, refuses};
use crate::common::{lawn, said};
use lawn_bench::run::run_dir::RunDir;

const TASKS: &str = r#"
name = "files"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
data = "feedback"

[tasks.pictures]
kind = "image"
data = "pictures"
depth = 8
width = 4

[budget]
epochs = 1

[arms.sgd]
rule = "sgd"
"#;

/// Trials 0 and 2 tune `feedback` and `pictures`.
const TUNED: &str = r#"
[arms.sgd.tune]
learning_rate = { min = 1e-2, max = 1e-1, scale = "log" }

[tuning]
settings = 2

[confirmation]
seeds = [1]
"#;

/// Trials 0 and 1 confirm them.
const CONFIRMED: &str = "learning_rate = 0.1\n[confirmation]\nseeds = [1]\n";

/// A run of both tasks that is planned and not begun.
fn planned(place: &Place, name: &str, arm: &str) -> RunDir {
    place.plan_of(name, &format!("{TASKS}{arm}"))
}

#[test]
fn a_trial_refuses_data_that_its_run_was_not_planned_with() {
    let place = Place::new();
    let (tuned, confirmed) = (
        planned(&place, "tuned", TUNED),
        planned(&place, "confirmed", CONFIRMED),
    );
    place.change("feedback/feedback.test.negative");
    let other = "was made with other files of the data set `feedback`";
    refuses(&place.trial(&confirmed, 0, &[]), other);
    assert!(is_untouched(&confirmed));
    // To a tuning trial the test split is nothing.
    let output = place.trial(&tuned, 0, &[]);
    assert!(output.status.success(), "{}", said(&output));
    std::fs::remove_dir_all(tuned.root().join("trials")).expect("it was trained");
    place.change("feedback/feedback.train.rating");
    refuses(&place.trial(&tuned, 0, &[]), other);

    std::fs::remove_dir_all(place.data().join("pictures")).expect("it was made");
    refuses(
        &place.trial(&tuned, 2, &[]),
        "task `pictures` cannot be trained here",
    );
    let mut without = lawn();
    without
        .arg("trial")
        .arg(tuned.root())
        .args(["--index", "2"]);
    let output = without.output().expect("lawn starts");
    refuses(&output, "give --data-root DIR or set LAWN_DATA");
    // Set to nothing the variable is as if it were not set.
    let output = without.env("LAWN_DATA", "").output();
    let output = output.expect("lawn starts");
    refuses(&output, "give --data-root DIR or set LAWN_DATA");
    let output = lawn().args(["data", "list", "--data-root", ""]).output();
    refuses(&output.expect("lawn starts"), "a folder is expected");
    assert!(is_untouched(&tuned));
}

#[test]
fn ratings_are_checked_as_a_sweep_reads_them() {
    let place = Place::new();
    let check = |more: &[&str]| {
        let mut command = lawn();
        command.args(["data", "check", "feedback"]).args(more);
        command.arg("--data-root").arg(place.data());
        command.output().expect("lawn starts")
    };
    let output = check(&[]);
    assert!(output.status.success(), "{}", said(&output));
    for words in [
        "feedback: 60 users, ",
        "feedback: each of 60 test interactions is ranked among 99 negatives",
    ] {
        assert!(
            said(&output).contains(words),
            "{words:?} is not in: {}",
            said(&output)
        );
    }
    // Floors say it, too.
    let file = place.folder.path().join("floors.toml");
    std::fs::write(&file, format!("{TASKS}{CONFIRMED}")).expect("there is room");
    let floors = || {
        let mut command = lawn();
        command.arg("floors").arg(&file).args(["--json"]);
        command.arg("--data-root").arg(place.data());
        command.output().expect("lawn starts")
    };
    let output = floors();
    assert!(output.status.success(), "{}", said(&output));
    let notes = String::from_utf8_lossy(&output.stderr);
    let expected =
        "feedback: each of 60 test interactions is ranked among 99 negatives of its line";
    assert!(notes.contains(expected), "{notes}");
    serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON alone");
    let path = place.data().join("feedback/feedback.train.rating");
    let text = std::fs::read_to_string(&path).expect("it was made");
    std::fs::write(&path, text.replacen('\t', "\tx", 1)).expect("there is room");
    refuses(&check(&[]), "feedback.train.rating:1: ");
    let output = check(&["pictures"]);
    refuses(&output, "feedback.train.rating:1: ");
    assert!(
        said(&output).contains("pictures/train: 40 images"),
        "{}",
        said(&output)
    );
}

/// What the system was asked to open by the trial at `index`, below the data root.
fn opened(place: &Place, run: &RunDir, index: usize) -> Vec<String> {
    let log = place.folder.path().join("opened");
    let path = log.to_str().expect("temporary folders are text");
    let calls = "trace=open,openat,openat2";
    let tracer = ["strace", "-f", "-qq", "-e", calls, "-o", path];
    let output = place.trial(run, index, &tracer);
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    let data = place.data();
    let data = data.to_str().expect("temporary folders are text");
    let below = |line: &str| {
        let (_, rest) = line.split_once(data)?;
        Some(rest.split('"').next()?.to_owned())
    };
    text.lines().filter_map(below).collect()
}

#[test]
fn the_system_is_asked_for_test_files_in_confirmation_alone() {
    let traces = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !traces.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: strace is not here, or may not trace; Debian has it as `strace`");
        return;
    }
    let place = Place::new();
    let (tuned, confirmed) = (
        planned(&place, "tuned", TUNED),
        planned(&place, "confirmed", CONFIRMED),
    );
    let is_test = |path: &&String| path.contains("test");
    for (tuning, confirmation, train) in [
        (0, 0, "/feedback/feedback.train.rating"),
        (2, 1, "/pictures/train/"),
    ] {
        let files = opened(&place, &tuned, tuning);
        assert!(
            files.iter().any(|path| path.starts_with(train)),
            "{files:?}"
        );
        assert_eq!(files.iter().filter(is_test).count(), 0, "{files:?}");
        let files = opened(&place, &confirmed, confirmation);
        assert!(files.iter().filter(is_test).count() > 0, "{files:?}");
    }
}

#[test]
fn data_that_are_not_there_are_the_users_to_give_for_every_verb() {
    let place = Place::new();
    let file = place.folder.path().join("files.toml");
    std::fs::write(&file, format!("{TASKS}{CONFIRMED}")).expect("there is room");
    let file = file.to_str().expect("it is text");
    let absent = place.folder.path().join("absent");
    let absent = absent.to_str().expect("it is text");
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().to_str().expect("it is text");
    let run = |words: &[&str]| lawn().args(words).output().expect("lawn starts");
    for verb in ["model", "floors", "sweep"] {
        refuses(&run(&[verb, file]), "give --data-root DIR or set LAWN_DATA");
        refuses(&run(&[verb, file, "--data-root", absent]), "cannot read");
        refuses(
            &run(&[verb, file, "--data-root", empty]),
            "which is not under",
        );
    }
    // What is not looked for may lie there.
    refuses(
        &run(&["floors", file, "--data-root", empty]),
        "feedback/ with one of ratings.dat",
    );
    refuses(
        &run(&["data", "list"]),
        "give --data-root DIR or set LAWN_DATA",
    );
    refuses(
        &run(&["data", "list", "--data-root", absent]),
        "the data root is the folder",
    );
    let output = run(&["data", "list", "--data-root", empty]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("lawn data get"), "{}", said(&output));
    let data = place.data();
    let root = data.to_str().expect("it is text");
    let output = run(&["data", "list", "--data-root", root]);
    let sets: Vec<String> = said(&output)
        .lines()
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(sets, ["feedback", "pictures"]);
    let output = run(&["data", "list", "--json", "--data-root", root]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let of_first = (
        &listed[0]["name"],
        &listed[0]["kind"],
        &listed[0]["refused"],
    );
    assert_eq!(
        of_first,
        (&"feedback".into(), &"ncf".into(), &serde_json::Value::Null)
    );
    assert!(listed[0]["counts"]["users"].is_u64(), "{listed}");
    // What is not looked at need not be there.
    std::fs::remove_dir_all(data.join("pictures")).expect("it was made");
    let output = run(&["model", file, "--task", "feedback", "--data-root", root]);
    assert!(output.status.success(), "{}", said(&output));
}

/// What would make a test easier, or end every trial, is found before anything is planned.
#[test]
fn a_test_split_that_train_gives_away_is_refused_by_line_and_said_where_it_is_asked_for() {
    let place = Place::new();
    let file = place.folder.path().join("files.toml");
    let text = |more: &str| {
        format!(
            "name = \"one\"\nbatch_sizes = [64]\n[tasks.feedback]\nkind = \"ncf\"\nmodel = \"gmf\"\n\
             data = \"feedback\"\n{more}\n[budget]\nepochs = 1\n[arms.sgd]\nrule = \"sgd\"\n{CONFIRMED}"
        )
    };
    let plan = |more: &str| {
        std::fs::write(&file, text(more)).expect("there is room");
        let mut command = lawn();
        command.arg("plan").arg(&file).arg("--no-calibrate");
        command.arg("--data-root").arg(place.data());
        command.output().expect("lawn starts")
    };
    let output = plan("");
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("feedback: each of "),
        "{}",
        said(&output)
    );
    let [train, test] = ["train", "test"].map(|split| {
        let path = place
            .data()
            .join(format!("feedback/feedback.{split}.rating"));
        let text = std::fs::read_to_string(&path).expect("it was made");
        (path, text)
    });
    let first = test.1.lines().next().expect("it has lines");
    std::fs::write(&train.0, format!("{}{first}\n", train.1)).expect("there is room");
    refuses(&plan(""), "feedback.test.negative:1: item is");
    let output = plan("protocol = { overlap = \"drop\" }");
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("1 of 60 held-out interactions is in train, too: left out"),
        "{}",
        said(&output)
    );
    let every: String = (0..220).map(|item| format!("60\t{item}\t1\t0\n")).collect();
    std::fs::write(&train.0, train.1.clone() + &every).expect("there is room");
    refuses(&plan(""), "items that user 60 has not met");
}
