//! Samples per second of a trial on as many ranks as were started, as one line of JSON.
//!
//! `lawn-models/peers/ranks_torch.py` prints the same keys for PyTorch's DistributedDataParallel. Both
//! are started with torchrun's variables. The first half of the steps is warm-up and not counted; all
//! batches are whole. Time includes what training waits for data.

use std::error::Error;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use lawn_models::{
    Amount, Device, EvaluationRecord, Observer, OptimizerSettings, RankGroup, RankMembership,
    RankTimeouts, Ranks, RuleName, Stage, TaskConfig, TrialConfig, TrialContext, TrialInfo,
    run_trial_on, set_threads,
};
use serde_json::{Value, json};

#[derive(Parser)]
struct Options {
    /// The net
    #[arg(long, value_enum, default_value_t = Net::Neumf)]
    model: Net,
    /// Samples per step, of all ranks
    #[arg(long, default_value_t = 8192)]
    batch_size: u64,
    /// Steps that are timed, after as many that are not
    #[arg(long, default_value_t = 10)]
    steps: u64,
    /// Folder in which the ranks meet
    #[arg(long, default_value = ".")]
    folder: std::path::PathBuf,
}

#[derive(ValueEnum, Clone, Copy, PartialEq)]
#[value(rename_all = "snake_case")]
enum Net {
    /// NeuMF with 8 factors and layers 64-32-16-8
    Neumf,
    /// ResNet-20 on pictures of 32 × 32
    Resnet20,
    /// AlgoPerf's DLRM-small
    DlrmSmall,
}

impl Net {
    /// Its kind, and a task with at least so many samples in an epoch.
    fn task(self, samples: u64) -> (&'static str, Value) {
        match self {
            Self::Neumf => {
                // Four negatives beside each positive; two of each user are held out.
                let interactions = samples.div_ceil(6_040 * 5) + 2;
                let data = json!({ "users": 6_040, "items": 3_706, "interactions": interactions });
                ("ncf", json!({ "model": "neumf", "generated": data }))
            }
            Self::Resnet20 => {
                let data = json!({ "classes": 10, "side": 32, "train": samples * 10 / 9 + 20, "test": 100 });
                (
                    "image",
                    json!({ "depth": 20, "width": 16, "statistics_batch": 32, "generated": data }),
                )
            }
            Self::DlrmSmall => {
                let data =
                    json!({ "rows": samples * 10 / 8 + 100, "columns": 26, "vocabulary": 1_000 });
                (
                    "ctr",
                    json!({ "model": { "name": "dlrm_small" }, "generated": data }),
                )
            }
        }
    }
}

/// Keeps the last record.
#[derive(Default)]
struct Last(Option<EvaluationRecord>);

impl Observer for Last {
    fn started(&mut self, _info: &TrialInfo) {}
    fn progress(&mut self, _step: u64, _steps: u64) {}
    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.0 = Some(record.clone());
    }
    fn stop_requested(&self) -> bool {
        false
    }
    fn may_save(&self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    set_threads(1);
    let ranks = match RankMembership::of_this_process()? {
        None => Ranks::alone(),
        Some(membership) => {
            let timeouts = RankTimeouts::default();
            let group = RankGroup::meet(membership, &options.folder, Device::Cpu, timeouts)?;
            Ranks::of(group)
        }
    };
    let samples = options.steps * options.batch_size;
    let (kind, table) = options.model.task(2 * samples);
    let mut config = TrialConfig::new(
        TaskConfig::from_table(kind, table)?,
        OptimizerSettings::new(RuleName::Adam, 1e-3),
        options.batch_size,
        Amount::Steps(2 * options.steps),
    );
    config.stage = Stage::Tune;
    config.evaluation.every = Amount::Steps(options.steps);
    let folder = tempfile::tempdir()?;
    let context = TrialContext {
        device: Device::Cpu,
        data_root: None,
        checkpoint: folder.path().join("checkpoint.safetensors"),
        checkpoint_every: Duration::MAX,
        keep_weights: false,
        deterministic: false,
        graphs: false,
    };
    let mut last = Last::default();
    run_trial_on(&ranks, &config, &context, &mut last)?;
    let record = last.0.ok_or("nothing was measured")?;
    if record.samples != 2 * samples {
        return Err(format!(
            "{} samples were trained on, not {}",
            record.samples,
            2 * samples
        )
        .into());
    }
    if ranks.is_first() {
        let (train, data) = (record.seconds.train, record.seconds.data);
        let line = json!({
            "implementation": "lawn-models",
            "ranks": ranks.count(),
            "batch_size": options.batch_size,
            "samples_per_second": samples as f64 / (train + data),
            "seconds_train": train,
            "seconds_data": data,
            "train_loss": record.train_loss,
        });
        println!("{line}");
    }
    Ok(())
}
