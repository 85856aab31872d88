//! `lawn report --from`: results made elsewhere, from a table to verdicts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Eight seeds of two arms at two batch sizes; the treatment gains 0.02 at the larger.
fn results() -> String {
    let mut text = "task,arm,batch_size,seed,test_metric,train_metric,note\n".to_owned();
    for seed in 1..=8 {
        for (arm, gain) in [("adam", 0.0), ("adam-lawn", 0.02)] {
            for (batch, drop) in [(256, 0.0), (4096, 0.03)] {
                let wobble = 0.001 * f64::from(seed * seed % 7);
                let gain = if batch == 4096 { gain } else { 0.0 };
                let own = if arm == "adam" {
                    0.0
                } else {
                    0.0005 * f64::from(seed % 3)
                };
                let test = 0.6 + gain - drop + wobble + own;
                text += &format!("mine,{arm},{batch},{seed},{test:.4},0.7,x\n");
            }
        }
    }
    text
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.csv");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn report(from: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(["report", "--from"])
        .arg(from)
        .arg("--out")
        .arg(from.with_file_name("report"))
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn results_give_a_summary_and_a_report() {
    let (dir, path) = written(&results());
    let output = report(&path, &["--margin", "metric=0.005"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.starts_with("# results\n"), "{out}");
    assert!(
        out.contains("On mine, adam-lawn is better than adam"),
        "{out}"
    );
    assert!(err.contains("ignored columns: note"), "{err}");
    assert!(dir.path().join("report/report.html").exists());
    assert!(
        dir.path()
            .join("report/figures/mine-test-metric.pdf")
            .exists()
    );
}

#[test]
fn json_holds_every_verdict() {
    let (dir, path) = written(&results());
    let output = report(&path, &["--json"]);
    let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let answers = verdicts["answers"].as_array().unwrap();
    let at = |question: &str, batch: i64| {
        let found = answers
            .iter()
            .find(|answer| answer["question"] == question && answer["batch_size"] == batch);
        found.unwrap()
    };
    let large = at("test-metric", 4096);
    assert_eq!(large["verdict"], "better");
    assert_eq!(large["n"], 8);
    let advantage = large["advantage"].as_f64().unwrap();
    let interval = &large["interval"];
    let (low, high) = (
        interval["low"].as_f64().unwrap(),
        interval["high"].as_f64().unwrap(),
    );
    assert!(
        low < advantage && advantage < high && low > 0.019,
        "{large}"
    );
    // 2/2⁸, after Holm over two batch sizes.
    assert_eq!(large["p"], 0.0078125);
    assert_eq!(large["adjusted_p"], 0.015625);
    let written = fs::read(dir.path().join("report/verdicts.json")).unwrap();
    assert_eq!(written, output.stdout);
}

#[test]
fn the_other_direction_turns_the_verdict_around() {
    let (_dir, path) = written(&results());
    let output = report(&path, &["--json", "--better", "lower"]);
    let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let answer = verdicts["answers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|answer| answer["question"] == "test-metric" && answer["batch_size"] == 4096);
    assert_eq!(answer.unwrap()["verdict"], "worse");
}

#[test]
fn what_is_wrong_is_named_and_ends_with_2() {
    let (_dir, good) = written(&results());
    let cases: [(&[&str], &str); 6] = [
        (
            &["--contrast", "adam:sgd"],
            "has no arm `sgd`; found: adam, adam-lawn",
        ),
        (&["--contrast", "adam"], "must be BASELINE:TREATMENT"),
        (&["--task", "yours"], "has no task `yours`; found: mine"),
        (
            &["--margin", "accuracy=0.1"],
            "has no metric `accuracy`; found: metric",
        ),
        (&["--margin", "metric=-1"], "allowed: a number above 0"),
        (
            &["--alpha", "0.7"],
            "alpha is 0.7, allowed: above 0, below 0.5",
        ),
    ];
    for (options, expected) in cases {
        let output = report(&good, options);
        let err = text(&output.stderr);
        assert!(err.contains(expected), "{options:?}: {err}");
        assert_eq!(output.status.code(), Some(2), "{err}");
    }
    let twice = results() + "mine,adam,256,8,0.61,0.7,x\n";
    let tables = [
        (
            results().replacen("0.7,x", "high,x", 1),
            "line 2: column `train_metric`: `high` is not a number",
        ),
        (
            twice,
            "seed 8: trials `line-30` and `line-34` are duplicates",
        ),
        (
            results().replace("test_metric", "test"),
            "column `test_metric` is missing",
        ),
        (
            results().replace("adam-lawn", "mine"),
            "has no arm X with an arm X-lawn",
        ),
        (
            results()
                .replacen("0.6000", "NaN", 1)
                .replacen("0.6010", "NaN", 1),
            "test_metric is NaN although its outcome is ok",
        ),
    ];
    for (table, expected) in tables {
        let (dir, path) = written(&table);
        let output = report(&path, &[]);
        let err = text(&output.stderr);
        assert!(err.contains(expected), "{expected}: {err}");
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(
            !dir.path().join("report").exists(),
            "nothing is written of bad results"
        );
    }
    let output = report(&good.with_file_name("absent.csv"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("absent.csv"));
}

#[test]
fn options_of_results_need_results() {
    let output = Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(["report", "somewhere", "--alpha", "0.1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("cannot be used with"),
        "{}",
        text(&output.stderr)
    );
    let help = Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(["report", "--help"])
        .output()
        .unwrap();
    let help = text(&help.stdout);
    for column in [
        "batch_size, seed",
        "higher_is_better",
        "diverged, out-of-memory",
    ] {
        assert!(help.contains(column), "{help}");
    }
}
