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
    pub(super) budget: Spanned<RawAmount>,
    #[serde(default)]
    pub(super) evaluation: RawEvaluation,
    #[serde(default)]
    pub(super) diagnostics: RawDiagnostics,
    #[serde(default)]
    pub(super) tuning: RawTuning,
    pub(super) confirmation: RawConfirmation,
    #[serde(default)]
    pub(super) resources: RawResources,
    #[serde(default)]
    pub(super) engines: super::engines::RawEngines,
    #[serde(default)]
    pub(super) report: RawReport,
    pub(super) contrasts: Option<Spanned<Vec<RawContrast>>>,
    #[serde(rename = "tasks", skip_serializing)]
    pub(super) _tasks: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "arms", skip_serializing)]
    pub(super) _arms: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "defaults", skip_serializing)]
    pub(super) _defaults: Option<IgnoredAny>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAmount {
    pub(super) epochs: Option<Spanned<u64>>,
    pub(super) steps: Option<Spanned<u64>>,
    pub(super) samples: Option<Spanned<u64>>,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEvaluation {
    pub(super) every: Option<Spanned<RawAmount>>,
    pub(super) test_curve: bool,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDiagnostics {
    pub(super) units: bool,
    pub(super) distance_from: Option<Spanned<RawPhase>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    pub(super) epochs: Option<f64>,
    pub(super) fraction: Option<f64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTuning {
    pub(super) seed: Spanned<u64>,
    pub(super) learning_rate_scaling: super::Scaling,
    pub(super) settings: Option<Spanned<u64>>,
    /// Read apart: a name, or names by task.
    #[serde(rename = "metric", skip_serializing)]
    pub(super) _metric: Option<IgnoredAny>,
    pub(super) rungs: Option<Spanned<RawRungs>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRungs {
    pub(super) eta: Spanned<u64>,
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
    pub(super) seeds: Spanned<Vec<Spanned<u64>>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawResources {
    pub(super) workers: Spanned<usize>,
    pub(super) threads: Spanned<usize>,
    pub(super) device: super::DeviceChoice,
    pub(super) timeout_seconds: Option<Spanned<f64>>,
    pub(super) grace_seconds: Spanned<f64>,
    pub(super) lease_seconds: Spanned<f64>,
    pub(super) micro_batch_size: Option<Spanned<u64>>,
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
            lease_seconds: Spanned::new(0..0, crate::lease::EXPIRY.as_secs_f64()),
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
    pub(super) alpha: Spanned<f64>,
    pub(super) margins: BTreeMap<String, Spanned<f64>>,
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
