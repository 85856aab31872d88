//! Trains one trial on generated data, and leaves its weights to be compared with those of another.
//!
//! ```text
//! cargo run --release -p lawn-models --example same_twice -- --folder DIR [--task image] [--cuda 0]
//! ```
//!
//! `DIR/model.safetensors` has the weights of the end. A trial that finds a checkpoint in its folder
//! goes on from there. What happens on the way is told as lines of JSON.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use clap::{Parser, ValueEnum};
use lawn_models::{
    Amount, Beginning, Device, EvaluationRecord, GraphUse, Notice, Observer, OptimizerSettings,
    Precision, RuleName, Stage, TaskConfig, TrialConfig, TrialContext, TrialEnd, TrialInfo,
    keep_host_memory, probe, run_trial, set_threads, train_dataset,
};
use serde_json::{Value, json};

#[derive(Parser)]
struct Options {
    /// Folder of the checkpoint and of the weights
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// What is learned
    #[arg(long, value_enum, default_value_t = Task::Ncf)]
    task: Task,
    /// Samples per step
    #[arg(long, default_value_t = 1_000)]
    batch_size: u64,
    /// Samples in memory at once
    #[arg(long)]
    micro_batch_size: Option<u64>,
    /// Passes over the train split
    #[arg(long, default_value_t = 2)]
    epochs: u64,
    /// Users, train images, or hundreds of clicks
    #[arg(long, default_value_t = 400)]
    size: u32,
    /// Seconds from one checkpoint to the next
    #[arg(long, default_value_t = 3600.0)]
    checkpoint_every: f64,
    /// Threads that one operation may use
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Leave out what gives the same bits each time
    #[arg(long)]
    not_deterministic: bool,
    /// Capture passes on CUDA in graphs, and replay them
    #[arg(long)]
    graphs: bool,
    /// Train nothing: say whether the samples of two epochs are the same from host and device
    #[arg(long)]
    samples: bool,
    /// Index of a CUDA device, in place of the CPU
    #[arg(long)]
    cuda: Option<usize>,
}

#[derive(ValueEnum, Clone, Copy)]
enum Task {
    /// NeuMF: tables, linear layers
    Ncf,
    /// A residual network: convolutions, batch normalization
    Image,
    /// A vision transformer with dropout and dropped blocks
    Transformer,
    /// DLRM: a table of each column, dot products of their rows
    Clicks,
}

impl Task {
    /// The kind of task, and its table in a sweep file.
    fn table(self, size: u32) -> (&'static str, Value) {
        let images = json!({ "classes": 4, "side": 32, "train": size, "test": 64 });
        match self {
            Self::Ncf => (
                "ncf",
                json!({ "generated": { "users": size, "items": 600, "interactions": 40 } }),
            ),
            Self::Image => ("image", json!({ "depth": 20, "generated": images })),
            Self::Transformer => (
                "image",
                json!({
                    "model": "vit_s_16", "dropout": 0.1, "drop_path": 0.1, "generated": images,
                }),
            ),
            Self::Clicks => (
                "ctr",
                json!({
                    "generated": { "rows": 100 * size },
                    "model": { "name": "dlrm", "width": 8, "bottom": [16, 8], "top": [32, 16] },
                }),
            ),
        }
    }
}

/// Tells what happens.
struct Lines(Instant);

impl Lines {
    fn tell(&self, what: &str, mut line: Value) {
        line["event"] = what.into();
        line["seconds"] = self.0.elapsed().as_secs_f64().into();
        println!("{line}");
    }
}

impl Lines {
    /// Tells when it has come so far, in seconds since 1970.
    fn reach(&self, beginning: Beginning) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = since.map_or(0.0, |since| since.as_secs_f64());
        self.tell("reached", json!({ "beginning": beginning, "at": at }));
    }
}

impl Observer for Lines {
    fn started(&mut self, info: &TrialInfo) {
        let line = json!({ "steps": info.steps, "resumed_step": info.resumed_step });
        self.tell("started", line);
    }
    fn progress(&mut self, step: u64, _steps: u64) {
        // The time to the first step is a large part of a short trial's.
        if step == 1 {
            self.tell("first step", json!({}));
        }
    }
    fn evaluated(&mut self, record: &EvaluationRecord) {
        let line = json!({ "epoch": record.epoch, "train_loss": record.train_loss });
        self.tell("evaluated", line);
    }
    fn notice(&mut self, notice: &Notice) {
        let mut line = json!({ "says": notice.to_string() });
        if let Notice::MicroBatchReduced { from, to, .. } = notice {
            line["from"] = (*from).into();
            line["to"] = (*to).into();
        }
        self.tell("notice", line);
    }
    fn reached(&mut self, beginning: Beginning) {
        self.reach(beginning);
    }
    fn computed(&mut self, used: &GraphUse) {
        self.tell("computed", json!({ "graphs": used }));
    }
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Compares the samples of two epochs, batch by batch.
fn samples(
    lines: &Lines,
    task: &TaskConfig,
    device: Device,
    batch_size: u64,
) -> Result<(), Box<dyn Error>> {
    if device.is_cuda() {
        // Loads libtorch's half for CUDA.
        probe();
    }
    let dataset = train_dataset(task, None, 0)?;
    let (mut count, mut differ) = (0u64, 0u64);
    for epoch in [1, 2] {
        for first in (0..dataset.len()).step_by(batch_size as usize) {
            let samples = first..(first + batch_size).min(dataset.len());
            let host = dataset.batch(samples.clone(), epoch)?;
            let there = dataset.batch_on(samples.clone(), epoch, device)?;
            let there = there.to_device(Device::Cpu);
            let same = host.targets == there.targets && host.inputs == there.inputs;
            count += samples.end - samples.start;
            differ += u64::from(!same);
        }
    }
    let line = json!({
        "samples": count, "batches_that_differ": differ, "reason": dataset.take_reason(),
    });
    lines.tell("samples", line);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = Lines(Instant::now());
    let options = Options::parse();
    lines.reach(Beginning::Process);
    set_threads(options.threads);
    keep_host_memory();
    std::fs::create_dir_all(&options.folder)?;
    let (kind, table) = options.task.table(options.size);
    let optimizer = OptimizerSettings {
        lawn: true,
        free_fraction: Some(0.5),
        ..OptimizerSettings::new(RuleName::Adam, 3e-3)
    };
    let task = TaskConfig::from_table(kind, table)?;
    let device = options.cuda.map_or(Device::Cpu, Device::Cuda);
    if options.samples {
        return samples(&lines, &task, device, options.batch_size);
    }
    let epochs = Amount::Epochs(options.epochs);
    let config = TrialConfig {
        stage: Stage::Confirm,
        precision: Precision::F32,
        micro_batch_size: options.micro_batch_size,
        ..TrialConfig::new(task, optimizer, options.batch_size, epochs)
    };
    let context = TrialContext {
        device,
        data_root: None,
        checkpoint: options.folder.join("checkpoint.safetensors"),
        checkpoint_every: Duration::from_secs_f64(options.checkpoint_every),
        keep_weights: true,
        deterministic: !options.not_deterministic,
        graphs: options.graphs,
    };
    match run_trial(&config, &context, &mut lines)? {
        TrialEnd::Finished(summary) => {
            let line = json!({ "steps": summary.steps, "train_loss": summary.train_loss });
            lines.tell("finished", line);
            Ok(())
        }
        other => Err(format!("the trial did not finish: {other:?}").into()),
    }
}
