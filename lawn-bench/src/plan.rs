//! Every trial of a sweep, listed once and immutably.
//!
//! A trial's id is a hash of everything that could change its result. Engine,
//! worker count, device and micro-batch are not part of it.

use std::path::Path;

use lawn_models::{
    Amount, Diagnostics, Evaluation, OptimizerSettings, Stage, TaskConfig, TrialConfig,
};
use serde::{Deserialize, Serialize};

use crate::config::{NamedTask, Sweep};
use crate::freeze::Frozen;
use crate::run_dir::RunDir;
use crate::{Error, files};

/// Schema of `plan.json`.
pub const SCHEMA: u32 = 2;

/// The content of `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked.
    pub sweep: Sweep,
    /// The trials: all tuning trials, then all confirmation trials.
    pub trials: Vec<Trial>,
}

/// One setting with one seed, trained once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Hash of everything that could change its result, 16 hexadecimal digits.
    pub id: String,
    /// Where it belongs.
    #[serde(flatten)]
    pub cell: Cell,
    /// Tuning or confirmation.
    pub stage: Stage,
    /// Index into the arm's settings; a confirmation trial's is known after the freeze.
    pub setting: Option<usize>,
    /// Seed of initial weights, data order and negatives.
    pub seed: u64,
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

impl Plan {
    /// Lists the trials of `sweep`.
    ///
    /// An arm with a single setting has nothing to tune, and no tuning trials.
    #[must_use]
    pub fn new(sweep: Sweep) -> Self {
        let mut trials = Vec::new();
        for stage in [Stage::Tune, Stage::Confirm] {
            for task in &sweep.tasks {
                for &batch_size in &sweep.batch_sizes {
                    for arm in &sweep.arms {
                        let cell = Cell {
                            task: task.name.clone(),
                            arm: arm.name.clone(),
                            batch_size,
                        };
                        let candidates: Vec<OptimizerSettings> = arm
                            .settings
                            .iter()
                            .map(|setting| setting.at(batch_size, &sweep))
                            .collect();
                        match stage {
                            Stage::Tune if candidates.len() == 1 => {}
                            Stage::Tune => {
                                for (index, candidate) in candidates.iter().enumerate() {
                                    let seed = sweep.tuning_seed;
                                    let id = id(
                                        &sweep,
                                        task,
                                        &cell,
                                        stage,
                                        std::slice::from_ref(candidate),
                                        seed,
                                    );
                                    trials.push(Trial {
                                        id,
                                        cell: cell.clone(),
                                        stage,
                                        setting: Some(index),
                                        seed,
                                    });
                                }
                            }
                            Stage::Confirm => {
                                for &seed in &sweep.confirmation_seeds {
                                    let id = id(&sweep, task, &cell, stage, &candidates, seed);
                                    trials.push(Trial {
                                        id,
                                        cell: cell.clone(),
                                        stage,
                                        setting: None,
                                        seed,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
        Self { sweep, trials }
    }

    /// Reads the plan of a run.
    ///
    /// # Errors
    ///
    /// [`Error::NoRun`] where there is none, and as [`files::read_json`].
    pub fn read(run: &RunDir) -> Result<Self, Error> {
        if !run.plan().exists() {
            return Err(Error::NoRun {
                dir: run.root().into(),
            });
        }
        files::read_json(&run.plan(), SCHEMA)
    }

    /// Makes `run` hold this plan, made from `file` whose text is `text`.
    ///
    /// # Errors
    ///
    /// [`Error::OtherPlan`] where it holds another, [`Error::Io`].
    pub fn write(&self, run: &RunDir, file: &Path, text: &str) -> Result<(), Error> {
        if run.plan().exists() {
            let there = Self::read(run)?;
            let same = there.trials == self.trials && there.sweep.contrasts == self.sweep.contrasts;
            return if same {
                Ok(())
            } else {
                Err(Error::OtherPlan {
                    dir: run.root().into(),
                    file: file.into(),
                })
            };
        }
        files::write(&run.sweep_toml(), text.as_bytes())?;
        files::write_json(&run.plan(), SCHEMA, self)
    }

    /// The task called `name`.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskConfig> {
        self.sweep
            .tasks
            .iter()
            .find(|task| task.name == name)
            .map(|task| &task.config)
    }

    /// The trial at `index`.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrial`].
    pub fn trial(&self, index: usize) -> Result<&Trial, Error> {
        let last = self.trials.len().saturating_sub(1);
        self.trials.get(index).ok_or(Error::NoTrial { index, last })
    }

    /// The cells, in the order of the plan.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        for trial in self
            .trials
            .iter()
            .filter(|trial| trial.stage == Stage::Confirm)
        {
            if cells.last() != Some(&trial.cell) {
                cells.push(trial.cell.clone());
            }
        }
        cells
    }

    /// The settings that `trial` may be trained with: index into the arm's settings,
    /// and hyper-parameters at its batch size.
    pub(crate) fn candidates(&self, trial: &Trial) -> Vec<OptimizerSettings> {
        self.sweep
            .arms
            .iter()
            .filter(|arm| arm.name == trial.cell.arm)
            .flat_map(|arm| &arm.settings)
            .map(|setting| setting.at(trial.cell.batch_size, &self.sweep))
            .collect()
    }

    /// All that the trial at `index` trains, and the index of its setting.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrial`]; [`Error::NotFrozen`] for a confirmation trial whose cell
    /// has no setting in `frozen`.
    pub fn resolve(
        &self,
        index: usize,
        frozen: Option<&Frozen>,
    ) -> Result<(usize, TrialConfig), Error> {
        let trial = self.trial(index)?;
        let candidates = self.candidates(trial);
        let setting = match (trial.setting, candidates.len()) {
            (Some(setting), _) => Some(setting),
            (None, 1) => Some(0),
            (None, _) => frozen.and_then(|frozen| frozen.setting(&trial.cell)),
        };
        let not_frozen = || Error::NotFrozen { index };
        let setting = setting.ok_or_else(not_frozen)?;
        let optimizer = candidates.into_iter().nth(setting).ok_or_else(not_frozen)?;
        let task = self.task(&trial.cell.task).ok_or_else(not_frozen)?.clone();
        let config = TrialConfig {
            task,
            optimizer,
            batch_size: trial.cell.batch_size,
            budget: self.sweep.budget,
            evaluation: self.sweep.evaluation,
            diagnostics: self.sweep.diagnostics,
            seed: trial.seed,
            stage: trial.stage,
            micro_batch_size: self.sweep.resources.micro_batch_size,
        };
        Ok((setting, config))
    }
}

/// What a trial's id is a hash of. A confirmation trial trains the best of its
/// cell's candidates, so that all of them, and the seed they were tuned with,
/// decide its result.
#[derive(Serialize)]
struct Identity<'a> {
    schema: u32,
    task: &'a TaskConfig,
    candidates: &'a [OptimizerSettings],
    batch_size: u64,
    budget: Amount,
    evaluation: Evaluation,
    diagnostics: Diagnostics,
    stage: Stage,
    seed: u64,
    tuning_seed: u64,
    // Float sums depend on how they are cut among threads.
    threads: usize,
}

fn id(
    sweep: &Sweep,
    task: &NamedTask,
    cell: &Cell,
    stage: Stage,
    candidates: &[OptimizerSettings],
    seed: u64,
) -> String {
    let identity = Identity {
        schema: SCHEMA,
        task: &task.config,
        candidates,
        batch_size: cell.batch_size,
        budget: sweep.budget,
        evaluation: sweep.evaluation,
        diagnostics: sweep.diagnostics,
        stage,
        seed,
        tuning_seed: sweep.tuning_seed,
        threads: sweep.resources.threads,
    };
    let mut hasher = blake3::Hasher::new();
    // Names are labels, but two arms of equal content must not share a folder.
    hasher
        .update(cell.task.as_bytes())
        .update(&[0])
        .update(cell.arm.as_bytes())
        .update(&[0]);
    serde_json::to_writer(&mut hasher, &identity).expect("plain data has a JSON form");
    hasher.finalize().to_hex()[..16].to_owned()
}
