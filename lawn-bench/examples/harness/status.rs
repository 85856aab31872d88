//! How long `lawn status` takes on a run with 10,000 finished trials.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use lawn_bench::config;
use lawn_bench::plan::Plan;
use lawn_bench::report::status::Status;
use lawn_bench::run::ending::Ending;
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::run::{document, ending, files};
use lawn_models::TrialSummary;

use super::{Outcome, median};

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
         generated = {{ users = 60, items = 220, interactions = 10 }}\n\
         [budget]\nepochs = 1\n{}\n[confirmation]\nseeds = [{}]\n",
        arms.concat(),
        seeds.join(", ")
    )
}

pub(super) fn run() -> Outcome<()> {
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
        let bytes = document::to_bytes(&path, ending::SCHEMA, &Ending::ok(summary()?))?;
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
