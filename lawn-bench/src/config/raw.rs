//! The sweep as it is written, before anything is checked.

use std::collections::BTreeMap;

use lawn_analysis::Width;
use lawn_analysis::records::Word;
use lawn_models::{Amount, Precision};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::device::{DeviceChoice, Sharding};
use super::engines::RawEngines;
use super::field::Field;
use super::sweep::{LEASE, Scaling};
use super::values::{NAME, NAME_LETTERS};

/// Greatest batch size: sizes become i64 in tensors, and their product counts samples.
pub(super) const BATCH_SIZE: u64 = u32::MAX as u64;

/// Greatest number of settings an arm: the sequence has more points than anyone trains.
pub(super) const SETTINGS: usize = 1 << 16;

/// Greatest number of trials at the same time: beyond it, something is mistyped.
pub(super) const WORKERS: usize = 100_000;

/// Greatest number of threads of a trial: no machine has more to give.
pub(super) const THREADS: usize = 1 << 12;

/// Greatest number of ranks of a trial.
pub(crate) const RANKS: usize = 1 << 10;

/// Seconds from which on no duration can be counted.
const SECONDS: f64 = u64::MAX as f64;

/// Optimizers compared over tasks, batch sizes and seeds.
///
/// `tasks`, `arms` and `defaults` are listed so that unknown keys are told what is allowed.
/// They are read apart, table by table: only so does each error keep its place in the text.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSweep {
    /// Name of the sweep, and of its run directory.
    #[schemars(length(max = NAME_LETTERS), regex(pattern = NAME))]
    pub(super) name: Field<String>,
    /// Samples per optimizer step.
    #[schemars(length(min = 1), inner(range(min = 1, max = BATCH_SIZE)), extend("uniqueItems" = true))]
    pub(super) batch_sizes: Field<Vec<Field<u64>>>,
    /// The batch size that the large-batch drop is measured from; the smallest where nothing is said.
    #[schemars(range(min = 1, max = BATCH_SIZE))]
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
    /// Pairs of arms that the report compares; where nothing is said, each arm with a constraint and the
    /// one with its rule and none.
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
#[schemars(extend("oneOf" = one_of(Amount::UNITS)))]
pub(super) struct RawAmount {
    /// Passes over the train split.
    #[schemars(range(min = 1, max = u32::MAX))]
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
#[schemars(extend("oneOf" = one_of(&["epochs", "fraction", "steps"])))]
pub(super) struct RawPhase {
    /// Epochs from the start, fractions allowed.
    #[schemars(range(min = 0))]
    pub(super) epochs: Option<f64>,
    /// Part of all steps.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub(super) fraction: Option<f64>,
    /// Steps from the start.
    pub(super) steps: Option<u64>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTuning {
    /// Seed of all tuning trials and of the points drawn.
    pub(super) seed: Field<u64>,
    /// How learning rates follow the batch size.
    pub(super) learning_rate_scaling: Scaling,
    /// Settings that every arm is tuned over at every batch size; without it, those of grids.
    #[schemars(range(min = 1, max = SETTINGS))]
    pub(super) settings: Option<Field<u64>>,
    /// The validation metric that settings are chosen by: a name, or names by task; where nothing is said,
    /// the one that the kind of the task names first.
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
    #[schemars(range(min = 2))]
    pub(super) eta: Field<u64>,
    /// Part of the budget after which the first settings are dropped.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
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
    #[schemars(range(min = 1, max = WORKERS))]
    pub(super) workers: Field<usize>,
    /// Threads of one trial; of one rank, where a trial has several.
    #[schemars(range(min = 1, max = THREADS))]
    pub(super) threads: Field<usize>,
    /// Processes that train one trial together, each on a part of every batch.
    #[schemars(range(min = 1, max = RANKS))]
    pub(super) ranks: Field<usize>,
    /// How the embedding tables of `ctr` tasks lie where a trial has several ranks.
    pub(super) sharding: Sharding,
    /// Where trials train.
    pub(super) device: DeviceChoice,
    /// Whether trials give the same bits each time on CUDA, as they do on the CPU; confirmation trials
    /// alone where nothing is given.
    pub(super) deterministic: Option<bool>,
    /// Whether steps on CUDA, forward, backward and optimizer, are captured in graphs and replayed by
    /// one launch, where that gives the same as without.
    pub(super) graphs: bool,
    /// A trial that runs longer is stopped, and its outcome is timeout.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = SECONDS))]
    pub(super) timeout_seconds: Option<Field<f64>>,
    /// Time that a trial asked to stop has for its checkpoint, before it is killed.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = SECONDS))]
    pub(super) grace_seconds: Field<f64>,
    /// A trial that its process did not touch for so long is free for another launcher.
    #[schemars(range(min = 1), extend("exclusiveMaximum" = SECONDS))]
    pub(super) lease_seconds: Field<f64>,
    /// Samples held in memory at once; gradients are accumulated up to the batch size.
    #[schemars(range(min = 1, max = BATCH_SIZE))]
    pub(super) micro_batch_size: Option<Field<u64>>,
    /// Time from one checkpoint of a trial to the next: what a kill can lose.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = SECONDS))]
    pub(super) checkpoint_seconds: Field<f64>,
    /// Whether trials write event files for TensorBoard.
    pub(super) tensorboard: bool,
    /// Whether a trial that came to its end leaves its checkpoint.
    pub(super) keep_checkpoints: bool,
    /// Whether a confirmation leaves its weights: those that were tested, and the best.
    pub(super) keep_weights: bool,
}

impl Default for RawResources {
    fn default() -> Self {
        Self {
            workers: 1.into(),
            threads: 1.into(),
            ranks: 1.into(),
            sharding: Sharding::None,
            device: DeviceChoice::Cpu,
            deterministic: None,
            graphs: true,
            timeout_seconds: None,
            grace_seconds: 30.0.into(),
            lease_seconds: LEASE.as_secs_f64().into(),
            micro_batch_size: None,
            checkpoint_seconds: 5.0.into(),
            tensorboard: true,
            keep_checkpoints: false,
            keep_weights: true,
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
    #[schemars(extend("additionalProperties" = json!({ "type": "number", "exclusiveMinimum": 0 })))]
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

/// A table that has one of these keys.
fn one_of(keys: &[&str]) -> Vec<Value> {
    let keys = keys.iter();
    keys.map(|key| json!({ "required": [key] })).collect()
}

/// The crate of the report knows no schemas.
fn widths(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": Width::ALL })
}
