//! What a trial takes until its first step is over, phase by phase.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use lawn_bench::trial::Event;
use lawn_models::{Beginning, CudaProbe};

use super::overhead::{ONE_STEP, planned};
use super::{Outcome, median};

/// Trials that are timed with no kernels kept, and after them.
const COUNTS: [usize; 2] = [2, 5];

/// What is behind a trial in turn, and what the phase that ends there is called.
const PHASES: [(Beginning, &str); 5] = [
    (Beginning::Process, "process, libtorch loaded"),
    (Beginning::Device, "plan read, device ready"),
    (Beginning::Task, "data and model"),
    (Beginning::Optimizer, "optimizer, its kernels"),
    (Beginning::Step, "first step"),
];

pub(super) fn run(lawn: &Path) -> Outcome<()> {
    of(lawn, "cpu")?;
    if matches!(lawn_models::probe().cuda, CudaProbe::Available { .. }) {
        of(lawn, "cuda")?;
    }
    Ok(())
}

/// Prints the medians of the phases of trials of one step on a device.
fn of(lawn: &Path, device: &str) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let text = format!("{ONE_STEP}\n[resources]\ndevice = \"{device}\"\n");
    let (run, _) = planned(&folder.path().join("run"), &text)?;
    let mut index = 0;
    for (count, kernels) in COUNTS.into_iter().zip(["compiled", "found"]) {
        let mut all = Vec::new();
        for _ in 0..count {
            // Where the next trial finds what the one before has compiled, or nothing.
            let cache = match kernels {
                "compiled" => format!("cache-{index}"),
                _ => "cache".to_owned(),
            };
            let mut trial = Command::new(lawn);
            trial.arg("trial").arg(run.root());
            trial.args(["--index", &index.to_string()]);
            trial.env("XDG_CACHE_HOME", folder.path().join(cache));
            all.push(phases_of(&mut trial)?);
            index += 1;
        }
        if kernels == "found" {
            // It has compiled them.
            all.remove(0);
        }
        let count = all.len();
        println!("until the first step on {device}, kernels {kernels} (medians of {count}):");
        for (place, (_, name)) in PHASES.iter().enumerate() {
            let seconds = median(all.iter().map(|one| one[place]).collect());
            println!("  {name:<26}{seconds:>8.3} s");
        }
        let whole = median(all.iter().map(|one| one.iter().sum()).collect());
        println!("  {:<26}{whole:>8.3} s", "all");
    }
    Ok(())
}

/// Seconds of each phase of a trial.
fn phases_of(command: &mut Command) -> Outcome<Vec<f64>> {
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let command = command.env("OMP_NUM_THREADS", "1").stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let events: Vec<Event> = (text.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let mut before = started.as_secs_f64();
    let mut seconds = Vec::new();
    for (wanted, name) in PHASES {
        let found = events.iter().find_map(|event| match event {
            Event::Reached {
                beginning,
                unix_seconds,
            } if *beginning == wanted => Some(*unix_seconds),
            _ => None,
        });
        let end = found.ok_or(format!("the trial did not tell of: {name}"))?;
        seconds.push(end - before);
        before = end;
    }
    Ok(seconds)
}
