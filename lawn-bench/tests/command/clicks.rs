//! Clicks through the `lawn` command: made, looked at, swept, reported.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::common::{folder, lawn, said, timeless};
use lawn_analysis::records::Outcome;

/// One arm, tuned over two rates, of which one is too small to learn by.
const SWEEP: &str = r#"
name = "ads"
batch_sizes = [64]

[tasks.ads]
kind = "ctr"
data = "ads"
split = "random"
encoding = { hash_size = 300 }
model = { name = "dcn_v2", width = 4, cross_layers = 1, layers = [8] }

[budget]
epochs = 1

[arms.adam]
rule = "adam"

[arms.adam.grid]
learning_rate = [1e-2, 1e-7]

[confirmation]
seeds = [1, 2]
"#;

fn command(arguments: &[&str], root: &Path) -> Output {
    let output = lawn().args(arguments).arg("--data-root").arg(root).output();
    output.expect("lawn starts")
}

#[test]
fn made_clicks_are_listed_checked_and_swept_where_less_is_better() {
    let (kept, run) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    fs::write(&file, SWEEP).expect("there is room");
    let out = root.join("ads");
    let made = lawn()
        .args(["data", "make", "ctr", "--set", "rows=2000", "--out"])
        .arg(&out)
        .output()
        .expect("lawn starts");
    assert!(made.status.success(), "{}", said(&made));
    let listed = command(&["data", "list"], &root);
    assert!(
        said(&listed).contains("ads (1 click files"),
        "{}",
        said(&listed)
    );
    let checked = command(&["data", "check", "ads"], &root);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("2000 rows"), "{}", said(&checked));

    let swept = lawn()
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(&run)
        .arg("--data-root")
        .arg(&root)
        .output()
        .expect("lawn starts");
    assert!(swept.status.success(), "{}", said(&swept));
    let records = timeless(&run);
    assert_eq!(records.trials.len(), 4);
    assert!(
        records
            .trials
            .iter()
            .all(|trial| trial.outcome == Outcome::Ok)
    );
    // The rate that learns has the lower log-loss, and is the one that is confirmed.
    let frozen = fs::read_to_string(run.join("frozen.json")).expect("it is there");
    assert!(
        frozen.contains("\"learning_rate\": 0.01") && !frozen.contains("\"learning_rate\": 1e-7"),
        "{frozen}"
    );
    assert!(said(&swept).contains("less is better"), "{}", said(&swept));
    let listed = command(&["data", "list"], &root);
    assert!(said(&listed).contains("2000 rows"), "{}", said(&listed));
}

#[test]
fn a_bad_line_is_named_before_anything_is_trained() {
    let (kept, run) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    fs::write(&file, SWEEP).expect("there is room");
    let row = |label: u8| format!("{label}{}\n", "\t".repeat(39));
    let text = row(0) + "1,2,3\n" + &row(1);
    fs::create_dir_all(root.join("ads")).expect("there is room");
    fs::write(root.join("ads/train.txt"), text).expect("there is room");
    let checked = command(&["data", "check", "ads"], &root);
    assert_eq!(checked.status.code(), Some(2), "{}", said(&checked));
    assert!(said(&checked).contains("train.txt:2"), "{}", said(&checked));
    let swept = lawn()
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(&run)
        .arg("--data-root")
        .arg(&root)
        .output()
        .expect("lawn starts");
    assert_eq!(swept.status.code(), Some(2), "{}", said(&swept));
    assert!(said(&swept).contains("train.txt:2"), "{}", said(&swept));
    assert!(!run.join("trials").exists(), "nothing was trained");
}
