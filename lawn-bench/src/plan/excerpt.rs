//! One trial of a plan, read without the others.

use std::collections::BTreeMap;

use lawn_models::TrialConfig;

use super::defaults::Kept;
use super::file::Listing;
use super::resolve;
use super::trials::Trial;
use crate::Error;
use crate::config::{NamedTask, Sweep};
use crate::plan::choices::Choices;
use crate::run::run_dir::RunDir;

/// What a plan says of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt {
    listing: Listing,
    /// Index of the trial in the plan.
    pub index: usize,
    /// The trial.
    pub trial: Trial,
}

impl Excerpt {
    /// Reads the trial at `index` of the plan of `run`.
    ///
    /// # Errors
    ///
    /// As [`Plan::read`](super::Plan::read), and [`Error::NoTrial`].
    pub fn read(run: &RunDir, index: usize) -> Result<Self, Error> {
        let listing = Listing::read(run)?;
        Ok(Self {
            trial: listing.trial(index)?,
            listing,
            index,
        })
    }

    /// As [`Plan::require_samples`](super::Plan::require_samples).
    ///
    /// # Errors
    ///
    /// [`Error::OtherSamples`].
    pub fn require_samples(&self, run: &RunDir) -> Result<(), Error> {
        super::require_samples(run, self.listing.samples)
    }

    /// What was asked.
    #[must_use]
    pub fn sweep(&self) -> &Sweep {
        &self.listing.sweep
    }

    /// By task, the checksum of the data set that it reads from files.
    #[must_use]
    pub fn data(&self) -> &BTreeMap<String, String> {
        &self.listing.data
    }

    /// All that the trial trains, and the index of its setting.
    ///
    /// # Errors
    ///
    /// [`Error::NotFrozen`] where its setting has not been chosen, or its cell had none to
    /// choose.
    pub fn resolve(&self, choices: &Choices) -> Result<(usize, TrialConfig), Error> {
        let index = self.index;
        let defaults = Kept {
            rules: &self.listing.defaults,
            constraints: &self.listing.constraint_defaults,
        };
        resolve::resolve(self.sweep(), defaults, &self.trial, choices)
            .ok_or(Error::NotFrozen { index })
    }

    /// The trial's task.
    #[must_use]
    pub fn task(&self) -> Option<&NamedTask> {
        let mut tasks = self.sweep().tasks.iter();
        tasks.find(|task| task.name == self.trial.cell.task)
    }

    /// The trial that trained `setting` in the rung before this one's.
    #[must_use]
    pub fn earlier_rung(&self, setting: usize, choices: &Choices) -> Option<Trial> {
        let rung = self.trial.rung.checked_sub(1)?;
        let is_it = |other: &Trial| {
            (other.stage, other.rung) == (self.trial.stage, rung)
                && other.cell == self.trial.cell
                && other.setting.or_else(|| choices.setting(other)) == Some(setting)
        };
        // All trials of a rung come before those of the next.
        let before = self.listing.all().take(self.index);
        before.filter_map(Result::ok).find(is_it)
    }
}
