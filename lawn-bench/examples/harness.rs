//! What the harness itself costs, printed: `cargo run --release --example harness -- WHAT`.
//!
//! - `status`: seconds of `lawn status` on a run with 10,000 finished trials, its files in
//!   memory and, where this process may empty the cache, not;
//! - `overhead LAWN`: seconds of a trial of one step by the command `LAWN`, over those of
//!   `LAWN --version`, which loads libtorch and does nothing else;
//! - `workers LAWN`: time of a sweep of one-thread trials with two workers over that with
//!   one, by the command `LAWN`.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use lawn_bench::ending::Ending;
use lawn_bench::plan::Plan;
use lawn_bench::run_dir::RunDir;
use lawn_bench::status::Status;
use lawn_bench::{config, ending, files};
use lawn_models::TrialSummary;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// 5 arms × 5 batch sizes × 400 seeds.
fn ten_thousand() -> String {
    let seeds: Vec<String> = (1..=400).map(|seed| seed.to_string()).collect();
    let arms: Vec<String> = (0..5)
        .map(|arm| {
            format!(
                "[arms.sgd-{arm}]\nrule = \"sgd\"\nlearning_rate = 0.{}\n",
                arm + 1
            )
        })
        .collect();
    format!(
        "name = \"ten-thousand\"\nbatch_sizes = [32, 64, 128, 256, 512]\n\
         [tasks.feedback]\nkind = \"ncf\"\nmodel = \"gmf\"\n\
         synthetic = {{ users = 60, items = 220, interactions = 10 }}\n\
         [budget]\nepochs = 1\n{}\n[confirmation]\nseeds = [{}]\n",
        arms.concat(),
        seeds.join(", ")
    )
}

/// Eight trials of one thread, some seconds each.
const EIGHT: &str = r#"
name = "eight"
batch_sizes = [256]

[tasks.feedback]
kind = "ncf"
data = "synthetic"
model = "neumf"
synthetic = { users = 1000, items = 600, interactions = 20 }

[budget]
epochs = 12

[arms.adam]
rule = "adam"
learning_rate = 0.003

[confirmation]
seeds = [1, 2, 3, 4, 5, 6, 7, 8]

[resources]
threads = 1
"#;

/// Twenty trials of one step.
const ONE_STEP: &str = r#"
name = "one-step"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
synthetic = { users = 60, items = 220, interactions = 10 }

[budget]
steps = 1

[arms.sgd]
rule = "sgd"
learning_rate = 0.1

[confirmation]
seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
"#;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["status"] => status(),
        ["overhead", lawn] => overhead(Path::new(lawn)),
        ["workers", lawn] => workers(Path::new(lawn)),
        _ => Err("allowed: `status`, `overhead LAWN`, `workers LAWN`".into()),
    }
}

fn status() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let run = RunDir::new(folder.path().join("run"));
    let text = ten_thousand();
    let plan = Plan::new(
        config::parse("ten-thousand.toml", &text)?,
        Default::default(),
    );
    std::fs::create_dir_all(run.root())?;
    plan.write(&run, Path::new("ten-thousand.toml"), &text)?;
    for trial in &plan.trials {
        let dir = run.trial(&trial.id);
        std::fs::create_dir_all(dir.root())?;
        let path = dir.outcome();
        let bytes = files::to_json(&path, ending::SCHEMA, &Ending::ok(summary()?))?;
        files::replace_unflushed(&path, &bytes)?;
    }
    println!("{} finished trials", plan.trials.len());
    let warm = (0..5).map(|_| timed(&run)).collect::<Outcome<Vec<f64>>>()?;
    println!(
        "status, files in memory: {:.3} s (median of 5)",
        median(warm)
    );
    // The kernel drops only what is on the disk already.
    Command::new("sync").status()?;
    match std::fs::write("/proc/sys/vm/drop_caches", "3") {
        Ok(()) => println!("status, nothing in memory: {:.3} s", timed(&run)?),
        Err(error) => println!("status, nothing in memory: not measured, {error}"),
    }
    Ok(())
}

fn timed(run: &RunDir) -> Outcome<f64> {
    let since = Instant::now();
    let status = Status::read(run)?;
    let text = status.render();
    let seconds = since.elapsed().as_secs_f64();
    assert!(status.is_over() && !text.is_empty());
    Ok(seconds)
}

/// A summary with as many measurements as a trial has.
fn summary() -> Outcome<TrialSummary> {
    let measurements: Vec<serde_json::Value> = ["train", "validation", "test"]
        .iter()
        .flat_map(|split| {
            ["hr@10", "ndcg@10", "loss"].map(|metric| {
                serde_json::json!({
                    "split": split, "metric": metric, "value": 0.512_345_678_9,
                    "count": 31, "total": 60,
                })
            })
        })
        .collect();
    Ok(serde_json::from_value(serde_json::json!({
        "epochs": 1.0, "steps": 10, "samples": 640, "measurements": measurements,
        "train_loss": 0.523_456_789_01,
    }))?)
}

fn overhead(lawn: &Path) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let run = RunDir::new(folder.path().join("run"));
    let plan = Plan::new(
        config::parse("one-step.toml", ONE_STEP)?,
        Default::default(),
    );
    std::fs::create_dir_all(run.root())?;
    plan.write(&run, Path::new("one-step.toml"), ONE_STEP)?;
    let (mut loads, mut trials) = (Vec::new(), Vec::new());
    for index in 0..plan.trials.len() {
        loads.push(seconds_of(Command::new(lawn).arg("--version"))?);
        let mut trial = Command::new(lawn);
        trial.arg("trial").arg(run.root());
        trials.push(seconds_of(trial.args(["--index", &index.to_string()]))?);
    }
    let count = trials.len();
    let (load, trial) = (median(loads), median(trials));
    println!(
        "a trial of one step: {trial:.3} s, libtorch's load alone: {load:.3} s (medians of {count})"
    );
    println!("overhead: {:.0} ms", 1e3 * (trial - load));
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

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn workers(lawn: &Path) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("eight.toml");
    std::fs::write(&file, EIGHT)?;
    let cores = std::thread::available_parallelism()?;
    println!("8 trials of one thread on {cores} cores");
    let mut seconds = Vec::new();
    for workers in ["1", "2"] {
        let since = Instant::now();
        let status = Command::new(lawn)
            .arg("sweep")
            .arg(&file)
            .arg("--out")
            .arg(folder.path().join(workers))
            .args(["--quiet", "--workers", workers])
            .stdout(std::process::Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("{} ended with {status}", lawn.display()).into());
        }
        seconds.push(since.elapsed().as_secs_f64());
        println!(
            "{workers} worker(s): {:.1} s, report included",
            since.elapsed().as_secs_f64()
        );
    }
    println!("two over one: {:.3}", seconds[1] / seconds[0]);
    Ok(())
}
