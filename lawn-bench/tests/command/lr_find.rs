//! `lawn lr-find`: a rate-range test of each cell, with a figure.

use std::fs;
use std::process::Output;

use crate::common::{SMALL, folder, lawn, said};

/// The test of a file's cells, its figure beside the file.
fn lr_find(text: &str, more: &[&str]) -> (tempfile::TempDir, Output) {
    let (kept, _) = folder();
    let file = kept.path().join("small.toml");
    fs::write(&file, text).expect("there is room");
    let mut command = lawn();
    command
        .arg("lr-find")
        .arg(&file)
        .arg("--out")
        .arg(kept.path());
    let output = command.args(more).output().expect("lawn starts");
    (kept, output)
}

#[test]
fn every_cell_is_tested_and_drawn() {
    let text = SMALL.replace("[64]", "[32, 64]");
    let more = ["--json", "--steps", "40", "--from", "1e-3", "--to", "1e4"];
    let (kept, output) = lr_find(&text, &more);
    assert!(output.status.success(), "{}", said(&output));
    let tests: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let tests = tests.as_array().expect("a list");
    let batches: Vec<_> = tests.iter().map(|test| &test["batch_size"]).collect();
    assert_eq!(batches, [32, 64]);
    for test in tests {
        let steps = test["steps"].as_array().expect("a list");
        let rate = |index: usize| steps[index]["learning_rate"].as_f64().expect("a number");
        assert!((rate(0) / 1e-3 - 1.0).abs() < 1e-12);
        // Each rate is the same multiple of that before it.
        let growth = 1e7f64.powf(1.0 / 39.0);
        assert!((rate(5) / rate(4) / growth - 1.0).abs() < 1e-9);
        // The loss falls before it grows: a suggestion lies within the range.
        let least = test["tenth_of_minimum"].as_f64().expect("a fall");
        assert!((1e-4..1e4).contains(&least), "{least}");
    }
    let figure = fs::read(kept.path().join("lr-find-feedback.png")).expect("a figure");
    assert!(figure.starts_with(b"\x89PNG"));
}

#[test]
fn what_is_not_in_the_file_is_refused() {
    for (more, expected) in [
        (["--arm", "adam"], "no arm is called `adam`"),
        (["--batch", "65"], "no batch size is 65"),
        (["--from", "100"], "100 to 10"),
    ] {
        let (kept, output) = lr_find(SMALL, &more);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
        assert!(!kept.path().join("lr-find-feedback.png").exists());
    }
}
