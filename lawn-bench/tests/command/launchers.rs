//! Several launchers on one run directory: nothing is trained twice, the dead are taken over,
//! sleepers do no harm, and nothing is left running.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lawn_analysis::records::{Outcome, Records};
use lawn_bench::report::status::Status;
use lawn_bench::run::run_dir::RunDir;
use serde_json::Value;

use crate::common::runs;

/// Four trials of some seconds each.
const SWEEP: &str = r#"
name = "shared"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
epochs = EPOCHS

[arms.sgd]
rule = "sgd"
learning_rate = 0.1

[confirmation]
seeds = [1, 2, 3, 4]

[resources]
"#;

/// Epochs of a trial that takes some seconds.
const SOME_SECONDS: u64 = 200;

/// Epochs of a trial that nobody waits for.
const ENDLESS: u64 = 1_000_000;

struct Shared {
    _folder: tempfile::TempDir,
    file: PathBuf,
    run: PathBuf,
}

fn shared(epochs: u64, resources: &str) -> Shared {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, run) = (folder.path().join("shared.toml"), folder.path().join("run"));
    let text = SWEEP.replace("EPOCHS", &epochs.to_string()) + resources;
    fs::write(&file, text).expect("the sweep file is written");
    Shared {
        _folder: folder,
        file,
        run,
    }
}

impl Shared {
    fn launcher(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lawn"));
        command
            .arg("sweep")
            .arg(&self.file)
            .arg("--out")
            .arg(&self.run)
            .args(arguments)
            .env_remove("LAWN_DATA")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.launcher(arguments).spawn().expect("lawn starts")
    }

    fn sweep(&self, arguments: &[&str]) -> Output {
        self.launcher(arguments).output().expect("lawn starts")
    }

    fn status(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_lawn"))
            .args(["status", "--json"])
            .arg(&self.run)
            .output()
            .expect("lawn starts");
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("status is JSON")
    }

    /// The processes of `count` trials that train now.
    fn training(&self, count: usize) -> Vec<u32> {
        let run = RunDir::new(&self.run);
        let running = until("trials train", || {
            // Nothing is there yet while the launcher begins. `lawn status` says the same, and
            // would take long enough for a trial to end meanwhile.
            let now = Status::read(&run).ok()?.now;
            let training = now.iter().filter(|trial| trial.pulse.is_some());
            (training.count() >= count).then_some(now)
        });
        running.iter().map(|trial| trial.pid).collect()
    }

    /// Outcome and test metric of every trial.
    fn results(&self) -> Vec<(Outcome, Option<f64>)> {
        let records = Records::load(&self.run.join("records")).expect("the run has records");
        let trials = records.trials.iter();
        trials
            .map(|trial| (trial.outcome, trial.test_metric))
            .collect()
    }
}

/// The results of a sweep of some seconds that nobody disturbs: trained once for all tests.
fn expected() -> &'static [(Outcome, Option<f64>)] {
    static RESULTS: OnceLock<Vec<(Outcome, Option<f64>)>> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let alone = shared(SOME_SECONDS, "workers = 2\n");
        let output = alone.sweep(&[]);
        assert!(output.status.success(), "{}", said(&output));
        alone.results()
    })
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "kill {name} {pid}");
}

fn events(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

fn outcome_files(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let trials = fs::read_dir(run.join("trials")).expect("there are trials");
    let paths = trials.map(|entry| entry.expect("an entry").path().join("outcome.json"));
    paths
        .filter_map(|path| Some((path.clone(), fs::read(path).ok()?)))
        .collect()
}

#[test]
fn two_launchers_train_each_trial_once() {
    let shared = shared(SOME_SECONDS, "");
    let launchers = [shared.start(&["--json"]), shared.start(&["--json"])];
    let mut trained: BTreeMap<String, usize> = BTreeMap::new();
    for launcher in launchers {
        let output = launcher.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", said(&output));
        let events = events(&output);
        assert_eq!(events[0]["event"], "sweep");
        assert_eq!(events[0]["schema"], 1);
        assert_eq!(events.last().expect("events")["event"], "report");
        let over = events
            .iter()
            .filter(|event| event["event"] == "trial-ended");
        assert!(over.clone().all(|event| event["outcome"] == "ok"));
        for event in over.filter(|event| event["worker"].is_u64()) {
            let id = event["trial"].as_str().expect("an id").to_owned();
            *trained.entry(id).or_default() += 1;
        }
    }
    assert_eq!(trained.len(), 4);
    assert!(trained.values().all(|&times| times == 1), "{trained:?}");
    assert!(
        shared
            .results()
            .iter()
            .all(|(outcome, _)| *outcome == Outcome::Ok)
    );
    let left = fs::read_dir(shared.run.join("launchers")).expect("a folder");
    assert_eq!(left.count(), 0, "launchers that are gone have no entry");
}

#[test]
fn trials_of_a_killed_launcher_are_taken_over() {
    let shared = shared(SOME_SECONDS, "");
    // The launcher alone dies: its trial stops in order.
    let mut first = shared.start(&[]);
    let trial = shared.training(1)[0];
    let second = shared.start(&[]);
    signal("-KILL", first.id());
    first.wait().expect("it was killed");
    until("the trial of a dead launcher ends", || {
        (!runs(trial)).then_some(())
    });
    // Launcher and trial die together: the lease tells.
    let mut third = shared.start(&[]);
    let other = *until("the third has a trial", || {
        let pids = shared.training(2);
        let trial = |pid: &&u32| parent(**pid) == Some(third.id());
        pids.iter().find(trial).copied().map(Box::new)
    });
    signal("-STOP", third.id());
    signal("-KILL", other);
    signal("-KILL", third.id());
    third.wait().expect("it was killed");

    let output = second.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(shared.results(), expected());
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

#[test]
fn a_sleeper_that_was_followed_wakes_up_and_does_no_harm() {
    let shared = shared(SOME_SECONDS, "lease_seconds = 1\n");
    let sleeper = shared.start(&[]);
    let trial = shared.training(1)[0];
    signal("-STOP", trial);
    let output = shared.sweep(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(shared.results(), expected());

    let before = outcome_files(&shared.run);
    signal("-CONT", trial);
    until("the sleeper ends", || (!runs(trial)).then_some(()));
    let output = sleeper.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(outcome_files(&shared.run), before);
    assert_eq!(shared.results(), expected());
}

#[test]
fn a_trial_that_does_not_stop_when_its_time_is_up_is_killed() {
    let shared = shared(
        ENDLESS,
        "workers = 4\ntimeout_seconds = 4\ngrace_seconds = 1\n",
    );
    let launcher = shared.start(&["--workers", "4"]);
    let trials = shared.training(4);
    signal("-STOP", trials[0]);
    let output = launcher.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(trials.iter().all(|&trial| !runs(trial)));
    let results = shared.results();
    assert!(
        results
            .iter()
            .all(|(outcome, _)| *outcome == Outcome::Timeout),
        "{results:?}"
    );
}

#[test]
fn a_second_signal_ends_everything_at_once() {
    let shared = shared(ENDLESS, "grace_seconds = 600\n");
    let launcher = shared.start(&["--workers", "2"]);
    let trials = shared.training(2);
    // One that cannot stop in order, for which the first signal waits.
    signal("-STOP", trials[0]);
    signal("-INT", launcher.id());
    until("the other stops", || (!runs(trials[1])).then_some(()));
    assert!(runs(launcher.id()) && runs(trials[0]));
    signal("-INT", launcher.id());
    let output = launcher.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    until("nothing is left", || (!runs(trials[0])).then_some(()));
}

/// As a process that dies of a graph of CUDA: its next one tries none.
#[test]
fn a_trial_that_dies_while_it_tries_graphs_goes_on() {
    let shared = shared(SOME_SECONDS, "");
    let launcher = shared.start(&[]);
    let trial = shared.training(1)[0];
    let graphs = shared.run.join("graphs");
    std::fs::create_dir(&graphs).expect("it can be made");
    let trials = std::fs::read_dir(shared.run.join("trials")).expect("there are trials");
    for entry in trials.flatten() {
        std::fs::write(graphs.join(entry.file_name()), "").expect("it can be written");
    }
    signal("-SEGV", trial);
    let output = launcher.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(shared.results(), expected());
    // A trial that comes to its end has nothing to fear of them.
    let left = std::fs::read_dir(&graphs).expect("it is there").count();
    assert_eq!(left, 0);
}

#[test]
fn a_killed_trial_is_a_row_with_its_signal_and_can_be_retried_by_name() {
    let shared = shared(SOME_SECONDS, "");
    let launcher = shared.start(&[]);
    let trial = shared.training(1)[0];
    signal("-KILL", trial);
    let output = launcher.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let status = shared.status();
    let failures = status["failures"].as_array().expect("a list");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["outcome"], "crashed");
    let reason = failures[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("signal 9 (SIGKILL)"), "{reason}");

    let retry = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lawn"));
        let command = command.arg("retry").arg(&shared.run).args(arguments);
        command.output().expect("lawn starts")
    };
    let index = failures[0]["index"].as_u64().expect("an index");
    let id = failures[0]["trial"].as_str().expect("an id").to_owned();
    for (arguments, words) in [
        (["--trial", "9999"], "no trial is `9999`"),
        (["--arm", "adam"], "no arm is called `adam`; allowed: sgd"),
        (["--batch", "65"], "no batch size is 65; allowed: 64"),
    ] {
        let refused = retry(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(words), "{}", said(&refused));
    }
    let other = (0..4)
        .find(|other| *other != index)
        .expect("there are four");
    let refused = retry(&["--trial", &other.to_string()]);
    assert!(said(&refused).contains("ok"), "{}", said(&refused));
    let retried = retry(&["--trial", &id[..8], "--arm", "sgd"]);
    assert!(
        said(&retried).starts_with("1 to be run again"),
        "{}",
        said(&retried)
    );
    let attempt = shared.run.join("trials").join(&id).join("attempt-1");
    assert!(attempt.join("outcome.json").exists());

    let output = shared.sweep(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(shared.results(), expected());
}

#[test]
fn a_lease_of_a_newer_version_is_refused_by_name() {
    let shared = shared(ENDLESS, "");
    let mut launcher = shared.start(&[]);
    shared.training(1);
    signal("-KILL", launcher.id());
    launcher.wait().expect("it was killed");
    let trials = shared.run.join("trials");
    let first = until("its trial ends", || {
        let mut folders = fs::read_dir(&trials).ok()?.flatten();
        folders.find(|folder| folder.path().join("outcome.json").exists())
    });
    fs::write(first.path().join("lease-99"), "{\"schema\": 99}").expect("it can be written");
    let output = shared.sweep(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("lease-99 has schema 99"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_run_directory_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount = |options: &str| {
        let mut command = Command::new("mount");
        let command = command.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let output = command.arg(folder.path()).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !mount("size=1m") {
        eprintln!("skipped: mounting needs a privilege that this process lacks");
        return;
    }
    let remounted = mount("remount,ro");
    let shared = shared(SOME_SECONDS, "");
    let here = Shared {
        run: folder.path().join("run"),
        file: shared.file.clone(),
        _folder: tempfile::tempdir().expect("a temporary folder"),
    };
    let output = here.sweep(&[]);
    let unmounted = Command::new("umount").arg(folder.path()).status();
    assert!(remounted && unmounted.is_ok_and(|status| status.success()));
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let said = said(&output);
    assert!(
        said.contains("cannot create") && said.contains("Read-only"),
        "{said}"
    );
}

/// A cgroup whose processes may hold `bytes` together.
struct Cgroup(PathBuf);

impl Cgroup {
    /// None where this process may not make one, or the kernel has no such thing.
    fn limited(bytes: u64) -> Option<Self> {
        let name = format!("lawn-test-{}", std::process::id());
        for (root, limit) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ] {
            let folder = Path::new(root).join(&name);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Self(folder);
            if fs::write(group.0.join(limit), bytes.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel is still taking leave of the last process.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_trial_that_the_kernel_kills_for_memory_is_out_of_memory() {
    let Some(group) = Cgroup::limited(600 << 20) else {
        eprintln!("skipped: limiting memory needs a privilege that this process lacks");
        return;
    };
    let shared = shared(1, "");
    let text = fs::read_to_string(&shared.file).expect("the sweep file");
    // Embeddings of more than a GiB.
    let large = text.replace("model = \"gmf\"", "model = \"gmf\"\nfactors = 1_000_000");
    fs::write(&shared.file, large).expect("the sweep file is written");
    let output = Command::new("sh")
        .args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""])
        .arg(&group.0)
        .arg(env!("CARGO_BIN_EXE_lawn"))
        .arg("sweep")
        .arg(&shared.file)
        .arg("--out")
        .arg(&shared.run)
        .env_remove("LAWN_DATA")
        .output()
        .expect("sh starts");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let status = shared.status();
    let failures = status["failures"].as_array().expect("a list");
    assert_eq!(failures.len(), 4, "{}", said(&output));
    for failure in failures {
        assert_eq!(failure["outcome"], "out-of-memory", "{failure}");
        let reason = failure["reason"].as_str().expect("a reason");
        assert!(
            reason.starts_with("signal 9 (SIGKILL) by the kernel for memory"),
            "{reason}"
        );
    }
}
