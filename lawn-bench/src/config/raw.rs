//! The sweep as it is written, before anything is checked.

use std::collections::BTreeMap;

use lawn_analysis::Width;
use lawn_analysis::records::Word;
use lawn_models::{Amount, Precision};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::device::DeviceChoice;
use super::engines::RawEngines;
use super::field::Field;
use super::sweep::{LEASE, Scaling};

/// Greatest number of settings an arm: the sequence has more points than anyone trains.
pub(super) const SETTINGS: usize = 1 << 16;

/// Optimizers compared over tasks, batch sizes and seeds.
///
/// `tasks`, `arms` and `defaults` are listed so that unknown keys are told what is allowed.
/// They are read apart, table by table: only so does each error keep its place in the text.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSweep {
    /// Name of the sweep, and of its run directory.
    pub(super) name: Field<String>,
    /// Samples per optimizer step.
    #[schemars(length(min = 1), inner(range(min = 1)), extend("uniqueItems" = true))]
    pub(super) batch_sizes: Field<Vec<Field<u64>>>,
    /// The batch size that the large-batch drop is measured from.
    #[schemars(range(min = 1))]
    pub(super) reference_batch_size: Option<Field<u64>>,
    /// Kind of numbers that all trials compute in; weights and evaluation are f32 in any case.
    #[serde(default)]
    pub(super) precision: Precision,
    /// How long every trial trains.
    pub(super) budget: Field<RawAmount>,
    /// When trials measure themselves on the way.
    #[serde(default)]
    pub(super) evaluation: RawEvaluation,
    /// What else trials measure then.
    #[serde(default)]
    pub(super) diagnostics: RawDiagnostics,
    /// How settings are drawn, and how the best is chosen on validation data.
    #[serde(default)]
    pub(super) tuning: RawTuning,
    /// What the chosen settings are trained with again.
    pub(super) confirmation: RawConfirmation,
    /// What trials run on.
    #[serde(default)]
    pub(super) resources: RawResources,
    /// What is asked of other machines, by engine.
    #[serde(default)]
    pub(super) engines: RawEngines,
    /// What the report tests, and how it looks.
    #[serde(default)]
    pub(super) report: RawReport,
    /// Pairs of arms that the report compares.
    pub(super) contrasts: Option<Field<Vec<RawContrast>>>,
    /// What is learned, by name.
    #[serde(rename = "tasks", skip_serializing)]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(super) _tasks: BTreeMap<String, IgnoredAny>,
    /// The optimizers compared, by name.
    #[serde(rename = "arms", skip_serializing)]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(super) _arms: BTreeMap<String, IgnoredAny>,
    /// What holds for every arm that says nothing else.
    #[serde(rename = "defaults", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub(super) _defaults: Option<IgnoredAny>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = one_unit()))]
pub(super) struct RawAmount {
    /// Passes over the train split.
    #[schemars(range(min = 1))]
    pub(super) epochs: Option<Field<u64>>,
    /// Optimizer steps.
    #[schemars(range(min = 1))]
    pub(super) steps: Option<Field<u64>>,
    /// Samples trained on, counted with repetition.
    #[schemars(range(min = 1))]
    pub(super) samples: Option<Field<u64>>,
}

#[derive(Deserialize, JsonSchema, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEvaluation {
    /// So much training lies between two evaluations; one epoch where nothing is given.
    pub(super) every: Option<Field<RawAmount>>,
    /// Whether confirmation trials measure the test split at every evaluation.
    pub(super) test_curve: bool,
}

#[derive(Deserialize, JsonSchema, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDiagnostics {
    /// Whether the last step of every parameter is measured, too.
    pub(super) units: bool,
    /// Where distances of the weights are measured from, where it is not the freeze.
    pub(super) distance_from: Option<Field<RawPhase>>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    /// Epochs from the start, fractions allowed.
    pub(super) epochs: Option<f64>,
    /// Part of all steps.
    pub(super) fraction: Option<f64>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTuning {
    /// Seed of all tuning trials and of the points drawn.
    pub(super) seed: Field<u64>,
    /// How learning rates follow the batch size.
    pub(super) learning_rate_scaling: Scaling,
    /// Settings that every arm is tuned over at every batch size.
    #[schemars(range(min = 1, max = SETTINGS))]
    pub(super) settings: Option<Field<u64>>,
    /// The validation metric that settings are chosen by: a name, or names by task.
    #[serde(rename = "metric", skip_serializing)]
    #[schemars(with = "Value")]
    pub(super) _metric: Option<IgnoredAny>,
    /// Successive halving; without it every setting trains for the whole budget.
    pub(super) rungs: Option<Field<RawRungs>>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRungs {
    /// One setting in so many goes on from rung to rung.
    pub(super) eta: Field<u64>,
    /// Part of the budget after which the first settings are dropped.
    pub(super) first: Field<f64>,
}

impl Default for RawTuning {
    fn default() -> Self {
        Self {
            seed: 0.into(),
            learning_rate_scaling: Scaling::default(),
            settings: None,
            _metric: None,
            rungs: None,
        }
    }
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfirmation {
    /// Seeds of the confirmation trials of every cell; none may be the tuning seed.
    #[schemars(length(min = 1), inner(range(min = 0)), extend("uniqueItems" = true))]
    pub(super) seeds: Field<Vec<Field<u64>>>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawResources {
    /// Trials trained at the same time.
    #[schemars(range(min = 1))]
    pub(super) workers: Field<usize>,
    /// Threads of one trial.
    #[schemars(range(min = 1))]
    pub(super) threads: Field<usize>,
    /// Where trials train.
    pub(super) device: DeviceChoice,
    /// A trial that runs longer is stopped, and its outcome is timeout.
    #[schemars(range(min = 0))]
    pub(super) timeout_seconds: Option<Field<f64>>,
    /// Time that a trial asked to stop has for its checkpoint, before it is killed.
    #[schemars(range(min = 0))]
    pub(super) grace_seconds: Field<f64>,
    /// A trial that its process did not touch for so long is free for another launcher.
    #[schemars(range(min = 1))]
    pub(super) lease_seconds: Field<f64>,
    /// Samples held in memory at once; gradients are accumulated up to the batch size.
    #[schemars(range(min = 1))]
    pub(super) micro_batch_size: Option<Field<u64>>,
    /// Time from one checkpoint of a trial to the next: what a kill can lose.
    #[schemars(range(min = 0))]
    pub(super) checkpoint_seconds: Field<f64>,
    /// Whether trials write event files for TensorBoard.
    pub(super) tensorboard: bool,
    /// Whether a trial that came to its end leaves its checkpoint.
    pub(super) keep_checkpoints: bool,
}

impl Default for RawResources {
    fn default() -> Self {
        Self {
            workers: 1.into(),
            threads: 1.into(),
            device: DeviceChoice::Cpu,
            timeout_seconds: None,
            grace_seconds: 30.0.into(),
            lease_seconds: LEASE.as_secs_f64().into(),
            micro_batch_size: None,
            checkpoint_seconds: 5.0.into(),
            tensorboard: true,
            keep_checkpoints: false,
        }
    }
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawContrast {
    /// The arm compared against.
    pub(super) baseline: Field<String>,
    /// The arm whose effect is asked for.
    pub(super) treatment: Field<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawReport {
    /// Error rate of a family of tests.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 0.5))]
    pub(super) alpha: Field<f64>,
    /// By metric, the largest difference that does not matter.
    pub(super) margins: BTreeMap<String, Field<f64>>,
    /// How wide the figures are, by the venue that prints them.
    #[schemars(schema_with = "widths")]
    pub(super) width: Width,
}

impl Default for RawReport {
    fn default() -> Self {
        Self {
            alpha: 0.05.into(),
            margins: BTreeMap::new(),
            width: Width::default(),
        }
    }
}

/// An amount has one of its units.
fn one_unit() -> Vec<Value> {
    let units = Amount::UNITS.iter();
    units
        .map(|unit| serde_json::json!({ "required": [unit] }))
        .collect()
}

/// The crate of the report knows no schemas.
fn widths(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": Width::ALL })
}
