//! Damaged files of trials. They are named and set aside, and training again writes them anew.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Fault};
use crate::plan::trials::Plan;
use crate::run::files;
use crate::run::lease::{self, Claim, Terms};
use crate::run::run_dir::RunDir;

/// A trial that counts as not over because its outcome or its log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Index of the trial in the plan.
    pub index: usize,
    /// Its id.
    pub trial: String,
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with its line where there is one.
    pub detail: String,
    #[serde(skip)]
    fault: Fault,
}

impl Damage {
    /// The damage that `error` says the trial at `index` of `plan` has.
    ///
    /// # Errors
    ///
    /// `error` itself, where it says another thing: a file that a newer version wrote is
    /// no damage.
    pub fn from_error(plan: &Plan, index: usize, error: Error) -> Result<Self, Error> {
        match error {
            Error::Damaged(fault) => Ok(Self {
                index,
                trial: plan.trials[index].id.clone(),
                path: fault.place.path.clone().unwrap_or_default(),
                detail: fault.said_of_the_file(),
                fault: *fault,
            }),
            other => Err(other),
        }
    }

    /// Renames what cannot be trusted, so that the trial is trained again from its first step:
    /// the outcome, and for a damaged log also the log and the checkpoints that count on it. Says
    /// whether it did: another process may have the trial.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn set_aside(&self, run: &RunDir, plan: &Plan) -> Result<bool, Error> {
        let dir = run.trial(&self.trial);
        let terms = Terms::new(plan.sweep.resources.lease);
        let Claim::Taken(_held) = lease::ask(dir.root(), &terms)? else {
            return Ok(false);
        };
        // The outcome first: from then on the trial is one to be trained.
        if dir.outcome().exists() {
            files::set_aside(&dir.outcome())?;
        }
        if self.path == dir.log() {
            lawn_models::set_checkpoints_aside(&dir.checkpoint())
                .map_err(Error::io("rename", &dir.checkpoint()))?;
            if dir.log().exists() {
                files::set_aside(&dir.log())?;
            }
        }
        Ok(true)
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage.fault))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trial {}: {} is damaged: {}",
            self.trial,
            self.path.display(),
            self.detail
        )
    }
}
