//! What becomes of trials that fail: a row each, and another chance when it is asked for.

use crate::common;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::SMALL;
use lawn_analysis::records::{Outcome, Records};
use lawn_core::State;
use lawn_models::Device;

fn lawn(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(arguments)
        .env_remove("LAWN_DATA")
        .output()
        .expect("lawn starts")
}

/// Sweeps `SMALL` with `from` replaced by `to`; gives the run and how the command ended.
fn sweep(folder: &Path, from: &str, to: &str) -> (PathBuf, Output) {
    assert!(SMALL.contains(from));
    let (file, run) = (folder.join("small.toml"), folder.join("run"));
    std::fs::write(&file, SMALL.replace(from, to)).expect("the sweep file is written");
    let output = lawn(&["sweep", &path(&file), "--out", &path(&run)]);
    (run, output)
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn outcomes(run: &Path) -> Vec<Outcome> {
    let records = Records::load(&run.join("records")).expect("the run has records");
    records.trials.iter().map(|trial| trial.outcome).collect()
}

#[test]
fn a_rate_that_is_too_high_diverges_and_is_a_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (run, output) = sweep(folder.path(), "learning_rate = 0.1", "learning_rate = 1e30");
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(outcomes(&run), [Outcome::Diverged; 2]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("report.html"), "{said}");
}

#[test]
fn a_trial_that_takes_too_long_is_stopped_and_is_a_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endless = SMALL.replace("epochs = 2", "epochs = 1000000");
    let file = folder.path().join("endless.toml");
    std::fs::write(&file, endless + "\n[resources]\ntimeout_seconds = 1\n").expect("it is written");
    let run = folder.path().join("run");
    let output = lawn(&["sweep", &path(&file), "--out", &path(&run)]);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(outcomes(&run), [Outcome::Timeout; 2]);
}

#[test]
fn a_crashed_trial_is_a_row_and_can_be_retried() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (run, output) = sweep(folder.path(), "epochs = 2", "epochs = 2");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected = Records::load(&run.join("records")).expect("the run has records");

    // A trial that cannot open its checkpoint: what a failing disk leaves.
    let trial = run.join("trials").join(&expected.trials[1].trial_id);
    std::fs::create_dir(trial.join("checkpoint.safetensors")).expect("it can be made");
    std::fs::remove_file(trial.join("outcome.json")).expect("it was there");
    let output = lawn(&["sweep", &path(&run)]);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(outcomes(&run), [Outcome::Ok, Outcome::Crashed]);
    let crashed = Records::load(&run.join("records")).expect("the run has records");
    let detail = crashed.trials[1].detail.clone().expect("a crash says why");
    assert!(detail.contains("checkpoint.safetensors"), "{detail}");
    // What its own process could not write is in its log, too.
    let logged = lawn(&["trials", &path(&run), "--outcome", "crashed", "--log"]);
    let logged = String::from_utf8_lossy(&logged.stdout).into_owned();
    let own = logged.split("standard error:").next().unwrap_or_default();
    let first = detail.lines().next().expect("it has a line");
    assert!(own.contains(first), "{first} is not in {own}");

    std::fs::remove_dir(trial.join("checkpoint.safetensors")).expect("it was there");
    let retried = lawn(&["retry", &path(&run), "--outcome", "crashed"]);
    assert!(String::from_utf8_lossy(&retried.stdout).starts_with("1 to be run again"));
    let output = lawn(&["sweep", &path(&run)]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let repaired = Records::load(&run.join("records")).expect("the run has records");
    assert_eq!(
        repaired.trials[1].test_metric,
        expected.trials[1].test_metric
    );
}

#[test]
fn files_of_a_run_that_are_damaged_or_newer_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (run, output) = sweep(folder.path(), "epochs = 2", "epochs = 2");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let [plan, trials] = ["plan.json", "trials.jsonl"].map(|name| run.join(name));
    let text = std::fs::read_to_string(&plan).expect("the plan is text");
    let lines = std::fs::read_to_string(&trials).expect("the trials are text");
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let flipped = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from:?} is not in:\n{text}");
        text.replacen(from, to, 1)
    };
    for (file, damaged, code, said) in [
        (&plan, "{ \"schema\": 99 }".to_owned(), 2, "has schema 99"),
        (&plan, half(&text), 2, "plan.json is damaged"),
        (&plan, flipped(&text, "64", "65"), 2, "its checksum"),
        (&plan, String::new(), 2, "plan.json is damaged"),
        (&trials, half(&lines), 2, "trials.jsonl is damaged"),
        (
            &trials,
            flipped(&lines, "\"seed\":1", "\"seed\":3"),
            2,
            "its checksum",
        ),
        (&trials, String::new(), 2, "it has 0 whole lines"),
    ] {
        let sound = std::fs::read(file).expect("it is there");
        std::fs::write(file, damaged).expect("it can be written");
        let output = lawn(&["status", &path(&run)]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(said), "{said:?} is not in {error}");
        std::fs::write(file, sound).expect("it can be written");
    }
}

/// Files whose name begins with `name`, in the folder of a trial.
fn kept(trial: &Path, name: &str) -> usize {
    let entries = std::fs::read_dir(trial).expect("the trial has a folder");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    names
        .filter(|found| found.to_string_lossy().starts_with(name))
        .count()
}

#[test]
fn damage_to_one_trial_is_set_aside_and_its_numbers_are_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (run, output) = sweep(folder.path(), "epochs = 2", "epochs = 2");
    assert!(output.status.success());
    let whole = common::timeless(&run);
    let trial = run.join("trials").join(&whole.trials[1].trial_id);
    for name in ["outcome.json", "log.jsonl"] {
        let file = trial.join(name);
        let sound = std::fs::read(&file).expect("it is there");
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 4;
        let line = sound.iter().rposition(|&byte| byte == b'\n');
        let line = sound[..line.expect("it has lines")]
            .iter()
            .rposition(|&byte| byte == b'\n')
            .expect("it has two");
        for (time, damaged) in [
            &flipped[..],
            &[],
            &sound[..sound.len() / 2],
            &sound[..=line],
        ]
        .into_iter()
        .enumerate()
        {
            std::fs::write(&file, damaged).expect("it can be written");
            let output = lawn(&["report", &path(&run)]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            assert!(said.contains(&format!("{name} is damaged")), "{said}");
            assert_eq!(common::timeless(&run).trials, whole.trials[..1]);
            assert_eq!(std::fs::read(&file).expect("it is there"), damaged);

            let output = lawn(&["sweep", &path(&run)]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            assert!(said.contains(&format!("{name} is damaged")), "{said}");
            assert_eq!(common::timeless(&run), whole);
            assert_eq!(kept(&trial, &format!("{name}.damaged")), time + 1);
        }
    }
}

#[test]
fn an_outcome_or_log_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (run, output) = sweep(folder.path(), "epochs = 2", "epochs = 2");
    assert!(output.status.success());
    let whole = common::timeless(&run);
    let trial = run.join("trials").join(&whole.trials[1].trial_id);
    for (name, newer) in [
        ("outcome.json", "{ \"schema\": 99 }\n".to_owned()),
        ("log.jsonl", sealed("{\"schema\":99}")),
    ] {
        let file = trial.join(name);
        let sound = std::fs::read(&file).expect("it is there");
        std::fs::write(&file, &newer).expect("it can be written");
        for verb in ["report", "sweep"] {
            let output = lawn(&[verb, &path(&run)]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(name) && said.contains("schema 99"), "{said}");
            assert_eq!(kept(&trial, &format!("{name}.damaged")), 0);
            assert_eq!(std::fs::read_to_string(&file).expect("it is there"), newer);
        }
        std::fs::write(&file, sound).expect("it can be written");
    }
}

#[test]
fn a_checkpoint_of_another_version_ends_the_sweep_once_and_is_no_outcome() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kept = "[resources]\nkeep_checkpoints = true\ncheckpoint_seconds = 0\n\n[budget]";
    let (run, output) = sweep(folder.path(), "[budget]", kept);
    assert!(output.status.success(), "{}", common::said(&output));
    let whole = common::timeless(&run);
    let trials: Vec<PathBuf> = whole
        .trials
        .iter()
        .map(|trial| run.join("trials").join(&trial.trial_id))
        .collect();
    let mut sound = Vec::new();
    for trial in &trials {
        std::fs::remove_file(trial.join("outcome.json")).expect("it was there");
        let checkpoint = trial.join("checkpoint.safetensors");
        sound.push(std::fs::read(&checkpoint).expect("it is kept"));
        let mut state = State::load(&checkpoint, Device::Cpu).expect("it is whole");
        state.metadata.insert("version".into(), "1".into());
        // Version 1 had none.
        state.metadata.remove("digest").expect("version 2 has one");
        state.save(&checkpoint).expect("there is room");
    }
    let before = trials.iter().map(|trial| kept_files(trial));
    let before: Vec<_> = before.collect();
    let output = lawn(&["sweep", &path(&run), "--workers", "2"]);
    let said = common::said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.matches("has schema 1").count(), 1, "{said}");
    for word in [
        "checkpoint.safetensors",
        "allowed: from 3 on",
        "remove the file",
    ] {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    for (trial, before) in trials.iter().zip(before) {
        assert!(!trial.join("outcome.json").exists(), "{said}");
        assert_eq!(kept_files(trial), before);
    }
    let status = common::said(&lawn(&["status", &path(&run)]));
    assert!(status.contains("0 of 2"), "{status}");

    // With the checkpoints that this version reads, the same command goes on.
    for (trial, sound) in trials.iter().zip(sound) {
        std::fs::write(trial.join("checkpoint.safetensors"), sound).expect("there is room");
    }
    let output = lawn(&["sweep", &path(&run)]);
    assert!(output.status.success(), "{}", common::said(&output));
    assert_eq!(common::timeless(&run), whole);
}

/// The log of a trial and its checkpoints, byte by byte.
fn kept_files(trial: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(trial).expect("the trial has a folder");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let kept = paths.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("checkpoint") || name.starts_with("log")
    });
    kept.map(|path| (path.clone(), std::fs::read(path).expect("it is there")))
        .collect()
}

/// A line of a log with its checksum.
fn sealed(object: &str) -> String {
    let text = object.strip_suffix('}').expect("it is an object");
    let digits = blake3::hash(text.as_bytes()).to_hex();
    format!("{text},\"checksum\":\"{}\"}}\n", &digits[..16])
}
