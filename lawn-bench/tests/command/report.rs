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
        out.contains("Borne out on mine: adam-lawn generalizes better than adam"),
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

/// The answer of a report at the larger batch size.
fn large(output: &Output) -> serde_json::Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut answers = verdicts["answers"].as_array().unwrap().iter();
    let found =
        answers.find(|answer| answer["question"] == "test-metric" && answer["batch_size"] == 4096);
    found.unwrap().clone()
}

#[test]
fn a_loss_has_the_direction_that_is_given() {
    let losses = results()
        .replace("train_metric,note", "train_metric,metric")
        .replace(",x\n", ",val_loss\n");
    let (dir, path) = written(&losses);
    let refused = report(&path, &["--json"]);
    let err = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{err}");
    assert!(err.contains("metric `val_loss`"), "{err}");
    assert!(err.contains("or --better val_loss=lower"), "{err}");
    assert!(!dir.path().join("report").exists());
    for better in ["lower", "val_loss=lower"] {
        let answer = large(&report(&path, &["--json", "--better", better]));
        assert_eq!(answer["verdict"], "worse");
        let sentence = answer["sentence"].as_str().unwrap();
        assert!(sentence.contains("val_loss (less is better)"), "{sentence}");
    }
}

#[test]
fn trials_without_a_metric_are_taken_as_asked() {
    // Seed 8 of the treatment has no number at the larger batch.
    let lacking = "mine,adam-lawn,4096,8,";
    let text_of = |line: &str| match line.strip_prefix(lacking) {
        Some(_) => format!("{lacking},0.7,x\n"),
        None => format!("{line}\n"),
    };
    let (dir, path) = written(&results().lines().map(text_of).collect::<String>());
    let refused = report(&path, &[]);
    let err = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{err}");
    assert!(
        err.contains("1 of 32 trials whose outcome is ok have no number (line 33)"),
        "{err}"
    );
    assert!(!dir.path().join("report").exists());
    let diverged = large(&report(&path, &["--json", "--missing-metric", "diverged"]));
    let crashed = large(&report(&path, &["--json", "--missing-metric", "crashed"]));
    assert_eq!(diverged["treatment_diverged"], 1);
    assert_eq!(
        (&crashed["treatment_diverged"], &crashed["n"]),
        (&0.into(), &7.into())
    );
    let said = report(&path, &["--missing-metric", "diverged"]);
    let out = text(&said.stdout).replace("\n> ", " ");
    assert!(
        out.contains("as diverged, as asked") && out.contains("31 of 32"),
        "{out}"
    );
}

#[test]
fn arms_may_have_colons_and_ignored_columns_are_provenance() {
    let renamed = results()
        .replace(",adam-lawn,", ",lawn:lr=0.1,")
        .replace(",adam,", ",sgd:lr=0.1,");
    let (dir, path) = written(&renamed);
    let output = report(&path, &["--json", "--contrast", "sgd:lr=0.1:lawn:lr=0.1"]);
    let answer = large(&output);
    assert_eq!(
        (&answer["baseline"], &answer["treatment"]),
        (&"sgd:lr=0.1".into(), &"lawn:lr=0.1".into())
    );
    let page = fs::read_to_string(dir.path().join("report/report.html")).unwrap();
    assert!(page.contains("Columns ignored") && page.contains("1: note"));
    let ambiguous = renamed
        .replace(",lawn:lr=0.1,", ",b:c,")
        .replace(",sgd:lr=0.1,", ",a,")
        + "mine,a:b,256,1,0.6,0.7,x\nmine,c,256,1,0.6,0.7,x\n";
    let (_dir, path) = written(&ambiguous);
    let output = report(&path, &["--contrast", "a:b:c"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        err.contains("`a` and `b:c`, and it is `a:b` and `c`"),
        "{err}"
    );
}

#[test]
fn what_is_wrong_is_named_and_ends_with_2() {
    let (_dir, good) = written(&results());
    let cases: [(&[&str], &str); 14] = [
        (
            &["--margin", "metric=0.1", "--margin", "metric=0.2"],
            "two margins of `metric` are given",
        ),
        (
            &["--better", "higher", "--better", "lower"],
            "two directions of every metric are given",
        ),
        (
            &["--contrast", "adam:sgd"],
            "no arm is called `sgd`; allowed: adam, adam-lawn",
        ),
        (&["--contrast", "adam"], "must be BASELINE:TREATMENT"),
        (
            &[
                "--contrast",
                "adam:adam-lawn",
                "--contrast",
                "adam:adam-lawn",
            ],
            "contrast `adam-lawn` against `adam`: it is asked for twice",
        ),
        (
            &["--contrast", "adam:adam"],
            "an arm cannot be compared with itself",
        ),
        (
            &["--contrast", "a:b:c"],
            "`a:b:c` is no two arms with a colon between; allowed: adam, adam-lawn",
        ),
        (
            &["--better", "loss=lower"],
            "no metric is called `loss`; allowed: metric",
        ),
        (
            &["--better", "less"],
            "allowed: higher, lower, METRIC=higher, METRIC=lower",
        ),
        (
            &["--missing-metric", "ok"],
            "allowed: refuse, diverged, out-of-memory",
        ),
        (
            &["--task", "yours"],
            "no task is called `yours`; allowed: mine",
        ),
        (
            &["--margin", "accuracy=0.1"],
            "no metric is called `accuracy`; allowed: metric",
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
            "no arm X has an arm X-lawn",
        ),
        (
            results()
                .replacen("0.6000", "NaN", 1)
                .replacen("0.6010", "NaN", 1),
            "no number (lines 2, 26); say in a column `outcome` how they ended, such as diverged or \
             crashed; --missing-metric diverged, or crashed, takes them as such",
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

/// The escape study, as it is kept beside its file.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/records/escape")
}

fn of_kept(more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lawn"))
        .arg("report")
        .arg(kept())
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn kept_records_give_the_report_of_their_run_without_training() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("escape");
    let output = of_kept(&["--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // Lines are filled to a width.
    let said = text(&output.stdout);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("adamw-lawn generalizes better than adamw"),
        "{said}"
    );
    // The page of findings has the same sentence's numbers.
    let page = fs::read_to_string(kept().join("../../FINDINGS.md")).unwrap();
    let (_, numbers) = said.split_once("generalizes better than adamw").unwrap();
    let (_, estimate) = numbers.split_once("Mean advantage ").unwrap();
    let estimate = estimate.split_whitespace().next().unwrap();
    assert!(page.contains(estimate), "{estimate}");
    assert!(out.join("report.html").is_file());
    assert!(
        !kept().join("report").exists(),
        "nothing is written among the records"
    );

    let mlflow = of_kept(&["--mlflow", dir.path().join("m").to_str().unwrap()]);
    assert_eq!(mlflow.status.code(), Some(2));
    let said = text(&mlflow.stderr);
    assert!(
        said.contains("--mlflow") && said.contains("records are kept here"),
        "{said}"
    );
}
