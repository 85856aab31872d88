//! The setting of each cell, chosen from its tuning trials on validation data alone.

use lawn_models::{Split, Stage, TaskConfig, TrialSummary};
use serde::{Deserialize, Serialize};

use crate::plan::{Cell, Plan};
use crate::run_dir::RunDir;
use crate::{Error, files};
use lawn_analysis::records::Outcome;

/// Schema of `frozen.json`.
pub const SCHEMA: u32 = 1;

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
    /// Index of the best setting; none where every setting failed.
    pub setting: Option<usize>,
    /// Tuned hyper-parameters whose best value is the first or last of three or more in the grid.
    pub at_border: Vec<String>,
    /// Every setting of the budget, failed ones too.
    pub tried: Vec<Tried>,
}

/// One tuning trial's part in the choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// Index into the arm's settings.
    pub setting: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Its validation metric at the end of training, if it came there.
    pub score: Option<f64>,
}

impl Frozen {
    /// Reads the choice of a run, if it has been made.
    ///
    /// # Errors
    ///
    /// As [`files::read_json`].
    pub fn read(run: &RunDir) -> Result<Option<Self>, Error> {
        let path = run.frozen();
        if !path.exists() {
            return Ok(None);
        }
        files::read_json(&path, SCHEMA).map(Some)
    }

    /// The choice of a run: read where it was made, made and written where not.
    /// All tuning trials of `plan` must be over.
    ///
    /// # Errors
    ///
    /// As [`files::read_json`] and [`files::write_json`].
    pub fn make(run: &RunDir, plan: &Plan) -> Result<Self, Error> {
        if let Some(frozen) = Self::read(run)? {
            return Ok(frozen);
        }
        let cells = plan
            .cells()
            .into_iter()
            .filter_map(|cell| choose(run, plan, cell).transpose());
        let frozen = Self {
            cells: cells.collect::<Result<_, _>>()?,
        };
        files::write_json(&run.frozen(), SCHEMA, &frozen)?;
        Ok(frozen)
    }

    /// The entry of `cell`.
    #[must_use]
    pub fn cell(&self, cell: &Cell) -> Option<&FrozenCell> {
        self.cells.iter().find(|frozen| frozen.cell == *cell)
    }

    /// The setting chosen for `cell`.
    #[must_use]
    pub fn setting(&self, cell: &Cell) -> Option<usize> {
        self.cell(cell)?.setting
    }
}

/// The validation metric that a trial of `task` is judged by, at the end of training.
#[must_use]
pub fn score(task: &TaskConfig, summary: &TrialSummary) -> Option<f64> {
    let metric = task.metrics().primary;
    summary
        .measurements
        .iter()
        .find(|measured| measured.split == Split::Validation && measured.metric == metric)
        .map(|measured| measured.value)
}

/// None where the cell has no tuning trials.
fn choose(run: &RunDir, plan: &Plan, cell: Cell) -> Result<Option<FrozenCell>, Error> {
    let Some(task) = plan.task(&cell.task) else {
        return Ok(None);
    };
    let mut tried = Vec::new();
    for trial in plan
        .trials
        .iter()
        .filter(|trial| trial.stage == Stage::Tune && trial.cell == cell)
    {
        let Some(setting) = trial.setting else {
            continue;
        };
        let outcome = run.trial(&trial.id).read_outcome()?;
        tried.push(Tried {
            setting,
            outcome: outcome
                .as_ref()
                .map_or(Outcome::Crashed, |outcome| outcome.outcome),
            score: outcome.and_then(|outcome| score(task, &outcome.summary?)),
        });
    }
    if tried.is_empty() {
        return Ok(None);
    }
    let setting = best(&tried, task.metrics().higher_is_better);
    let at_border = setting
        .map(|setting| at_border(plan, &cell, setting))
        .unwrap_or_default();
    Ok(Some(FrozenCell {
        cell,
        setting,
        at_border,
        tried,
    }))
}

/// The best finite score; the first of equals.
fn best(tried: &[Tried], higher_is_better: bool) -> Option<usize> {
    let sign = if higher_is_better { 1.0 } else { -1.0 };
    let mut best: Option<(usize, f64)> = None;
    for candidate in tried {
        let Some(score) = candidate.score.filter(|score| score.is_finite()) else {
            continue;
        };
        if best.is_none_or(|(_, record)| sign * score > record) {
            best = Some((candidate.setting, sign * score));
        }
    }
    best.map(|(setting, _)| setting)
}

fn at_border(plan: &Plan, cell: &Cell, setting: usize) -> Vec<String> {
    let Some(arm) = plan.sweep.arms.iter().find(|arm| arm.name == cell.arm) else {
        return Vec::new();
    };
    let chosen = &arm.settings[setting].tuned;
    let mut names = Vec::new();
    for (name, value) in chosen {
        let mut axis: Vec<f64> = arm
            .settings
            .iter()
            .filter_map(|setting| setting.tuned.get(name)?.as_f64())
            .collect();
        axis.sort_by(f64::total_cmp);
        axis.dedup();
        let ends = [axis.first().copied(), axis.last().copied()];
        if axis.len() >= 3 && ends.contains(&value.as_f64()) {
            names.push(name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(scores: &[Option<f64>]) -> Vec<Tried> {
        scores
            .iter()
            .enumerate()
            .map(|(setting, &score)| Tried {
                setting,
                outcome: Outcome::Ok,
                score,
            })
            .collect()
    }

    #[test]
    fn the_best_setting_is_the_first_of_the_highest_finite_scores() {
        let scores = tried(&[None, Some(0.2), Some(f64::NAN), Some(0.5), Some(0.5)]);
        assert_eq!(best(&scores, true), Some(3));
        assert_eq!(best(&scores, false), Some(1));
        assert_eq!(best(&tried(&[None, Some(f64::INFINITY)]), true), None);
    }
}
