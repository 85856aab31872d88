//! Samples per second of NeuMF training, as one line of JSON.
//!
//! `lawn-models/peers/neumf.py` prints the same keys for PyTorch doing the same
//! work. The first epoch is warm-up and not counted.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lawn_models::{
    Amount, Device, Diagnostics, Evaluation, EvaluationRecord, GraphUse, NcfConfig, Notice,
    Observer, OptimizerSettings, Precision, RuleName, Stage, TaskConfig, TrialConfig, TrialContext,
    TrialInfo, run_trial, set_threads,
};
use serde_json::json;

#[derive(Parser)]
struct Options {
    /// Folder of the data sets
    #[arg(long, value_name = "DIR")]
    data_root: PathBuf,
    /// Name of the data set
    #[arg(long, default_value = "ml-1m")]
    data: String,
    /// Threads that one operation may use
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Samples per step
    #[arg(long, default_value_t = 10_000)]
    batch_size: u64,
    /// Epochs that are timed, after one that is not
    #[arg(long, default_value_t = 2)]
    epochs: u64,
    /// Index of a CUDA device, in place of the CPU
    #[arg(long)]
    cuda: Option<usize>,
    /// Launch operations one by one on CUDA, in place of graphs
    #[arg(long)]
    no_graphs: bool,
    /// Take operations that give the same bits each time
    #[arg(long)]
    deterministic: bool,
}

/// Keeps the records of the timed epochs, and how passes were computed.
#[derive(Default)]
struct Timed {
    records: Vec<EvaluationRecord>,
    graphs: Option<GraphUse>,
    not_captured: Option<String>,
}

impl Observer for Timed {
    fn started(&mut self, _info: &TrialInfo) {}
    fn progress(&mut self, _step: u64, _steps: u64) {}
    fn evaluated(&mut self, record: &EvaluationRecord) {
        if record.epoch > 1.0 {
            self.records.push(record.clone());
        }
    }
    fn notice(&mut self, notice: &Notice) {
        if let Notice::NotCaptured { reason } = notice {
            self.not_captured = Some(reason.clone());
        }
    }
    fn computed(&mut self, used: &GraphUse) {
        self.graphs = Some(*used);
    }
    fn stop_requested(&self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    set_threads(options.threads);
    let config = TrialConfig {
        task: TaskConfig::Ncf(NcfConfig {
            data: options.data.clone(),
            ..NcfConfig::default()
        }),
        optimizer: OptimizerSettings::new(RuleName::Adam, 3e-3),
        batch_size: options.batch_size,
        budget: Amount::Epochs(options.epochs + 1),
        seed: 0,
        stage: Stage::Tune,
        precision: Precision::F32,
        micro_batch_size: None,
        stop_after: None,
        evaluation: Evaluation::default(),
        diagnostics: Diagnostics::default(),
    };
    let folder = tempfile::tempdir()?;
    let context = TrialContext {
        device: options.cuda.map_or(Device::Cpu, Device::Cuda),
        data_root: Some(options.data_root),
        checkpoint: folder.path().join("checkpoint.safetensors"),
        checkpoint_every: Duration::from_secs(3600),
        keep_weights: false,
        deterministic: options.deterministic,
        graphs: !options.no_graphs,
    };
    let mut timed = Timed::default();
    run_trial(&config, &context, &mut timed)?;

    let records = &timed.records;
    let last = records
        .last()
        .ok_or("no epoch was timed: --epochs must be 1 or more")?;
    let samples = last.samples as f64 / last.epoch * records.len() as f64;
    let sum = |part: fn(&EvaluationRecord) -> f64| records.iter().map(part).sum::<f64>();
    let (train, data) = (sum(|r| r.seconds.train), sum(|r| r.seconds.data));
    let line = json!({
        "implementation": "lawn-models",
        "threads": options.threads,
        "batch_size": options.batch_size,
        "epochs": records.len(),
        "samples_per_second": samples / (train + data),
        "samples_per_second_train": samples / train,
        "seconds_train": train,
        "seconds_data": data,
        "train_loss": last.train_loss,
        "graphs": timed.graphs,
        "not_captured": timed.not_captured,
    });
    println!("{line}");
    Ok(())
}
