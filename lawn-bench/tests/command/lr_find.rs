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

/// Distances of all arms are measured from the freeze of one, in epochs, and the test has steps.
#[test]
fn baselines_beside_an_arm_with_lawn_are_tested() {
    let lawn =
        "[arms.sgd-lawn]\nrule = \"sgd\"\nlearning_rate = 0.1\nlawn = true\nfree_epochs = 1\n\n";
    let every = "[evaluation]\nevery = { epochs = 1 }\n\n";
    let text = SMALL.replace("[confirmation]", &format!("{lawn}{every}[confirmation]"));
    let (_kept, output) = lr_find(&text, &["--json", "--steps", "20"]);
    assert!(output.status.success(), "{}", said(&output));
    let tests: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(tests.as_array().map(Vec::len), Some(2));
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

/// What is to be tried where no rate is suggested, and an exit code that a script sees.
#[test]
fn a_range_without_a_suggestion_says_what_to_try() {
    let more = ["--from", "1e30", "--to", "1e35", "--steps", "30"];
    let (_kept, output) = lr_find(SMALL, &more);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "diverged",
        "lower --from",
        "no rate is suggested for any arm",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Two arms that are the same before a freeze, another, and a rate that follows the batch size.
const ARMS: &str = r#"
name = "arms"
batch_sizes = [32, 128]
tasks.feedback = { kind = "ncf", model = "gmf", generated = { users = 60, items = 220, interactions = 10 } }
budget.epochs = 2
tuning.learning_rate_scaling = "linear"
arms.sgd = { rule = "sgd", learning_rate = 0.1 }
arms.sgd-lawn = { rule = "sgd", learning_rate = 0.1, lawn = true, free_fraction = 0.5 }
arms.adam = { rule = "adam", learning_rate = 0.1 }
confirmation.seeds = [1, 2]
"#;

#[test]
fn arms_are_chosen_by_name_and_what_is_to_be_known_of_each_is_said() {
    let more = [
        "--arm", "sgd", "--arm", "sgd-lawn", "--from", "1e-3", "--to", "1e4",
    ];
    let (kept, output) = lr_find(ARMS, &more);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let of = |arm: &str, batch: &str| {
        let line = text.lines().find(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == Some(&arm) && words.get(2) == Some(&batch)
        });
        line.unwrap_or_else(|| panic!("{arm} at {batch} is not in: {text}"))
    };
    assert!(!text.contains(" adam "), "{text}");
    // Its constraint begins after a free phase, which the test leaves it in.
    for batch in ["32", "128"] {
        let lawn = of("sgd-lawn", batch);
        assert!(lawn.contains("free all along"), "{lawn}");
        assert!(lawn.contains("step for step as sgd"), "{lawn}");
        assert!(!of("sgd", batch).contains("free all along"), "{text}");
    }
    assert!(of("sgd", "128").contains("in the file, trained with 4.000 times that"));
    assert!(!of("sgd", "32").contains("in the file"), "{text}");
    assert!(!text.contains("replaces"), "{text}");
    let file = kept.path().join("small.toml");
    let again = lawn()
        .arg("lr-find")
        .arg(&file)
        .args(["--arm", "sgd", "--batch", "32", "--steps", "5", "--out"])
        .arg(kept.path())
        .output()
        .expect("lawn starts");
    assert!(
        said(&again).contains("which replaces another"),
        "{}",
        said(&again)
    );
}
