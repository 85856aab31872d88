//! Whole sweeps through the `lawn` command: to a report, interrupted, killed, resumed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{SMALL, folder, lawn, said, sweep, timeless};
use lawn_analysis::records::{BudgetUnit, Outcome, Records, Stage};

const TINY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/command/sweeps/tiny.toml"
);

fn start(out: &Path) -> Child {
    lawn()
        .args(["sweep", TINY, "--out"])
        .arg(out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("lawn starts")
}

/// Waits until `count` files called `name` are among the trials of `run`.
fn wait_for(run: &Path, name: &str, count: usize) {
    let since = Instant::now();
    loop {
        let trials = std::fs::read_dir(run.join("trials"))
            .into_iter()
            .flatten()
            .flatten();
        if trials
            .filter(|trial| trial.path().join(name).exists())
            .count()
            >= count
        {
            return;
        }
        assert!(
            since.elapsed() < Duration::from_secs(120),
            "{name} never came {count} times"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_sweep_resumes_to_the_same_records() {
    let (_kept, whole) = folder();
    let output = sweep(Path::new(TINY), Some(&whole));
    assert!(output.status.success(), "{}", said(&output));
    let expected = timeless(&whole);
    // 2 tasks × 2 batch sizes × 2 arms × (2 settings + 2 seeds), 3 epochs each.
    assert_eq!(expected.trials.len(), 32);
    assert_eq!(expected.epochs.len(), 96);
    assert!(
        expected
            .trials
            .iter()
            .all(|trial| trial.outcome == Outcome::Ok)
    );
    let confirmed = |stage| {
        expected
            .trials
            .iter()
            .filter(move |trial| trial.stage == stage)
    };
    let budget = (Some(BudgetUnit::Epochs), Some(3));
    let mut budgets = expected
        .trials
        .iter()
        .map(|trial| (trial.budget_unit, trial.budget_amount));
    assert!(budgets.all(|found| found == budget));
    assert!(confirmed(Stage::Tune).all(|trial| trial.test_metric.is_none()));
    assert!(confirmed(Stage::Confirm).all(|trial| trial.test_metric.is_some()));

    let (_kept, killed) = folder();
    for finished in [1, 9, 20] {
        let mut child = start(&killed);
        wait_for(&killed, "outcome.json", finished);
        child.kill().expect("the sweep is still running");
        child.wait().expect("it was killed");
    }
    let output = sweep(&killed, None);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(timeless(&killed), expected);
}

#[test]
fn what_to_think_about_is_said_once_as_a_sweep_is_planned() {
    let (kept, run) = folder();
    let file = kept.path().join("few.toml");
    let arms = "[arms.sgd-lawn]\nrule = \"sgd\"\nlearning_rate = 0.1\nlawn = true\n\
                free_fraction = 0.01\nmomentum = 0.5\n\n[arms.other]\nrule = \"adam\"\nlearning_rate = 0.1\n\n\
                [defaults]\nwarmup = 0.1\n\n[confirmation]";
    std::fs::write(&file, SMALL.replace("[confirmation]", arms)).expect("there is room");
    let first = sweep(&file, Some(&run));
    assert!(first.status.success(), "{}", said(&first));
    let text = said(&first);
    for warning in [
        "warning: with 2 paired seeds the smallest two-sided p",
        "warning: no contrast has other",
        "warning: arm `sgd-lawn`: 1 of 1 settings end their free phase within the warm-up",
        "warning: sgd-lawn over sgd compares more than the constraint: momentum",
    ] {
        assert_eq!(text.matches(warning).count(), 1, "{warning:?} in: {text}");
    }
    // The report has what was compared among its notes.
    let summary = std::fs::read_to_string(run.join("report/summary.md")).expect("it is there");
    let notes = summary.replace("\n> ", " ");
    let compared = "compares more than the constraint: momentum = 0.5 beside 0.0; what is found";
    assert!(notes.contains(compared), "{summary}");
    for (target, out) in [(&run, None), (&file, Some(run.as_path()))] {
        let again = sweep(target, out);
        assert!(again.status.success(), "{}", said(&again));
        assert!(!said(&again).contains("warning:"), "{}", said(&again));
    }
}

#[test]
fn the_same_file_goes_on_with_its_run_and_another_is_refused() {
    let (kept, run) = folder();
    let mut child = start(&run);
    wait_for(&run, "outcome.json", 1);

    let busy = lawn()
        .args(["retry", "--outcome", "crashed"])
        .arg(&run)
        .output()
        .expect("lawn starts");
    assert_eq!(busy.status.code(), Some(1));
    assert!(
        said(&busy).contains("a launcher is at work"),
        "{}",
        said(&busy)
    );

    let status = lawn()
        .args(["status", "--json"])
        .arg(&run)
        .output()
        .expect("lawn starts");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("status is JSON");
    assert_eq!(status["running"], true);
    assert_eq!(status["trials"], 32);

    child.kill().expect("the sweep is still running");
    child.wait().expect("it was killed");

    let other = kept.path().join("other.toml");
    let text = std::fs::read_to_string(TINY).expect("the tiny sweep");
    std::fs::write(&other, text.replace("epochs = 3", "epochs = 4")).expect("a second sweep file");
    let refused = sweep(&other, Some(&run));
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("holds another plan"),
        "{}",
        said(&refused)
    );
}

#[test]
fn a_signal_stops_in_order_and_says_how_to_go_on() {
    // A batch system warns before it ends a job, and trials are stopped in order all the same.
    for signals in [&["-INT"][..], &["-USR1", "-TERM"]] {
        let (_kept, run) = folder();
        let child = lawn()
            .args(["sweep", TINY, "--out"])
            .arg(&run)
            .stderr(Stdio::piped())
            .spawn()
            .expect("lawn starts");
        wait_for(&run, "log.jsonl", 1);
        for signal in signals {
            let sent = Command::new("kill")
                .args([signal, child.id().to_string().as_str()])
                .status();
            assert!(sent.expect("kill runs").success());
        }
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "{}", said(&output));
        assert!(said(&output).contains("goes on"), "{}", said(&output));
    }
}

#[test]
fn missing_data_is_said_before_anything_runs() {
    let (kept, run) = folder();
    let text = std::fs::read_to_string(TINY).expect("the tiny sweep");
    let file = kept.path().join("missing.toml");
    let text = text
        .replace("data = \"generated\"", "data = \"nowhere\"")
        .replace("generated = {", "# {");
    std::fs::write(&file, text).expect("a sweep file");
    let output = lawn()
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(&run)
        .arg("--data-root")
        .arg(kept.path())
        .output()
        .expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("nowhere"), "{}", said(&output));
    assert!(
        !run.join("trials").exists(),
        "no trial may have been started"
    );
}

#[test]
fn a_report_can_be_made_of_what_is_there() {
    let (_kept, run) = folder();
    let mut child = start(&run);
    wait_for(&run, "outcome.json", 3);
    child.kill().expect("the sweep is still running");
    child.wait().expect("it was killed");
    let output = lawn()
        .arg("report")
        .arg(&run)
        .output()
        .expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    assert!(run.join("report/report.html").exists());
    assert!(run.join("report/summary.md").exists());
}

/// A train loss of at most 10 is there from the first evaluation on.
#[test]
fn records_have_the_step_of_a_freeze_that_hangs_on_a_condition() {
    let (kept, run) = folder();
    let file = kept.path().join("frozen.toml");
    let lawn = "learning_rate = 0.1\nlawn = true\nfree_fraction = 0.9\n";
    let with = |text: &str| {
        SMALL
            .replace("learning_rate = 0.1\n", text)
            .replace("epochs = 2", "epochs = 4")
    };
    let step = |text: &str| {
        std::fs::write(&file, with(text)).expect("there is room");
        let _ = std::fs::remove_dir_all(&run);
        let output = sweep(&file, Some(&run));
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let records = Records::load(&run.join("records")).expect("the run has records");
        let mut steps: Vec<_> = records
            .trials
            .iter()
            .map(|one| one.frozen_at_step)
            .collect();
        steps.dedup();
        let first = records.epochs.iter().map(|epoch| epoch.step).min();
        (steps, first)
    };
    let (steps, first) = step(&format!("{lawn}freeze_when = {{ train_loss = 10.0 }}\n"));
    assert!(first.is_some());
    assert_eq!(steps, [first]);
    assert_eq!(step(lawn).0, [None]);
}
