//! Trials of several ranks through the `lawn` command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lawn_analysis::records::{Outcome, Records};
use lawn_bench::run::ending::Ending;
use lawn_bench::run::run_dir::RunDir;

use crate::common::{folder, lawn, said, sweep};

/// One trial of each kind.
const EACH: &str = r#"
name = "each"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
generated = { users = 60, items = 220, interactions = 10 }

[tasks.pictures]
kind = "image"
depth = 8
width = 4
statistics_batch = 16
generated = { classes = 3, side = 8, train = 300, test = 30 }

[tasks.clicks]
kind = "ctr"
generated = { rows = 1500, columns = 4, vocabulary = 16 }

[budget]
epochs = 2

[arms.adam-lawn]
rule = "adam"
lawn = true
free_fraction = 0.5
learning_rate = 1e-2

[confirmation]
seeds = [1]

[resources]
checkpoint_seconds = 0
"#;

fn written(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("each.toml");
    std::fs::write(&file, text).expect("the sweep file is written");
    file
}

/// The records of a sweep of `EACH` with these resources.
fn records(resources: &str) -> (tempfile::TempDir, PathBuf, Records) {
    let (kept, run) = folder();
    let file = written(kept.path(), &format!("{EACH}{resources}"));
    let output = sweep(&file, Some(&run));
    assert!(output.status.success(), "{}", said(&output));
    let records = Records::load(&run.join("records")).expect("the run has records");
    (kept, run, records)
}

fn endings(run: &Path) -> Vec<Ending> {
    let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
    let ending = |trial: std::io::Result<std::fs::DirEntry>| {
        let path = trial.expect("it can be listed").path();
        let text = std::fs::read(path.join("outcome.json")).expect("it is over");
        serde_json::from_slice(&text).expect("an outcome")
    };
    trials.map(ending).collect()
}

#[test]
fn a_sweep_of_two_ranks_has_the_trials_and_the_numbers_of_one() {
    let (_kept, _, alone) = records("");
    let (_other, run, shared) = records("ranks = 2\n");
    assert_eq!(alone.trials.len(), 3);
    for (one, other) in alone.trials.iter().zip(&shared.trials) {
        assert_eq!(one.trial_id, other.trial_id, "ranks are no part of a trial");
        assert_eq!(other.outcome, Outcome::Ok);
        let [one_loss, other_loss] = [one, other].map(|row| row.train_loss.expect("it is over"));
        let apart = (one_loss / other_loss - 1.0).abs();
        assert!(apart < 1e-6, "{}: {one_loss} and {other_loss}", one.task);
    }
    for ending in endings(&run) {
        let ranks = ending.ranks.expect("there were several");
        assert_eq!((ranks.ranks, ranks.local_ranks), (2, 2));
        assert_eq!(
            (ranks.backend.as_str(), ranks.device.as_str()),
            ("gloo", "cpu")
        );
    }
    // Nothing is left of the meetings.
    for trial in std::fs::read_dir(run.join("trials")).expect("there are trials") {
        let trial = trial.expect("it can be listed").path();
        for file in std::fs::read_dir(trial).expect("a folder") {
            let name = file.expect("it can be listed").file_name();
            assert!(!name.to_string_lossy().starts_with("ranks."), "{name:?}");
        }
    }
}

/// Plans `EACH` for these ranks.
fn planned(folder: &Path, run: &Path, epochs: u32) {
    let text = EACH.replace("epochs = 2", &format!("epochs = {epochs}"));
    written(folder, &text);
    let sweep = lawn_bench::config::load(&folder.join("each.toml")).expect("it is right");
    let plan = lawn_bench::plan::Plan::new(sweep, Default::default());
    std::fs::create_dir_all(run).expect("a folder");
    plan.write(&RunDir::new(run), &folder.join("each.toml"), &text)
        .expect("the plan is written");
}

fn trial(run: &Path, more: &[&str]) -> Command {
    let mut command = lawn();
    command
        .arg("trial")
        .arg(run)
        .args(["--index", "1"])
        .args(more)
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::null());
    command
}

#[test]
fn ranks_that_torchrun_starts_by_hand_are_one_trial() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let port = free_port().to_string();
    let start = |number: u32| {
        let mut command = trial(&run, &[]);
        command.env("MASTER_PORT", &port);
        command
            .env("RANK", number.to_string())
            .env("LOCAL_RANK", number.to_string())
            .env("WORLD_SIZE", "2")
            .env("MASTER_ADDR", "127.0.0.1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("lawn starts")
    };
    let children: Vec<_> = (0..2).map(start).collect();
    let outputs: Vec<Output> = children
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends"))
        .collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", said(output));
    }
    // Rank 0 alone tells a launcher what happens.
    assert!(!outputs[0].stdout.is_empty() && outputs[1].stdout.is_empty());
    let again = trial(&run, &["--ranks", "2"])
        .output()
        .expect("lawn starts");
    assert!(
        again.status.success(),
        "what is over is over: {}",
        said(&again)
    );
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it has an address").port()
}

/// The processes that a process has started.
fn children(id: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

#[test]
fn a_rank_that_is_killed_leaves_one_outcome_and_no_process() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 400);
    let mut first = trial(&run, &["--ranks", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lawn starts");
    let checkpoint = || {
        let trials = std::fs::read_dir(run.join("trials")).ok()?;
        let path = trials
            .flatten()
            .next()?
            .path()
            .join("checkpoint.safetensors");
        path.exists().then_some(())
    };
    let since = Instant::now();
    while checkpoint().is_none() {
        assert!(since.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
    let others = children(first.id());
    assert_eq!(others.len(), 1);
    let killed = Instant::now();
    let status = Command::new("kill")
        .args(["-KILL", &others[0].to_string()])
        .status();
    assert!(status.expect("kill is there").success());
    let status = first.wait().expect("it ends");
    assert!(killed.elapsed() < Duration::from_secs(30));
    assert!(!status.success());
    let found = endings(&run);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Outcome::Crashed);
    let detail = found[0].detail.as_deref().unwrap_or_default();
    assert!(detail.contains("rank 1 is gone"), "{detail}");
}

#[test]
fn a_plan_says_what_a_rank_has_to_do() {
    let (kept, _) = folder();
    let file = written(kept.path(), EACH);
    let output = lawn()
        .arg("plan")
        .arg(&file)
        .args(["--set", "resources.ranks=4"])
        .output()
        .expect("lawn starts");
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for word in ["4 ranks a trial", "samples a rank", "summed a step"] {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}
