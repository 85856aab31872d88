//! The setting of each cell that its confirmation trials train.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::border::at_border;
use super::tried::{failures, ranked, tried};
use crate::Error;
use crate::plan::Only;
use crate::plan::choices::decided::Choices;
use crate::plan::choices::tried::TuningResult;
use crate::plan::trials::{Cell, Plan, Round};
use crate::run::document;
use crate::run::run_dir::RunDir;

/// Schema of `frozen.json`.
const SCHEMA: u32 = 2;

/// Schemas that can be read: 1 knew no metric and no border.
pub(super) const KNOWN: RangeInclusive<u32> = SCHEMA..=SCHEMA;

/// The content of `frozen.json`: written once, when all tuning trials are over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// One entry a cell that had something to tune.
    pub cells: Vec<FrozenCell>,
}

/// What was tried in one cell, and what was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrozenCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// The validation metric that chose.
    pub metric: String,
    /// Index of the best setting; none where every setting failed.
    pub setting: Option<usize>,
    /// The tuned hyper-parameters of that setting.
    pub tuned: BTreeMap<String, serde_json::Value>,
    /// Those that lie at a border of what they were tuned over.
    pub at_border: Vec<String>,
    /// Why this one.
    pub reason: String,
    /// Every setting that came to the whole budget, failed ones too.
    pub tried: Vec<TuningResult>,
}

impl Frozen {
    /// Reads the choice of a run, if it has been made.
    ///
    /// # Errors
    ///
    /// [`Error::RunDamaged`], and as [`document::read_if_there`].
    pub fn read(run: &RunDir) -> Result<Option<Self>, Error> {
        document::read_if_there(&run.frozen(), KNOWN).map_err(Error::of_the_run)
    }

    /// Makes the choice that follows `round`, the last of tuning, in those cells of `only` where it
    /// has not been made, and writes it.
    pub(super) fn make(
        run: &RunDir,
        plan: &Plan,
        round: &Round,
        choices: &Choices,
        only: &Only,
    ) -> Result<Self, Error> {
        let mut known = Self::read(run)?.map_or_else(Vec::new, |known| known.cells);
        let cells = tried(run, plan, round, choices)?.into_iter();
        let cells = cells.filter_map(|(cell, tried)| {
            let place = known.iter().position(|one| one.cell == cell);
            place.map_or_else(
                || only.has(&cell).then(|| choose(plan, cell, tried)),
                |place| Some(known.swap_remove(place)),
            )
        });
        let frozen = Self {
            cells: cells.collect(),
        };
        frozen.write(run)?;
        Ok(frozen)
    }

    /// Writes the choice of a run.
    ///
    /// # Errors
    ///
    /// As [`document::write`].
    pub fn write(&self, run: &RunDir) -> Result<(), Error> {
        document::write(&run.frozen(), SCHEMA, self)
    }
}

fn choose(plan: &Plan, cell: Cell, tried: Vec<TuningResult>) -> FrozenCell {
    let task = plan.task(&cell.task);
    let metric = plan.metric(&cell.task).unwrap_or_default().to_owned();
    let higher = task.is_none_or(|task| task.metrics().is_higher_better(&metric));
    let setting = ranked(&tried, higher).first().copied();
    let best = tried.iter().find(|one| Some(one.setting) == setting);
    let reason = match best.and_then(TuningResult::finite) {
        Some(score) => format!(
            "{metric} {score} on validation data, the best of {}; {}",
            tried.len(),
            failures(&tried)
        ),
        None => format!(
            "none came to a finite {metric} on validation data; {}",
            failures(&tried)
        ),
    };
    let arm = plan.sweep.arms.iter().find(|arm| arm.name == cell.arm);
    let chosen = arm.and_then(|arm| Some((arm, arm.settings.get(setting?)?)));
    let (tuned, at_border) = match (chosen, setting) {
        (Some((arm, chosen)), Some(setting)) => (
            chosen.tuned_at(cell.batch_size).clone(),
            at_border(&arm.space, &arm.settings, setting, cell.batch_size),
        ),
        _ => Default::default(),
    };
    FrozenCell {
        cell,
        metric,
        setting,
        tuned,
        at_border,
        reason,
        tried,
    }
}
