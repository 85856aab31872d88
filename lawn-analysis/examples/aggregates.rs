//! Aggregates of the scores of two arms, with the seconds that they took:
//! `cargo run --release --example aggregates -- SCORES.json RESAMPLES`.
//!
//! `SCORES.json` holds `{"lawn": [[…], …], "base": [[…], …]}`, the runs of each task. One thread.
//! `peers/aggregates.py` times the same work in rliable.

use std::collections::BTreeMap;
use std::time::Instant;

use lawn_analysis::Error;
use lawn_analysis::stats::{Bootstrap, Estimate, Sample, Scores};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, resamples] = arguments.as_slice() else {
        return Err("usage: aggregates SCORES.json RESAMPLES".into());
    };
    let arms: BTreeMap<String, Vec<Vec<f64>>> = serde_json::from_slice(&std::fs::read(path)?)?;
    let scores = |arm: &str| -> Result<Scores, Box<dyn std::error::Error>> {
        let tasks = arms.get(arm).ok_or(format!("{path} has no arm `{arm}`"))?;
        let samples = tasks.iter().map(|runs| Sample::new(runs.clone()));
        Ok(Scores::new(samples.collect::<Result<_, _>>()?)?)
    };
    let (lawn, base) = (scores("lawn")?, scores("base")?);
    let bootstrap = Bootstrap {
        resamples: resamples.parse()?,
        ..Bootstrap::default()
    };
    let mean = timed(|| lawn.interquartile_mean(&bootstrap))?;
    let improvement = timed(|| lawn.probability_of_improvement(&base, &bootstrap))?;
    println!(
        "{}",
        json!({"interquartile_mean": mean, "probability_of_improvement": improvement})
    );
    Ok(())
}

fn timed(work: impl Fn() -> Result<Estimate, Error>) -> Result<Value, Error> {
    let start = Instant::now();
    let found = work()?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({
        "value": found.value,
        "low": found.interval.map(|interval| interval.low),
        "high": found.interval.map(|interval| interval.high),
        "seconds": seconds,
    }))
}
