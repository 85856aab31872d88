//! Small trials of both kinds, and what they tell.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod ratings;

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use lawn_models::{
    Amount, Device, Diagnostics, Evaluation, EvaluationRecord, FreezeCondition, LrShape, Notice,
    Observer, OptimizerSettings, Precision, RuleName, Stage, TaskConfig, TrialConfig, TrialContext,
    TrialEnd, TrialInfo, TrialSummary, run_trial,
};
use serde_json::{Value, json};

/// Remembers what it is told, and asks to stop once `stop_at` steps are done.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) infos: Vec<TrialInfo>,
    pub(crate) records: Vec<EvaluationRecord>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) steps: Cell<u64>,
    pub(crate) stop_at: Option<u64>,
}

impl Observer for Recorder {
    fn started(&mut self, info: &TrialInfo) {
        self.infos.push(info.clone());
    }
    fn progress(&mut self, step: u64, _steps: u64) {
        self.steps.set(step);
    }
    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.records.push(record.clone());
    }
    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }
    fn stop_requested(&self) -> bool {
        self.stop_at.is_some_and(|step| self.steps.get() >= step)
    }
}

pub(crate) fn ncf() -> Value {
    json!({ "model": "neumf", "generated": { "users": 60, "items": 200, "interactions": 12 } })
}

pub(crate) fn image() -> Value {
    json!({
        "depth": 8, "width": 4, "statistics_batch": 16,
        "generated": { "classes": 3, "side": 8, "train": 120, "test": 30, "noise": 0.02 },
    })
}

pub(crate) fn trial(kind: &str, table: Value) -> TrialConfig {
    TrialConfig {
        task: TaskConfig::from_table(kind, table).unwrap(),
        optimizer: OptimizerSettings {
            lawn: true,
            free_epochs: Some(1.0),
            warmup: 0.1,
            decay: LrShape::Linear,
            ..OptimizerSettings::new(RuleName::Adam, 1e-2)
        },
        batch_size: if kind == "ncf" { 700 } else { 48 },
        budget: Amount::Epochs(3),
        seed: 5,
        stage: Stage::Confirm,
        precision: Precision::F32,
        micro_batch_size: None,
        stop_after: None,
        evaluation: Evaluation::default(),
        diagnostics: Diagnostics::default(),
    }
}

/// What changes a trial at its evaluations, or in waves.
pub(crate) const ARMS: [&str; 4] = ["plateau", "restarts", "freeze", "averaged"];

/// A trial of one of [`ARMS`]; `averaged` has running statistics of weights that it is not trained
/// with.
pub(crate) fn arm(name: &str) -> TrialConfig {
    let optimizer = OptimizerSettings::new(RuleName::Adam, 1e-2);
    let optimizer = match name {
        // A loss counts as no lower unless it has fallen by nine tenths.
        "plateau" => OptimizerSettings {
            decay: LrShape::Plateau,
            decay_factor: Some(0.5),
            plateau_patience: Some(0),
            plateau_threshold: Some(0.9),
            ..optimizer
        },
        "restarts" => OptimizerSettings {
            decay: LrShape::WarmRestarts,
            restart_after: Some(0.4),
            warmup: 0.1,
            ..optimizer
        },
        "freeze" => OptimizerSettings {
            lawn: true,
            free_fraction: Some(0.9),
            freeze_when: Some(FreezeCondition::TrainLoss(1e3)),
            ..optimizer
        },
        "averaged" => OptimizerSettings::new(RuleName::ScheduleFree, 1e-2),
        other => panic!("{other} is none"),
    };
    let base = match name {
        "averaged" => trial("image", image()),
        _ => trial("ncf", ncf()),
    };
    TrialConfig { optimizer, ..base }
}

pub(crate) fn both() -> [TrialConfig; 2] {
    [trial("ncf", ncf()), trial("image", image())]
}

pub(crate) fn context(folder: &Path) -> TrialContext {
    TrialContext {
        device: Device::Cpu,
        data_root: None,
        checkpoint: folder.join("checkpoint.safetensors"),
        checkpoint_every: Duration::ZERO,
        keep_weights: true,
        deterministic: false,
        graphs: false,
    }
}

pub(crate) fn run(config: &TrialConfig, folder: &Path, recorder: &mut Recorder) -> TrialEnd {
    // Sums over threads depend on their number.
    lawn_models::set_threads(1);
    run_trial(config, &context(folder), recorder).unwrap()
}

pub(crate) fn finish(config: &TrialConfig) -> (TrialSummary, Recorder) {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::default();
    match run(config, folder.path(), &mut recorder) {
        TrialEnd::Finished(summary) => (summary, recorder),
        other => panic!("{other:?}"),
    }
}

/// A record without the times it took.
pub(crate) fn timeless(record: &EvaluationRecord) -> EvaluationRecord {
    EvaluationRecord {
        samples_per_second: 0.0,
        seconds: Default::default(),
        ..record.clone()
    }
}
