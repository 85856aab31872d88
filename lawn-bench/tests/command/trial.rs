//! One trial through the `lawn` command: signals, kills, damaged files, no memory, no room.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lawn_analysis::records::Outcome;
use lawn_bench::plan::Plan;
use lawn_bench::run::document;
use lawn_bench::run::ending::Ending;
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::run::trial_dir::TrialDir;
use lawn_bench::run::trial_file::TrialFile;
use lawn_bench::{Error, config, trial};
use lawn_models::{Beginning, EvaluationRecord, Notice};

/// One trial: one arm, one batch size, nothing to tune, one seed.
const SMALL: &str = r#"
name = "small"
batch_sizes = [64]

[tasks.one]
kind = "ncf"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
epochs = 4

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

const IMAGES: &str = r#"kind = "image"
depth = 8
width = 4
statistics_batch = 16
generated = { classes = 3, side = 8, train = 300, test = 30 }"#;

const NCF: &str = r#"kind = "ncf"
generated = { users = 60, items = 220, interactions = 10 }"#;

/// What a trial tells of its beginning, which `just bench harness` makes a table of.
#[test]
fn what_a_trial_has_behind_it_before_its_first_step_is_told_in_order() {
    let run = Run::new(&[]);
    let output = run.train();
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).expect("events are text");
    let reached: Vec<(Beginning, f64)> = (text.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|event| match event {
            trial::Event::Reached {
                beginning,
                unix_seconds,
            } => Some((beginning, unix_seconds)),
            _ => None,
        })
        .collect();
    use Beginning::{Device, Optimizer, Process, Step, Task};
    let order: Vec<Beginning> = reached.iter().map(|(beginning, _)| *beginning).collect();
    assert_eq!(order, [Process, Device, Task, Optimizer, Step]);
    assert!(
        reached.is_sorted_by(|one, other| one.1 <= other.1),
        "{reached:?}"
    );
    // Of the CPU there is nothing else to tell.
    assert!(run.ending().execution.is_none());
}

/// The folder that a run is in, and the run.
struct Run {
    root: PathBuf,
    _kept: Option<tempfile::TempDir>,
}

impl Run {
    /// Plans `SMALL` with each `from` replaced by its `to`.
    fn new(changes: &[(&str, &str)]) -> Self {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let mut run = Self::within(kept.path(), changes);
        run._kept = Some(kept);
        run
    }

    fn within(folder: &Path, changes: &[(&str, &str)]) -> Self {
        let mut text = SMALL.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let file = folder.join("small.toml");
        std::fs::write(&file, &text).expect("the sweep file is written");
        let root = folder.join("run");
        std::fs::create_dir_all(&root).expect("a folder");
        let sweep = config::load(&file).expect("the sweep is right");
        let plan = Plan::new(sweep, Default::default());
        plan.write(&RunDir::new(&root), &file, &text)
            .expect("the plan is written");
        Self { root, _kept: None }
    }

    fn trial(&self) -> TrialDir {
        let run = RunDir::new(&self.root);
        let plan = Plan::read(&run).expect("the run has a plan");
        run.trial(&plan.trials[0].id)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lawn"));
        command
            .env_remove("LAWN_DATA")
            .env("OMP_NUM_THREADS", "1")
            .args(["trial", "--index", "0"])
            .arg(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn train(&self) -> Output {
        self.command().output().expect("lawn starts")
    }

    fn ending(&self) -> Ending {
        let ending = self.trial().read_outcome().expect("it can be read");
        ending.expect("the trial has an outcome")
    }

    /// What the trial measured, without what the clock decides.
    fn records(&self) -> Vec<EvaluationRecord> {
        let log = trial::read_log(&self.trial().log()).expect("the log can be read");
        let timeless = |record: EvaluationRecord| EvaluationRecord {
            samples_per_second: 0.0,
            seconds: Default::default(),
            ..record
        };
        log.records.into_iter().map(timeless).collect()
    }

    /// Waits until the trial has logged something.
    fn wait_for_records(&self) {
        let since = Instant::now();
        let log = self.trial().log();
        while !trial::read_log(&log).is_ok_and(|log| !log.records.is_empty()) {
            assert!(since.elapsed() < Duration::from_secs(60), "nothing logged");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

const ENDLESS: (&str, &str) = ("epochs = 4", "epochs = 1000000");

#[test]
fn an_input_that_is_empty_or_closed_stops_nothing() {
    let run = Run::new(&[]);
    let output = run.train();
    assert!(output.status.success(), "{}", said(&output));

    let closed = Run::new(&[]);
    let command = closed.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" <&-"]);
    shell.arg(command.get_program()).args(command.get_args());
    let output = shell.env_remove("LAWN_DATA").output().expect("sh starts");
    assert!(output.status.success(), "{}", said(&output));

    // A pipe whose other end is gone.
    let piped = Run::new(&[]);
    let mut child = piped
        .command()
        .stdin(Stdio::piped())
        .spawn()
        .expect("lawn starts");
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
    for run in [run, closed, piped] {
        assert_eq!(run.ending().outcome, Outcome::Ok);
        let left = run.trial().checkpoint();
        assert!(
            !left.exists(),
            "a finished trial has no use of its checkpoint"
        );
    }
}

#[test]
fn signals_and_a_launcher_that_is_gone_stop_in_order() {
    for name in ["INT", "TERM", "USR1", "stdin"] {
        let run = Run::new(&[ENDLESS]);
        let mut command = run.command();
        if name == "stdin" {
            command
                .env(trial::STOP_WITH_STDIN, "1")
                .stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("lawn starts");
        let stdin = child.stdin.take();
        run.wait_for_records();
        drop(stdin);
        if name != "stdin" {
            signal(&child, name);
        }
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "{name}: {}", said(&output));
        assert_eq!(run.ending().outcome, Outcome::Preempted, "{name}");
        assert!(run.trial().checkpoint().exists(), "{name}");
    }
}

#[test]
fn killed_trials_end_with_the_same_bits() {
    let budgets = [
        ("epochs = 4", "epochs = 4"),
        (
            "epochs = 4",
            "steps = 150\n[evaluation]\nevery = { steps = 40 }",
        ),
        (
            "epochs = 4",
            "samples = 9_500\n[evaluation]\nevery = { samples = 2_000 }",
        ),
    ];
    for task in [NCF, IMAGES] {
        for budget in budgets {
            let changes = [(NCF, task), budget];
            let through = Run::new(&changes);
            let since = Instant::now();
            let output = through.train();
            assert!(output.status.success(), "{}", said(&output));
            let took = since.elapsed();

            let killed = Run::new(&changes);
            for part in [0.3, 0.5, 0.4] {
                let mut child = killed.command().spawn().expect("lawn starts");
                std::thread::sleep(took.mul_f64(part));
                child.kill().expect("it can be killed");
                child.wait().expect("it was killed");
            }
            let output = killed.train();
            assert!(output.status.success(), "{}", said(&output));
            assert_eq!(killed.ending(), through.ending(), "{}", budget.1);
            assert_eq!(killed.records(), through.records(), "{}", budget.1);
        }
    }
}

#[test]
fn damaged_files_are_set_aside_and_made_again() {
    let through = Run::new(&[]);
    assert!(through.train().status.success());
    let (ending, records) = (through.ending(), through.records());

    // A stopped trial, whose log is then damaged.
    let run = Run::new(&[("epochs = 4", "epochs = 4")]);
    let child = run.command().spawn().expect("lawn starts");
    run.wait_for_records();
    signal(&child, "TERM");
    child.wait_with_output().expect("it ends");
    let dir = run.trial();
    if dir.checkpoint().exists() {
        let mut log = std::fs::read(dir.log()).expect("there is a log");
        let middle = log.len() / 2;
        log[middle] ^= 4;
        std::fs::write(dir.log(), log).expect("it can be written");
        let output = run.train();
        assert!(output.status.success(), "{}", said(&output));
        let again = run.ending();
        assert!(
            matches!(&again.notices[..], [Notice::LogDamaged { .. }]),
            "{:?}",
            again.notices
        );
        assert_eq!(again.summary, ending.summary);
        assert!(dir.root().join("log.jsonl.damaged").exists());
        assert!(dir.root().join("checkpoint.safetensors.damaged").exists());
    }

    // A finished trial, whose outcome is then damaged.
    for damage in ["", "{ \"schema\": 2 }", "not an outcome"] {
        std::fs::write(dir.outcome(), damage).expect("it can be written");
        let output = run.train();
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(run.ending().summary, ending.summary);
        assert_eq!(run.records(), records);
    }
    assert!(dir.root().join("outcome.json.damaged-3").exists());
}

#[test]
fn what_a_newer_version_wrote_is_named_and_stays() {
    let run = Run::new(&[]);
    let dir = run.trial();
    std::fs::create_dir_all(dir.root()).expect("a folder");
    document::write(&dir.outcome(), 99, &serde_json::json!({})).expect("it is written");
    let output = run.train();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("has schema 99"), "{}", said(&output));
    assert!(matches!(dir.read_outcome(), Err(Error::Newer(_))));
}

/// Runs the trial at `index` with so many MiB of address space.
fn train_within(run: &Run, index: usize, mebibytes: u64) -> Output {
    let command = run.command();
    let arguments = command.get_args().map(|argument| match argument == "0" {
        true => index.to_string().into(),
        false => argument.to_owned(),
    });
    let mut shell = Command::new("sh");
    let script = format!("ulimit -v {} && exec \"$0\" \"$@\"", mebibytes * 1024);
    shell.arg("-c").arg(script).arg(command.get_program());
    shell
        .args(arguments)
        .env("OMP_NUM_THREADS", "1")
        .env_remove("LAWN_DATA");
    // Address space, not memory, is what the limit counts: no arena a thread.
    shell.env("MALLOC_ARENA_MAX", "1").stdin(Stdio::null());
    shell.output().expect("sh starts")
}

#[test]
fn without_memory_a_trial_goes_on_in_smaller_parts() {
    // Activations of the whole batch are far more than model and data, and than what is
    // evaluated at once: 100 candidates a user, which are in no parts.
    let changes = [
        (
            NCF,
            "kind = \"ncf\"\nlayers = [512, 64]\n\
             generated = { users = 200, items = 500, interactions = 50 }",
        ),
        ("[64]", "[40_000]"),
        ("epochs = 4", "steps = 2"),
        ("checkpoint_seconds = 0", "checkpoint_seconds = 60"),
        ("seeds = [1]", "seeds = [1, 2]"),
    ];
    let free = Run::new(&changes);
    let output = free.train();
    assert!(output.status.success(), "{}", said(&output));
    // What libtorch maps differs by machine: the limit is looked for between one that is too
    // low to begin and one that holds the whole batch. Nearer to that: far below it the parts
    // are many, and take long.
    let (mut low, mut high) = (400, 4000);
    let reduced = (0..20).find_map(|_| {
        let limit = (low + 3 * high) / 4;
        let run = Run::new(&changes);
        if !train_within(&run, 0, limit).status.success() {
            low = limit;
            return None;
        }
        high = limit;
        (!run.ending().notices.is_empty()).then_some((run, limit))
    });
    let (reduced, limit) = reduced.expect("some limit holds a part of the batch and not all of it");
    let notices = reduced.ending().notices;
    let is_reduction = |notice| matches!(notice, &Notice::MicroBatchReduced { .. });
    assert!(notices.iter().all(is_reduction), "{notices:?}");
    let (a, b) = (
        free.records()[0].train_loss,
        reduced.records()[0].train_loss,
    );
    assert!((a / b - 1.0).abs() < 1e-4, "{a} {b}");

    // What was found is remembered: the next trial of the cell begins with it, and says so.
    let Some(Notice::MicroBatchReduced { to, reason, .. }) = notices.last() else {
        panic!("{notices:?}");
    };
    assert!(
        reason.contains(" asked for") && !reason.contains('\n'),
        "{reason}"
    );
    // With a little more, as threads and arenas do not lie alike in two processes.
    let output = train_within(&reduced, 1, limit + 100);
    assert!(output.status.success(), "{}", said(&output));
    let run = RunDir::new(&reduced.root);
    let next = run.trial(&Plan::read(&run).expect("it is there").trials[1].id);
    let file = TrialFile::read(&next)
        .expect("it can be read")
        .expect("it is there");
    assert_eq!(file.config.micro_batch_size, Some(*to));
    let ending = next
        .read_outcome()
        .expect("it can be read")
        .expect("it is over");
    assert_eq!(ending.notices, []);
}

#[test]
fn without_room_a_trial_stops_and_goes_on_when_there_is_some() {
    let mount = tempfile::tempdir().expect("a temporary folder");
    let size = |size: &str, how: &str| {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("{how}size={size}"), "tmpfs"]);
        command.arg(mount.path()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !size("32m", "") {
        println!("skipped: a file system cannot be mounted here");
        return;
    }
    let done = std::panic::catch_unwind(|| {
        let changes = [
            ("users = 60, items = 220", "users = 4000, items = 2200"),
            ("[64]", "[10_000]"),
        ];
        let through = Run::new(&changes);
        assert!(through.train().status.success());

        let run = Run::within(mount.path(), &changes);
        let filler = mount.path().join("filler");
        std::fs::write(&filler, vec![0; 31 << 20]).expect("it can be written");
        let output = run.train();
        assert_eq!(output.status.code(), Some(5), "{}", said(&output));
        assert!(said(&output).contains("No space left"), "{}", said(&output));
        assert!(
            run.trial()
                .read_outcome()
                .expect("it can be read")
                .is_none()
        );
        std::fs::remove_file(filler).expect("it was there");
        let output = run.train();
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(run.ending(), through.ending());
        assert_eq!(run.records(), through.records());
    });
    let _ = Command::new("umount").arg(mount.path()).status();
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
