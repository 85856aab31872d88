//! Every trial of a sweep, listed once and immutably.
//!
//! A trial's id is a hash of everything that could change its result. Engine,
//! worker count, device and micro-batch are not part of it.

mod adoption;
pub mod advice;
pub(crate) mod arms_advice;
pub mod choices;
pub(crate) mod contrast_advice;
mod course;
pub mod damage;
mod defaults;
pub mod difference;
pub mod estimate;
pub(crate) mod examination;
mod excerpt;
pub mod extension;
mod extreme_advice;
mod file;
mod fine_advice;
mod identity;
mod late_advice;
mod list;
mod named;
mod only;
pub mod outcomes;
mod resolve;
mod same_arms;
mod trials;

use std::collections::BTreeMap;
use std::path::Path;

use lawn_models::{SAMPLES, Stage, TaskConfig};

use crate::config::{NamedTask, Sweep};
use crate::process::shell;
use crate::run::files;
use crate::run::run_dir::RunDir;
use crate::{Error, data};

pub(crate) use adoption::adopt;
pub use excerpt::Excerpt;
use file::Listing;
pub(crate) use named::{LEAST_DIGITS, trial_named};
pub use only::Only;
pub use trials::{Cell, Extension, Plan, Round, SCHEMA, Trial};

/// In what two plans of one sweep file differ.
const OTHER_IDS: &str = "no key: the trials have other ids with this lawn, whose defaults are not those \
                         that the run was planned with";

/// Refuses a plan of other samples than those that a seed gives here.
fn require_samples(run: &RunDir, planned: u32) -> Result<(), Error> {
    match planned == SAMPLES {
        true => Ok(()),
        false => {
            let report = shell::lawn("report", run.root());
            Err(Error::other_samples(&run.plan(), planned, SAMPLES, &report))
        }
    }
}

impl Plan {
    /// Lists the trials of `sweep`; `data` holds by task the checksum of its data set,
    /// where that is read from files.
    ///
    /// Arms with a single setting have nothing to tune, and no tuning trials.
    #[must_use]
    pub fn new(sweep: Sweep, data: BTreeMap<String, String>) -> Self {
        let trials = list::list(&sweep, &data);
        Self {
            defaults: defaults::of(&sweep),
            constraint_defaults: defaults::of_constraints(&sweep),
            samples: SAMPLES,
            sweep,
            data,
            trials,
            history: Vec::new(),
        }
    }

    /// Reads the plan of a run.
    ///
    /// # Errors
    ///
    /// [`Error::NoRun`] where there is none, and as [`document::read`](crate::run::document::read).
    pub fn read(run: &RunDir) -> Result<Self, Error> {
        Listing::read(run)?.plan()
    }

    /// Makes `run` hold this plan, which was made from `file` with the text `text`. Where a plan
    /// with the same trials is there, its resources and the width of its figures are replaced.
    ///
    /// # Errors
    ///
    /// [`Error::OtherPlan`] where it holds another, [`Error::OtherSamples`] and
    /// [`Error::OtherData`] where it was made from others, [`Error::NotOurs`] where the folder holds something else,
    /// [`Error::Io`].
    pub fn write(&self, run: &RunDir, file: &Path, text: &str) -> Result<(), Error> {
        if run.plan().exists() {
            let there = Self::read(run)?;
            there.require_samples(run)?;
            there.require_data(&self.data, run)?;
            let verdicts = |plan: &Self| {
                let sweep = &plan.sweep;
                (sweep.contrasts.clone(), sweep.alpha, sweep.margins.clone())
            };
            if !(there.trials == self.trials && verdicts(&there) == verdicts(self)) {
                let mut differences = difference::differences(&there.sweep, &self.sweep);
                if differences.is_empty() {
                    differences.push(OTHER_IDS.to_owned());
                }
                if let Ok(growth) = extension::Growth::new(&there, self) {
                    differences.push(format!("--extend adds them to it: {growth}"));
                }
                let error = Error::other_plan(run.root(), file, &differences);
                return Err(error);
            }
            // Nothing in them changes a result: what is asked for now holds, as another device.
            let mut plan = there.clone();
            plan.sweep.resources = self.sweep.resources.clone();
            plan.sweep.width = self.sweep.width;
            if plan == there {
                return Ok(());
            }
            return file::write(run, &plan);
        }
        run.require_free(text)?;
        files::write(&run.sweep_toml(), text.as_bytes())?;
        file::write(run, self)
    }

    /// Makes sure that its trials are trained with the samples that it was made for. What has been
    /// trained with others can still be reported.
    ///
    /// # Errors
    ///
    /// [`Error::OtherSamples`].
    pub fn require_samples(&self, run: &RunDir) -> Result<(), Error> {
        require_samples(run, self.samples)
    }

    /// Makes sure that the data sets are those that this plan was made with; `checksums`
    /// are those of the files now, by task.
    ///
    /// # Errors
    ///
    /// [`Error::OtherData`].
    pub fn require_data(
        &self,
        checksums: &BTreeMap<String, String>,
        run: &RunDir,
    ) -> Result<(), Error> {
        let changed = self.data.iter().find(|(task, checksum)| {
            let now = checksums.get(*task);
            now.is_some_and(|now| !data::is_as_planned(checksum, now))
        });
        match changed {
            None => Ok(()),
            Some((task, _)) => {
                let data = self.task(task).map_or("", TaskConfig::data);
                Err(Error::other_data(run.root(), task, data))
            }
        }
    }

    fn named(&self, name: &str) -> Option<&NamedTask> {
        self.sweep.tasks.iter().find(|task| task.name == name)
    }

    /// The task called `name`.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskConfig> {
        self.named(name).map(|task| &task.config)
    }

    /// The validation metric that settings of the task `name` are chosen by.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&str> {
        self.named(name).map(|task| task.metric.as_str())
    }

    /// The trial at `index`.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrial`].
    pub fn trial(&self, index: usize) -> Result<&Trial, Error> {
        let found = self.trials.get(index);
        found.ok_or_else(|| Error::no_trial(index, self.trials.len()))
    }

    /// The rounds, in the order in which they run.
    #[must_use]
    pub fn rounds(&self) -> Vec<Round> {
        let mut rounds: Vec<Round> = Vec::new();
        for (index, trial) in self.trials.iter().enumerate() {
            match rounds.last_mut() {
                Some(round) if (round.stage, round.rung) == (trial.stage, trial.rung) => {
                    round.trials.end = index + 1;
                }
                _ => rounds.push(Round {
                    stage: trial.stage,
                    rung: trial.rung,
                    trials: index..index + 1,
                }),
            }
        }
        rounds
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
}
