//! Trials of several ranks through the `lawn` command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lawn_analysis::records::{Outcome, Records};
use lawn_bench::run::ending::Ending;
use lawn_bench::run::run_dir::RunDir;

use crate::common::{folder, lawn, runs, said, sweep};

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

pub(crate) fn endings(run: &Path) -> Vec<Ending> {
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
        assert_eq!(ranks.world.len(), 2, "where each rank was");
        for place in &ranks.world {
            assert_eq!(place, &ranks.world[0], "one machine");
            assert!(place.device == "cpu" && !place.host.is_empty(), "{place:?}");
        }
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
pub(crate) fn planned(folder: &Path, run: &Path, epochs: u32) {
    let text = EACH.replace("epochs = 2", &format!("epochs = {epochs}"));
    written(folder, &text);
    let sweep = lawn_bench::config::load(&folder.join("each.toml")).expect("it is right");
    let plan = lawn_bench::plan::Plan::new(sweep, Default::default());
    std::fs::create_dir_all(run).expect("a folder");
    plan.write(&RunDir::new(run), &folder.join("each.toml"), &text)
        .expect("the plan is written");
}

pub(crate) fn trial(run: &Path, more: &[&str]) -> Command {
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

/// torchrun with a trial on two ranks; nothing where there is no torchrun.
pub(crate) fn torchrun(trial: &Command) -> Option<Command> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv");
    let libtorch = std::env::var_os("LIBTORCH").map(PathBuf::from);
    let beside = libtorch.and_then(|folder| Some(folder.parent()?.to_owned()));
    let mut places = [Some(root), beside].into_iter().flatten();
    let found = places.find_map(|place| {
        let torchrun = place.join("bin/torchrun");
        torchrun.exists().then_some(torchrun)
    });
    if found.is_none() {
        println!("skipped: there is no torchrun in .venv");
    }
    let mut agent = Command::new(found?);
    agent
        .args(["--no-python", "--nproc-per-node", "2"])
        .args(["--master-addr", "127.0.0.1"])
        .args(["--master-port", &free_port().to_string()])
        .arg(trial.get_program())
        .args(trial.get_args())
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::null());
    Some(agent)
}

/// torchrun itself starts them, and its agent keeps the store.
#[test]
fn torchrun_trains_a_trial() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let Some(mut agent) = torchrun(&trial(&run, &[])) else {
        return;
    };
    let output = agent.output().expect("torchrun starts");
    assert!(output.status.success(), "{}", said(&output));
    let found = endings(&run);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Outcome::Ok, "{:?}", found[0].detail);
    let ranks = found[0].ranks.as_ref().expect("there were two");
    assert_eq!((ranks.ranks, ranks.world.len()), (2, 2));
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it has an address").port()
}

/// The processes that a process has started.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Sends a process a signal.
pub(crate) fn signal(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(status.expect("kill is there").success());
}

/// Until a trial of the run has trained.
pub(crate) fn wait_for_checkpoint(run: &Path) {
    let since = Instant::now();
    let is_there = || {
        let trials = std::fs::read_dir(run.join("trials"));
        let mut trials = trials.into_iter().flatten().flatten();
        trials.any(|one| one.path().join("checkpoint.safetensors").exists())
    };
    while !is_there() {
        assert!(since.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_rank_that_is_killed_leaves_one_outcome_and_no_process() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 400);
    let first = trial(&run, &["--ranks", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lawn starts");
    wait_for_checkpoint(&run);
    let others = children(first.id());
    assert_eq!(others.len(), 1);
    let killed = Instant::now();
    signal("-KILL", others[0]);
    let output = first.wait_with_output().expect("it ends");
    assert!(killed.elapsed() < Duration::from_secs(30));
    assert_eq!(output.status.code(), Some(3));
    let line = "rank 0 ends: rank 1 is gone: ";
    assert!(said(&output).contains(line), "{}", said(&output));
    let found = endings(&run);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Outcome::Crashed);
    let detail = found[0].detail.as_deref().unwrap_or_default();
    assert!(detail.contains("rank 1 is gone"), "{detail}");
}

/// One that is killed before the ranks have met is an outcome as well, and rank 0 does not wait for it.
#[test]
fn a_rank_that_is_killed_in_the_meeting_is_an_outcome() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let first = trial(&run, &["--ranks", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lawn starts");
    let since = Instant::now();
    let second = loop {
        if let Some(second) = children(first.id()).first() {
            break *second;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "no rank 1");
        std::thread::yield_now();
    };
    // Libtorch is being loaded: that takes far longer than this.
    signal("-KILL", second);
    let killed = Instant::now();
    let output = first.wait_with_output().expect("it ends");
    assert!(killed.elapsed() < Duration::from_secs(30));
    let found = endings(&run);
    assert_eq!(found.len(), 1, "{}", said(&output));
    assert_eq!(found[0].outcome, Outcome::Crashed);
    let detail = found[0].detail.as_deref().unwrap_or_default();
    assert!(detail.contains("rank 1 is gone: signal: 9"), "{detail}");
    assert!(detail.contains("before it had met the others"), "{detail}");
}

/// Rank 0 says nothing of its own end: its launcher does.
#[test]
fn the_end_of_rank_0_is_an_outcome_that_names_it() {
    let detail = how_a_sweep_loses_rank_0("-KILL");
    assert!(detail.contains("rank 0 of 2 is gone: signal 9"), "{detail}");
}

/// Whoever is left ends it, as the launcher would wait for it.
#[test]
fn rank_0_that_hangs_under_a_sweep_is_named_and_ended() {
    let detail = how_a_sweep_loses_rank_0("-STOP");
    assert!(detail.contains("rank 0 of 2 is gone: signal 9"), "{detail}");
    let line = "rank 1 ends: rank 0 has given no sign of life for 2";
    assert!(detail.contains(line), "{detail}");
}

/// The detail of the outcome of a trial whose rank 0 gets a signal, under a sweep on two ranks.
fn how_a_sweep_loses_rank_0(by: &str) -> String {
    let (kept, run) = folder();
    let text = EACH.replace("epochs = 2", "epochs = 4000");
    let i = text.find("[tasks.pictures]").expect("it is there");
    let j = text.find("[budget]").expect("it is there");
    let file = written(kept.path(), &(text[..i].to_owned() + &text[j..]));
    let mut sweep = lawn();
    sweep
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(&run)
        .args(["--ranks", "2"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let sweep = sweep.spawn().expect("lawn starts");
    let since = Instant::now();
    // Of the launcher's processes rank 0 is the one that has started another: rank 1.
    let (first, second) = loop {
        let trials = children(sweep.id()).into_iter();
        let ranks: Vec<(u32, Vec<u32>)> = trials.map(|id| (id, children(id))).collect();
        let pair = ranks.iter().find(|(_, others)| others.len() == 1);
        let trials = std::fs::read_dir(run.join("trials"));
        let mut trials = trials.into_iter().flatten().flatten();
        let met = trials.any(|one| one.path().join("checkpoint.safetensors").exists());
        if let Some((first, others)) = pair.filter(|_| met) {
            break (*first, others[0]);
        }
        assert!(
            since.elapsed() < Duration::from_secs(120),
            "no checkpoint: {ranks:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    };
    let killed = Instant::now();
    signal(by, first);
    let output = sweep.wait_with_output().expect("it ends");
    // Rank 1 ends by itself once its connection to rank 0 is gone.
    let is_in_time = || killed.elapsed() < Duration::from_secs(30);
    while runs(second) && is_in_time() {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!runs(second) && is_in_time(), "{}", said(&output));
    let found = endings(&run);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Outcome::Crashed);
    assert_eq!(found[0].ranks.as_ref().map(|ranks| ranks.ranks), Some(2));
    found[0].detail.clone().unwrap_or_default()
}

/// One that meets nobody waits as long as it says, and goes when it is asked to.
#[test]
fn a_rank_that_meets_nobody_says_whom_it_waits_for() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let child = trial(&run, &[])
        .env("MASTER_PORT", free_port().to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env("RANK", "1")
        .env("LOCAL_RANK", "1")
        .env("WORLD_SIZE", "2")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lawn starts");
    std::thread::sleep(Duration::from_secs(14));
    let since = Instant::now();
    signal("-TERM", child.id());
    let output = child.wait_with_output().expect("it ends");
    assert!(since.elapsed() < Duration::from_secs(5));
    let said = said(&output);
    assert!(
        said.contains("rank 1 waits for rank 0 at 127.0.0.1:"),
        "{said}"
    );
    assert!(said.contains("for 120 s at most"), "{said}");
    assert!(said.lines().count() < 4, "{said}");
}

/// Between machines it is refused; on one no network is used.
#[test]
fn a_network_that_is_not_there_is_said() {
    if !Path::new("/sys/class/net").is_dir() {
        println!("skipped: this system does not list its networks");
        return;
    }
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let mut command = trial(&run, &["--ranks", "2"]);
    let output = command.env("GLOO_SOCKET_IFNAME", "absent0").output();
    let output = output.expect("lawn starts");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    let told = "GLOO_SOCKET_IFNAME is absent0, expected a network of ";
    assert_eq!(text.matches(told).count(), 1, "{text}");
    assert!(text.contains("and meet on its loopback"), "{text}");
}

#[test]
fn a_plan_says_what_a_rank_has_to_do() {
    let (kept, _) = folder();
    let file = written(kept.path(), EACH);
    let output = lawn()
        .arg("plan")
        .arg(&file)
        .args(["--ranks", "4", "--set", "resources.sharding=\"rows\""])
        .output()
        .expect("lawn starts");
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for word in [
        "4 ranks a trial",
        "samples a rank",
        "memory a rank, about",
        "without the rows of tables that others have, their gradients and moments",
        "summed a step",
        "tables a rank",
        "exchanged a step",
        "were each trial trained on one rank; 4 were not measured",
    ] {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    let by_layer = ["--set", "arms.adam-lawn.rule=\"lamb\""];
    let more = ["--ranks", "4", "--set", "resources.sharding=\"rows\""];
    let refused = |ranks: &[&str]| {
        let mut command = lawn();
        command.arg("plan").arg(&file).args(ranks).args(by_layer);
        let output = command.output().expect("lawn starts");
        assert!(!output.status.success());
        self::said(&output)
    };
    let said = refused(&more);
    assert!(said.contains("tables whose rows are dealt out"), "{said}");
    let said = refused(&["--ranks", "2000"]);
    assert!(said.contains("1 to 1024"), "{said}");
}
