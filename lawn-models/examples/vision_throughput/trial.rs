//! Images per second of a trial that crops and flips its images: what `run_trial` takes, data included.

use std::error::Error;
use std::time::Duration;

use lawn_models::{
    Amount, Device, DeviceUse, EvaluationRecord, GraphUse, Notice, Observer, OptimizerSettings,
    Precision, RuleName, TaskConfig, TrialConfig, TrialContext, TrialInfo, run_trial,
};
use serde_json::{Value, json};

/// What is trained, and where.
pub(crate) struct Trial {
    pub(crate) device: Device,
    pub(crate) batch_size: u64,
    /// Train images, those held out included.
    pub(crate) images: u32,
    pub(crate) side: u32,
    pub(crate) classes: u32,
    /// Epochs that are timed, after one that is not.
    pub(crate) epochs: u64,
    pub(crate) bf16: bool,
    pub(crate) channels_last: bool,
    pub(crate) graphs: bool,
    pub(crate) deterministic: bool,
}

/// Keeps the records of the timed epochs, and how passes and steps were computed.
#[derive(Default)]
struct Timed {
    records: Vec<EvaluationRecord>,
    graphs: Option<GraphUse>,
    not_captured: Option<String>,
    used: Option<DeviceUse>,
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
    fn uses_device(&mut self, used: &DeviceUse) {
        self.used = Some(used.clone());
    }
    fn stop_requested(&self) -> bool {
        false
    }
}

impl Trial {
    /// Trains ResNet-20 by SGD with momentum on generated images, and says how fast.
    pub(crate) fn run(&self) -> Result<Value, Box<dyn Error>> {
        let task = TaskConfig::from_table(
            "image",
            json!({
                "depth": 20, "channels_last": self.channels_last, "statistics_batch": self.batch_size,
                "generated": {
                    "classes": self.classes, "side": self.side, "train": self.images, "test": 100,
                },
            }),
        )?;
        let optimizer = OptimizerSettings {
            momentum: Some(0.9),
            ..OptimizerSettings::new(RuleName::Sgd, 1e-3)
        };
        let epochs = Amount::Epochs(self.epochs + 1);
        let config = TrialConfig {
            precision: match self.bf16 {
                true => Precision::Bf16,
                false => Precision::F32,
            },
            ..TrialConfig::new(task, optimizer, self.batch_size, epochs)
        };
        let folder = tempfile::tempdir()?;
        let context = TrialContext {
            device: self.device,
            data_root: None,
            checkpoint: folder.path().join("checkpoint.safetensors"),
            checkpoint_every: Duration::from_secs(3600),
            keep_weights: false,
            deterministic: self.deterministic,
            graphs: self.graphs,
        };
        let mut timed = Timed::default();
        run_trial(&config, &context, &mut timed)?;
        let records = &timed.records;
        let last = records.last().ok_or("--epochs must be 1 or more")?;
        let images = last.samples as f64 / last.epoch * records.len() as f64;
        let sum = |part: fn(&EvaluationRecord) -> f64| records.iter().map(part).sum::<f64>();
        let (train, data) = (sum(|r| r.seconds.train), sum(|r| r.seconds.data));
        Ok(json!({
            "implementation": "lawn-models",
            "batch_size": self.batch_size,
            "images_per_second": images / (train + data),
            "seconds_train": train,
            "seconds_data": data,
            "train_loss": last.train_loss,
            "graphs": timed.graphs,
            "not_captured": timed.not_captured,
            "device": timed.used,
        }))
    }
}
