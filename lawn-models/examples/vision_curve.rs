//! The training curve of He et al.'s residual network for small images, a line of JSON an epoch.
//!
//! `lawn-models/peers/curve_torch.py` prints the same for PyTorch, with the same recipe: SGD with
//! momentum 0.9, weight decay on weights of two or more dimensions, a learning rate that rises for
//! a part of the steps and then falls as a cosine, random flips and crops.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lawn_models::{
    Amount, Device, Evaluation, EvaluationRecord, LrShape, Observer, OptimizerSettings, RuleName,
    Split, Stage, TaskConfig, TrialConfig, TrialContext, TrialEnd, TrialInfo, run_trial,
    set_threads,
};
use serde_json::json;

#[derive(Parser)]
struct Options {
    /// Folder of the data sets
    #[arg(long, value_name = "DIR")]
    data_root: PathBuf,
    /// Name of the folder of images under it
    #[arg(long)]
    data: String,
    /// Layers, 6n + 2
    #[arg(long, default_value_t = 20)]
    depth: u32,
    /// Passes over the train split
    #[arg(long, default_value_t = 10)]
    epochs: u64,
    /// Images per step
    #[arg(long, default_value_t = 128)]
    batch_size: u64,
    /// Learning rate after warm-up
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f64,
    /// Weight decay
    #[arg(long, default_value_t = 5e-4)]
    weight_decay: f64,
    /// Part of the steps over which the learning rate rises
    #[arg(long, default_value_t = 0.1)]
    warmup: f64,
    /// Part of each class that is held out
    #[arg(long, default_value_t = 0.05)]
    validation_fraction: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads that one operation may use
    #[arg(long, default_value_t = 1)]
    threads: u32,
}

/// Prints each epoch.
struct Log;

impl Observer for Log {
    fn started(&mut self, _info: &TrialInfo) {}
    fn progress(&mut self, _step: u64, _steps: u64) {}
    fn evaluated(&mut self, record: &EvaluationRecord) {
        let mut measured = record.measurements.iter();
        let test = measured.find(|one| one.split == Split::Test && one.metric == "top-1");
        let line = json!({
            "epoch": record.epoch,
            "train_loss": record.train_loss,
            "test_top_1": test.map(|one| one.value),
        });
        println!("{line}");
    }
    fn stop_requested(&self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    set_threads(options.threads);
    let task = TaskConfig::from_table(
        "image",
        json!({
            "data": options.data,
            "depth": options.depth,
            "channels_last": true,
            "validation_fraction": options.validation_fraction,
        }),
    )?;
    let optimizer = OptimizerSettings {
        momentum: Some(0.9),
        weight_decay: Some(options.weight_decay),
        warmup: options.warmup,
        decay: LrShape::Cosine,
        ..OptimizerSettings::new(RuleName::Sgd, options.learning_rate)
    };
    let epochs = Amount::Epochs(options.epochs);
    let config = TrialConfig {
        seed: options.seed,
        stage: Stage::Confirm,
        evaluation: Evaluation {
            test_curve: true,
            ..Evaluation::default()
        },
        ..TrialConfig::new(task, optimizer, options.batch_size, epochs)
    };
    let folder = tempfile::tempdir()?;
    let context = TrialContext {
        device: Device::Cpu,
        data_root: Some(options.data_root),
        checkpoint: folder.path().join("checkpoint.safetensors"),
        checkpoint_every: Duration::from_secs(3600),
        keep_weights: false,
        deterministic: false,
        graphs: false,
    };
    match run_trial(&config, &context, &mut Log)? {
        TrialEnd::Finished(_) => Ok(()),
        other => Err(format!("the trial did not finish: {other:?}").into()),
    }
}
