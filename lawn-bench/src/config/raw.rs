//! The sweep as it is written, before anything is checked.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// The top of the file. `tasks`, `arms` and `defaults` are listed so that unknown
/// keys are told what is allowed; they are read apart, table by table, because
/// only so does each error keep its place in the text.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSweep {
    pub(super) name: Spanned<String>,
    pub(super) batch_sizes: Spanned<Vec<Spanned<u64>>>,
    pub(super) reference_batch_size: Option<Spanned<u64>>,
    /// Kind of numbers that all trials compute in; weights and evaluation are f32 in any case.
    #[serde(default)]
    pub(super) precision: lawn_models::Precision,
    pub(super) budget: Spanned<RawAmount>,
    /// When trials measure themselves on the way.
    #[serde(default)]
    pub(super) evaluation: RawEvaluation,
    #[serde(default)]
    pub(super) diagnostics: RawDiagnostics,
    /// How settings are drawn, and how the best is chosen on validation data.
    #[serde(default)]
    pub(super) tuning: RawTuning,
    /// What the chosen settings are trained with again.
    pub(super) confirmation: RawConfirmation,
    #[serde(default)]
    pub(super) resources: RawResources,
    #[serde(default)]
    pub(super) engines: super::engines::RawEngines,
    /// What the report tests, and how it looks.
    #[serde(default)]
    pub(super) report: RawReport,
    pub(super) contrasts: Option<Spanned<Vec<RawContrast>>>,
    #[serde(rename = "tasks", skip_serializing)]
    pub(super) _tasks: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "arms", skip_serializing)]
    pub(super) _arms: BTreeMap<String, IgnoredAny>,
    /// What holds for every arm that says nothing else.
    #[serde(rename = "defaults", skip_serializing)]
    pub(super) _defaults: Option<IgnoredAny>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAmount {
    /// Passes over the train split.
    pub(super) epochs: Option<Spanned<u64>>,
    /// Optimizer steps.
    pub(super) steps: Option<Spanned<u64>>,
    /// Samples trained on, counted with repetition.
    pub(super) samples: Option<Spanned<u64>>,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEvaluation {
    /// So much training lies between two evaluations; one epoch where nothing is given.
    pub(super) every: Option<Spanned<RawAmount>>,
    /// Whether confirmation trials measure the test split at every evaluation.
    pub(super) test_curve: bool,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDiagnostics {
    /// Whether the last step of every parameter is measured, too.
    pub(super) units: bool,
    /// Where distances of the weights are measured from, where it is not the freeze.
    pub(super) distance_from: Option<Spanned<RawPhase>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    /// Epochs from the start, fractions allowed.
    pub(super) epochs: Option<f64>,
    /// Part of all steps.
    pub(super) fraction: Option<f64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTuning {
    /// Seed of all tuning trials and of the points drawn.
    pub(super) seed: Spanned<u64>,
    /// How learning rates follow the batch size.
    pub(super) learning_rate_scaling: super::Scaling,
    /// Settings that every arm is tuned over at every batch size.
    pub(super) settings: Option<Spanned<u64>>,
    /// The validation metric that settings are chosen by: a name, or names by task.
    #[serde(rename = "metric", skip_serializing)]
    pub(super) _metric: Option<IgnoredAny>,
    /// Successive halving; without it every setting trains for the whole budget.
    pub(super) rungs: Option<Spanned<RawRungs>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRungs {
    /// One setting in so many goes on from rung to rung.
    pub(super) eta: Spanned<u64>,
    /// Part of the budget after which the first settings are dropped.
    pub(super) first: Spanned<f64>,
}

impl Default for RawTuning {
    fn default() -> Self {
        Self {
            seed: Spanned::new(0..0, 0),
            learning_rate_scaling: super::Scaling::default(),
            settings: None,
            _metric: None,
            rungs: None,
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfirmation {
    /// Seeds of the confirmation trials of every cell; none may be the tuning seed.
    pub(super) seeds: Spanned<Vec<Spanned<u64>>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawResources {
    pub(super) workers: Spanned<usize>,
    pub(super) threads: Spanned<usize>,
    pub(super) device: super::DeviceChoice,
    /// A trial that runs longer is stopped, and its outcome is timeout.
    pub(super) timeout_seconds: Option<Spanned<f64>>,
    /// Time that a trial asked to stop has for its checkpoint, before it is killed.
    pub(super) grace_seconds: Spanned<f64>,
    /// A trial that its process did not touch for so long is free for another launcher.
    pub(super) lease_seconds: Spanned<f64>,
    pub(super) micro_batch_size: Option<Spanned<u64>>,
    /// Time from one checkpoint of a trial to the next: what a kill can lose.
    pub(super) checkpoint_seconds: Spanned<f64>,
    pub(super) tensorboard: bool,
    pub(super) keep_checkpoints: bool,
}

impl Default for RawResources {
    fn default() -> Self {
        Self {
            workers: Spanned::new(0..0, 1),
            threads: Spanned::new(0..0, 1),
            device: super::DeviceChoice::Cpu,
            timeout_seconds: None,
            grace_seconds: Spanned::new(0..0, 30.0),
            lease_seconds: Spanned::new(0..0, crate::run::lease::EXPIRY.as_secs_f64()),
            micro_batch_size: None,
            checkpoint_seconds: Spanned::new(0..0, 5.0),
            tensorboard: true,
            keep_checkpoints: false,
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawContrast {
    pub(super) baseline: Spanned<String>,
    pub(super) treatment: Spanned<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawReport {
    /// Error rate of a family of tests.
    pub(super) alpha: Spanned<f64>,
    /// By metric, the largest difference that does not matter.
    pub(super) margins: BTreeMap<String, Spanned<f64>>,
    /// How wide the figures are, by the venue that prints them.
    pub(super) width: lawn_analysis::Width,
}

impl Default for RawReport {
    fn default() -> Self {
        Self {
            alpha: Spanned::new(0..0, 0.05),
            margins: BTreeMap::new(),
            width: lawn_analysis::Width::default(),
        }
    }
}
