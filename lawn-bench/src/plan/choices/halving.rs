//! Successive halving: after each rung but the last, the best settings go on.
//!
//! Every cell promotes the same number of settings, so that all arms are treated alike. Failed
//! settings count and are never promoted. A cell with too many of them leaves places of the next
//! rung empty.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::tried::{failures, ranked, tried};
use crate::Error;
use crate::plan::Only;
use crate::plan::choices::decided::Choices;
use crate::plan::choices::tried::TuningResult;
use crate::plan::trials::{Cell, Plan, Round};
use crate::run::document;
use crate::run::run_dir::RunDir;

/// Schema of `promoted-<rung>.json`.
const SCHEMA: u32 = 1;

/// Schemas that can be read.
pub(super) const KNOWN: RangeInclusive<u32> = 1..=SCHEMA;

/// The content of `promoted-<rung>.json`: written once, when the rung before is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promoted {
    /// The rung that these settings go to.
    pub rung: usize,
    /// One entry a cell.
    pub cells: Vec<PromotedCell>,
}

/// What was tried in one cell's rung, and what goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotedCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// Settings that go on, the best first; trial `place` of the next rung trains the
    /// one at that place.
    pub settings: Vec<usize>,
    /// Why these.
    pub reason: String,
    /// Every setting of the rung, failed ones too.
    pub tried: Vec<TuningResult>,
}

impl Promoted {
    /// Reads what goes on to `rung`, if that has been decided.
    ///
    /// # Errors
    ///
    /// [`Error::RunDamaged`], and as [`document::read_if_there`].
    pub fn read(run: &RunDir, rung: usize) -> Result<Option<Self>, Error> {
        document::read_if_there(&run.promoted(rung), KNOWN).map_err(Error::of_the_run)
    }

    /// Decides what goes on after `round` in those cells of `only` where that is not decided yet,
    /// and writes it.
    pub(super) fn make(
        run: &RunDir,
        plan: &Plan,
        round: &Round,
        choices: &Choices,
        only: &Only,
    ) -> Result<Self, Error> {
        let rung = round.rung + 1;
        let places = plan.sweep.rungs[rung].settings;
        let mut known = Self::read(run, rung)?.map_or_else(Vec::new, |known| known.cells);
        let cells = tried(run, plan, round, choices)?.into_iter();
        let cells = cells.filter_map(|(cell, tried)| {
            if let Some(place) = known.iter().position(|one| one.cell == cell) {
                return Some(known.swap_remove(place));
            }
            if !only.has(&cell) {
                return None;
            }
            let task = plan.task(&cell.task);
            let metric = plan.metric(&cell.task).unwrap_or_default();
            let higher = task.is_none_or(|task| task.metrics().is_higher_better(metric));
            let mut settings = ranked(&tried, higher);
            settings.truncate(places);
            Some(PromotedCell {
                reason: format!(
                    "the best {} of {} by {metric} on validation data; {}",
                    settings.len(),
                    tried.len(),
                    failures(&tried)
                ),
                cell,
                settings,
                tried,
            })
        });
        let promoted = Self {
            rung,
            cells: cells.collect(),
        };
        promoted.write(run)?;
        Ok(promoted)
    }

    /// Writes what goes on.
    ///
    /// # Errors
    ///
    /// As [`document::write`].
    pub(super) fn write(&self, run: &RunDir) -> Result<(), Error> {
        document::write(&run.promoted(self.rung), SCHEMA, self)
    }
}
