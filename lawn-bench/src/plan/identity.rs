//! What a trial's id is a hash of: everything that could change its result.

use lawn_models::{
    Amount, ConstraintDefaults, Diagnostics, Evaluation, OptimizerSettings, Precision, SAMPLES,
    Stage, TaskConfig,
};
use serde::Serialize;

use super::defaults;
use crate::config::{NamedTask, Rung, Sweep};
use crate::plan::trials::Cell;

/// Version of what is hashed.
const SCHEMA: u32 = 2;

/// The hash of what all trials of a cell share.
pub(super) struct CellHash(blake3::Hasher);

#[derive(Serialize)]
struct CellIdentity<'a> {
    schema: u32,
    /// Version of the samples that a seed gives.
    samples: u32,
    task: &'a TaskConfig,
    /// Checksum of its data set, where that is read from files.
    data: Option<&'a str>,
    batch_size: u64,
    budget: Amount,
    evaluation: Evaluation,
    diagnostics: Diagnostics,
    /// Where it is not that of the first plans.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
    // Float sums depend on how they are cut among threads.
    threads: usize,
    /// Defaults that are not those of the first plans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    defaults: Vec<OptimizerSettings>,
    /// The same of constraints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    constraint_defaults: Vec<ConstraintDefaults>,
}

/// What a trial adds to its cell.
#[derive(Serialize)]
struct TrialIdentity<'a> {
    stage: Stage,
    seed: u64,
    setting: TrainedSetting<'a>,
}

/// What decides the setting of a trial.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TrainedSetting<'a> {
    /// It is given, and trained for a part of the budget.
    Given {
        /// The setting.
        optimizer: &'a OptimizerSettings,
        /// The part.
        part: f64,
    },
    /// It is chosen among all candidates of the cell, so that all of them, the seed
    /// they were tuned with and the way of choosing decide the result.
    Chosen {
        /// Hash of the candidates.
        candidates: &'a str,
        /// The metric that chooses.
        metric: &'a str,
        /// The rounds that choose.
        rungs: &'a [Rung],
        /// The seed of the trials that choose.
        tuning_seed: u64,
        /// Its rung and its rank among those that came there; none for a confirmation.
        promoted: Option<(usize, usize)>,
    },
}

impl CellHash {
    pub(super) fn new(sweep: &Sweep, task: &NamedTask, cell: &Cell, data: Option<&str>) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Names are labels, but two arms of equal content must not share a folder.
        hasher
            .update(cell.task.as_bytes())
            .update(&[0])
            .update(cell.arm.as_bytes())
            .update(&[0]);
        let arm = sweep.arms.iter().find(|arm| arm.name == cell.arm);
        let identity = CellIdentity {
            schema: SCHEMA,
            samples: SAMPLES,
            task: &task.config,
            data,
            batch_size: cell.batch_size,
            budget: sweep.budget,
            evaluation: sweep.evaluation,
            diagnostics: sweep.diagnostics,
            precision: Some(sweep.precision).filter(|one| *one != Precision::F32),
            threads: sweep.resources.threads,
            defaults: arm.map_or_else(Vec::new, defaults::changed),
            constraint_defaults: arm.map_or_else(Vec::new, defaults::changed_of_constraints),
        };
        write(&mut hasher, &identity);
        Self(hasher)
    }

    /// The id of one of its trials.
    pub(super) fn trial(&self, stage: Stage, seed: u64, setting: TrainedSetting<'_>) -> String {
        let mut hasher = self.0.clone();
        let identity = TrialIdentity {
            stage,
            seed,
            setting,
        };
        write(&mut hasher, &identity);
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// The hash of a cell's candidates.
pub(super) fn digest(candidates: &[OptimizerSettings]) -> String {
    let mut hasher = blake3::Hasher::new();
    write(&mut hasher, &candidates);
    hasher.finalize().to_hex().to_string()
}

fn write(hasher: &mut blake3::Hasher, value: &impl Serialize) {
    serde_json::to_writer(hasher, value).expect("plain data has a JSON form");
}
