//! A sweep on two ranks where memory is short, through the launcher.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use lawn_analysis::records::{Outcome, Records};
use lawn_bench::plan::Plan;
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::run::trial_file::TrialFile;

use crate::common::{folder, lawn, said};
use crate::ranks::children;

/// Activations of a batch are far more than net, data, and what is evaluated at once.
const WIDE: &str = r#"
name = "wide"
batch_sizes = [40_000]

[tasks.feedback]
kind = "ncf"
layers = [512, 64]
generated = { users = 100, items = 500, interactions = 100 }

[budget]
steps = 2

[arms.sgd]
rule = "sgd"
learning_rate = 0.1

[confirmation]
seeds = [1]
"#;

/// A sweep on two ranks, each process with so many MiB of address space.
fn sweep(file: &Path, run: &Path, mebibytes: Option<u64>) -> Child {
    let limit = mebibytes.map_or("unlimited".into(), |limit| (limit * 1024).to_string());
    let mut shell = Command::new("sh");
    let script = format!("ulimit -v {limit} && exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(lawn().get_program());
    shell
        .arg("sweep")
        .arg(file)
        .arg("--out")
        .arg(run)
        .args(["--ranks", "2", "--quiet"])
        .env_remove("LAWN_DATA")
        .env("OMP_NUM_THREADS", "1")
        // Address space, not memory, is what the limit counts: no arena a thread.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell.spawn().expect("sh starts")
}

fn ends(child: Child) -> Output {
    child.wait_with_output().expect("it ends")
}

/// The most address space that a process which this one has started, or one of those, has had, MiB.
fn peak_below(process: u32) -> u64 {
    let peak = |process: u32| -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmPeak:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes / 1024)
    };
    let below = children(process).into_iter();
    let peaks = below.map(|one| peak(one).unwrap_or(0).max(peak_below(one)));
    peaks.max().unwrap_or(0)
}

fn loss(run: &Path) -> f64 {
    let records = Records::load(&run.join("records")).expect("the run has records");
    assert_eq!(records.trials.len(), 1);
    assert_eq!(records.trials[0].outcome, Outcome::Ok);
    records.trials[0].train_loss.expect("it is over")
}

/// The rank that lacks memory says so, all end, the launcher starts them again, and all take half as many
/// samples at once.
#[test]
fn where_memory_is_short_all_ranks_of_a_sweep_go_on_with_less() {
    let (kept, free) = folder();
    let file = kept.path().join("wide.toml");
    std::fs::write(&file, WIDE).expect("there is room");
    let mut child = sweep(&file, &free, None);
    let mut peak = 0;
    while child.try_wait().expect("it is ours").is_none() {
        peak = peak.max(peak_below(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = ends(child);
    assert!(output.status.success(), "{}", said(&output));

    // What lies beside the activations differs by machine: the limit is looked for below what was taken.
    let found = [50, 100, 200, 300, 400].into_iter().find_map(|less| {
        let run = kept.path().join(format!("less-{less}"));
        let output = ends(sweep(&file, &run, Some(peak - less)));
        let dir = RunDir::new(&run);
        let plan = Plan::read(&dir).ok()?;
        let dir = dir.trial(&plan.trials[0].id);
        let at_once = TrialFile::read(&dir).ok()??.config.micro_batch_size?;
        assert!(output.status.success(), "{less}: {}", said(&output));
        let stderr = std::fs::read_to_string(dir.stderr()).expect("it was written");
        Some((run, at_once, stderr))
    });
    let (run, at_once, stderr) = found.expect("some limit holds a part of the batch and not all");
    // A rank has half of the batch, and then a half of that or less.
    assert!(at_once <= 10_000, "{at_once}");
    let [own, other] =
        ["rank 0", "rank 1"].map(|rank| stderr.contains(&format!("{rank} ends: out of memory: ")));
    assert!(own && other, "{stderr}");
    let apart = (loss(&run) / loss(&free) - 1.0).abs();
    assert!(apart < 1e-4, "{apart}");
}
