//! What a trial takes beyond its training.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use lawn_analysis::records::Outcome as Ended;
use lawn_bench::config;
use lawn_bench::plan::Plan;
use lawn_bench::plan::choices::{Frozen, FrozenCell, TuningResult};
use lawn_bench::run::run_dir::RunDir;
use lawn_models::CudaProbe;

use super::{Outcome, median, plan};

/// Twenty trials of one step.
pub(super) const ONE_STEP: &str = r#"
name = "one-step"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
steps = 1

[arms.sgd]
rule = "sgd"
learning_rate = 0.1

[confirmation]
seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
"#;

/// Trials that are timed of each kind.
const COUNT: usize = 20;

pub(super) fn run(lawn: &Path) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let few = planned(&folder.path().join("few"), ONE_STEP)?;
    of(lawn, &few, "of 20 planned", 0..COUNT)?;
    if matches!(lawn_models::probe().cuda, CudaProbe::Available { .. }) {
        let there = format!("{ONE_STEP}\n[resources]\ndevice = \"cuda\"\n");
        let there = planned(&folder.path().join("cuda"), &there)?;
        of(lawn, &there, "of 20 planned, on CUDA", 0..COUNT)?;
    }
    let (run, plan) = planned(&folder.path().join("many"), &plan::sweep())?;
    freeze(&run, &plan)?;
    let many = plan.trials.len();
    let tuning = plan.rounds()[0].trials.clone();
    let spread = |first: usize, last: usize| {
        (0..COUNT).map(move |step| first + step * (last - first) / COUNT)
    };
    let all = (run, plan);
    of(
        lawn,
        &all,
        &format!("tuning, of {many} planned"),
        spread(tuning.start, tuning.end),
    )?;
    of(
        lawn,
        &all,
        &format!("confirmation, of {many} planned"),
        spread(tuning.end, many),
    )
}

pub(super) fn planned(folder: &Path, text: &str) -> Outcome<(RunDir, Plan)> {
    let run = RunDir::new(folder);
    let plan = Plan::new(config::parse("one-step.toml", text)?, Default::default());
    std::fs::create_dir_all(run.root())?;
    plan.write(&run, Path::new("one-step.toml"), text)?;
    Ok((run, plan))
}

/// Freezes the first setting of every cell, as if all had been tried.
fn freeze(run: &RunDir, plan: &Plan) -> Outcome<()> {
    let tried = |setting| TuningResult {
        setting,
        outcome: Ended::Ok,
        score: Some(0.512_345_678_9),
        detail: None,
    };
    let settings = plan.sweep.rungs[0].settings;
    let cells = plan.cells().into_iter().map(|cell| FrozenCell {
        cell,
        metric: "ndcg@10".into(),
        setting: Some(0),
        tuned: Default::default(),
        at_border: Vec::new(),
        reason: format!("the first of {settings}"),
        tried: (0..settings).map(tried).collect(),
    });
    let cells = cells.collect();
    Ok(Frozen { cells }.write(run)?)
}

/// Times the trials `indices`, each after a load of libtorch alone.
fn of(
    lawn: &Path,
    (run, _): &(RunDir, Plan),
    what: &str,
    indices: impl Iterator<Item = usize>,
) -> Outcome<()> {
    let (mut loads, mut trials) = (Vec::new(), Vec::new());
    for index in indices {
        loads.push(seconds_of(Command::new(lawn).arg("--version"))?);
        let mut trial = Command::new(lawn);
        trial.arg("trial").arg(run.root());
        trials.push(seconds_of(trial.args(["--index", &index.to_string()]))?);
    }
    let count = trials.len();
    let (load, trial) = (median(loads), median(trials));
    println!(
        "overhead of a trial ({what}): {:.0} ms; one step and all around it {trial:.3} s, \
         libtorch's load alone {load:.3} s (medians of {count})",
        1e3 * (trial - load)
    );
    Ok(())
}

/// Runs a command to its end, with one thread.
fn seconds_of(command: &mut Command) -> Outcome<f64> {
    let since = Instant::now();
    let command = command.env("OMP_NUM_THREADS", "1");
    let output = command.stdin(std::process::Stdio::null()).output()?;
    let seconds = since.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(seconds)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }
}
