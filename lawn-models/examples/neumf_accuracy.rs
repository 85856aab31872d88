//! HR@10 and NDCG@10 of NeuMF on the test split of a rating data set, by seed.
//!
//! Eight factors, Adam, batch 10,000, 20 epochs, 10 % warm-up and then linear
//! decay to zero. Every model trains on the train file less one validation item
//! a user.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lawn_models::{
    Amount, Device, Diagnostics, Evaluation, EvaluationRecord, LrShape, Measurement, NcfConfig,
    Observer, OptimizerSettings, Precision, RuleName, Split, Stage, TaskConfig, TrialConfig,
    TrialContext, TrialEnd, TrialInfo, run_trial, set_threads,
};

#[derive(Parser)]
struct Options {
    /// Folder of the data sets
    #[arg(long, value_name = "DIR")]
    data_root: PathBuf,
    /// Name of the data set
    #[arg(long, default_value = "ml-1m")]
    data: String,
    /// Number of seeds, from 0
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Threads that one operation may use
    #[arg(long, default_value_t = 2)]
    threads: u32,
    /// Samples per step
    #[arg(long, default_value_t = 10_000)]
    batch_size: u64,
    /// Learning rate after warm-up
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f64,
    /// Passes over the train split
    #[arg(long, default_value_t = 20)]
    epochs: u64,
    /// Index of a CUDA device, in place of the CPU
    #[arg(long)]
    cuda: Option<usize>,
}

/// Prints each epoch to standard error.
struct Log {
    seed: u64,
}

impl Observer for Log {
    fn started(&mut self, _info: &TrialInfo) {}
    fn progress(&mut self, _step: u64, _steps: u64) {}
    fn evaluated(&mut self, record: &EvaluationRecord) {
        eprintln!(
            "seed {} epoch {:2}  loss {:.4}  validation hr@10 {:.4}  {:.0} samples/s",
            self.seed,
            record.epoch,
            record.train_loss,
            value(&record.measurements, Split::Validation, "hr@10"),
            record.samples_per_second,
        );
    }
    fn stop_requested(&self) -> bool {
        false
    }
}

fn value(measurements: &[Measurement], split: Split, metric: &str) -> f64 {
    let found = measurements
        .iter()
        .find(|m| m.split == split && m.metric == metric);
    found.map_or(f64::NAN, |measurement| measurement.value)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    set_threads(options.threads);
    let mut all = Vec::new();
    for seed in 0..options.seeds {
        let config = TrialConfig {
            task: TaskConfig::Ncf(NcfConfig {
                data: options.data.clone(),
                ..NcfConfig::default()
            }),
            optimizer: OptimizerSettings {
                warmup: 0.1,
                decay: LrShape::Linear,
                ..OptimizerSettings::new(RuleName::Adam, options.learning_rate)
            },
            batch_size: options.batch_size,
            budget: Amount::Epochs(options.epochs),
            seed,
            stage: Stage::Confirm,
            precision: Precision::F32,
            micro_batch_size: None,
            stop_after: None,
            evaluation: Evaluation::default(),
            diagnostics: Diagnostics::default(),
        };
        let folder = tempfile::tempdir()?;
        let context = TrialContext {
            device: options.cuda.map_or(Device::Cpu, Device::Cuda),
            data_root: Some(options.data_root.clone()),
            checkpoint: folder.path().join("checkpoint.safetensors"),
            checkpoint_every: Duration::from_secs(3600),
            keep_weights: false,
            deterministic: false,
            graphs: false,
        };
        let summary = match run_trial(&config, &context, &mut Log { seed })? {
            TrialEnd::Finished(summary) => summary,
            other => return Err(format!("seed {seed} did not finish: {other:?}").into()),
        };
        let hr = value(&summary.measurements, Split::Test, "hr@10");
        let ndcg = value(&summary.measurements, Split::Test, "ndcg@10");
        println!("seed {seed}  test hr@10 {hr:.4}  ndcg@10 {ndcg:.4}");
        all.push((hr, ndcg));
    }
    let mean = |part: fn(&(f64, f64)) -> f64| all.iter().map(part).sum::<f64>() / all.len() as f64;
    println!(
        "mean    test hr@10 {:.4}  ndcg@10 {:.4}",
        mean(|x| x.0),
        mean(|x| x.1)
    );
    Ok(())
}
