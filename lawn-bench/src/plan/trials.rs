//! What a plan holds: its trials, in rounds and cells.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use lawn_models::{ConstraintDefaults, OptimizerSettings, Stage};
use serde::{Deserialize, Serialize};

use crate::config::Sweep;

/// Schema of `plan.json`.
pub const SCHEMA: u32 = 4;

/// Schemas that can be read: 3 does not say of which samples it is and was not extended, 2 has the
/// trials in `plan.json`, 1 knew no cells and no rungs.
pub(super) const KNOWN: RangeInclusive<u32> = 2..=SCHEMA;

/// The content of `plan.json` and `trials.jsonl`.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What was asked.
    pub sweep: Sweep,
    /// By task, the checksum of the data set that it reads from files.
    pub data: BTreeMap<String, String>,
    /// By rule, what its settings are where they are left out: the defaults when the plan was
    /// made, which its trials keep.
    pub defaults: Vec<OptimizerSettings>,
    /// The same by constraint.
    pub constraint_defaults: Vec<ConstraintDefaults>,
    /// Version of the samples that a seed gives, [`lawn_models::SAMPLES`] when the plan was made.
    pub samples: u32,
    /// The trials, round by round.
    pub trials: Vec<Trial>,
    /// What was added to it since it was made, the first addition first.
    pub history: Vec<Extension>,
}

/// One extension of a plan, as `plan.json` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// When, in seconds since 1970-01-01 00:00 UTC.
    pub unix_seconds: u64,
    /// Trials of the plan before.
    pub before: usize,
    /// Those of them that were over: their results could be known when more was asked for.
    pub over: usize,
    /// Trials of the plan before that are trials of this one.
    pub kept: usize,
    /// Trials of this plan that the one before did not have.
    pub added: usize,
    /// Trials of the plan before that are no trials of this one: a choice that they follow is
    /// made again among more settings. Their files stay.
    pub retired: usize,
    /// What the sweep file says otherwise, a line a key.
    pub changes: Vec<String>,
}

/// One setting with one seed, trained once.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Hash of everything that could change its result, 16 hexadecimal digits.
    pub id: String,
    /// Where it belongs.
    pub cell: Cell,
    /// Tuning or confirmation.
    pub stage: Stage,
    /// Rung of a tuning trial, from 0.
    pub rung: usize,
    /// Index into the arm's settings, where that is known beforehand.
    pub setting: Option<usize>,
    /// Rank among the settings that came to its rung, which then decides its setting.
    pub place: Option<usize>,
    /// Seed of initial weights, data order and negatives.
    pub seed: u64,
}

/// Trials that do not wait for each other: all tuning trials of one rung, or all
/// confirmation trials. What a round trains is decided when the one before is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Tuning or confirmation.
    pub stage: Stage,
    /// The rung of a tuning round, from 0.
    pub rung: usize,
    /// Its trials, as indices into those of the plan.
    pub trials: Range<usize>,
}

/// What is tuned on its own: a task, an arm, a batch size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Name of the task.
    pub task: String,
    /// Name of the arm.
    pub arm: String,
    /// Samples per optimizer step.
    pub batch_size: u64,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} · {} · batch {}",
            self.task, self.arm, self.batch_size
        )
    }
}

impl Trial {
    /// Orders rounds: those of tuning by rung, then confirmation.
    pub(super) fn round(&self) -> (bool, usize) {
        (self.stage == Stage::Confirm, self.rung)
    }
}
