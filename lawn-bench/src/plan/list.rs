//! The trials of a sweep, listed.

use std::collections::BTreeMap;

use lawn_models::{OptimizerSettings, Stage};

use super::identity::{CellHash, TrainedSetting, digest};
use crate::config::Sweep;
use crate::plan::trials::{Cell, Trial};

/// All trials of `sweep`: tuning, rung by rung, then confirmation.
///
/// Arms with a single setting have nothing to tune, and no tuning trials, whatever the others
/// have.
pub(super) fn list(sweep: &Sweep, data: &BTreeMap<String, String>) -> Vec<Trial> {
    let candidates = candidates(sweep);
    let cells = cells(sweep, &candidates, data);
    let mut trials = Vec::new();
    if sweep.is_tuned() {
        for rung in 0..sweep.rungs.len() {
            for cell in cells
                .iter()
                .filter(|cell| cell.candidates.settings.len() > 1)
            {
                let settings = 0..sweep.rungs[rung].settings;
                trials.extend(settings.map(|place| cell.tuning(sweep, rung, place)));
            }
        }
    }
    for cell in &cells {
        let seeds = sweep.confirmation_seeds.iter();
        trials.extend(seeds.map(|&seed| cell.confirmation(sweep, seed)));
    }
    trials
}

/// The settings of an arm at one batch size, and the hash of them all.
struct Candidates {
    settings: Vec<OptimizerSettings>,
    digest: String,
}

/// By arm and batch size, in the order of the sweep.
fn candidates(sweep: &Sweep) -> Vec<Vec<Candidates>> {
    let at = |arm: &crate::config::Arm, batch_size| {
        let settings = arm.settings.iter();
        let settings: Vec<_> = settings.map(|one| one.at(batch_size, arm, sweep)).collect();
        Candidates {
            digest: digest(&settings),
            settings,
        }
    };
    let arms = sweep.arms.iter();
    arms.map(|arm| sweep.batch_sizes.iter().map(|&b| at(arm, b)).collect())
        .collect()
}

/// A cell, what its trials train, and the metric that chooses among them.
struct CellTrials<'a> {
    cell: Cell,
    hash: CellHash,
    candidates: &'a Candidates,
    metric: &'a str,
}

fn cells<'a>(
    sweep: &'a Sweep,
    candidates: &'a [Vec<Candidates>],
    data: &BTreeMap<String, String>,
) -> Vec<CellTrials<'a>> {
    let mut cells = Vec::new();
    for task in &sweep.tasks {
        for (size, &batch_size) in sweep.batch_sizes.iter().enumerate() {
            for (arm, candidates) in sweep.arms.iter().zip(candidates) {
                let cell = Cell {
                    task: task.name.clone(),
                    arm: arm.name.clone(),
                    batch_size,
                };
                let data = data.get(&task.name).map(String::as_str);
                cells.push(CellTrials {
                    hash: CellHash::new(sweep, task, &cell, data),
                    cell,
                    candidates: &candidates[size],
                    metric: &task.metric,
                });
            }
        }
    }
    cells
}

impl CellTrials<'_> {
    /// The trial of a rung: its setting in the first, its rank among those promoted later.
    fn tuning(&self, sweep: &Sweep, rung: usize, place: usize) -> Trial {
        let trained = match rung {
            0 => TrainedSetting::Given {
                optimizer: &self.candidates.settings[place],
                part: sweep.rungs[0].part,
            },
            _ => self.chosen(sweep, Some((rung, place))),
        };
        Trial {
            id: self.hash.trial(Stage::Tune, sweep.tuning_seed, trained),
            cell: self.cell.clone(),
            stage: Stage::Tune,
            rung,
            setting: (rung == 0).then_some(place),
            place: (rung > 0).then_some(place),
            seed: sweep.tuning_seed,
        }
    }

    fn confirmation(&self, sweep: &Sweep, seed: u64) -> Trial {
        let trained = match self.candidates.settings.as_slice() {
            [only] => TrainedSetting::Given {
                optimizer: only,
                part: 1.0,
            },
            _ => self.chosen(sweep, None),
        };
        Trial {
            id: self.hash.trial(Stage::Confirm, seed, trained),
            cell: self.cell.clone(),
            stage: Stage::Confirm,
            rung: 0,
            setting: (self.candidates.settings.len() == 1).then_some(0),
            place: None,
            seed,
        }
    }

    fn chosen<'a>(
        &'a self,
        sweep: &'a Sweep,
        promoted: Option<(usize, usize)>,
    ) -> TrainedSetting<'a> {
        TrainedSetting::Chosen {
            candidates: &self.candidates.digest,
            metric: self.metric,
            rungs: &sweep.rungs,
            tuning_seed: sweep.tuning_seed,
            promoted,
        }
    }
}
