//! Where each file of a trial is, how it is read, and how its outcome is written.
//!
//! ```text
//! trials/<trial id>/
//!   lease-<n>  pulse.json  trial.json  log.jsonl  outcome.json  stderr.log
//!   checkpoint.safetensors  model.safetensors  model.best.safetensors
//! ```

use std::path::{Path, PathBuf};

use crate::Error;
use crate::run::ending::{self, Ending};
use crate::run::lease::{self, Lease};
use crate::run::{document, files, log};

/// The folder of one trial.
#[derive(Debug, Clone)]
pub struct TrialDir {
    root: PathBuf,
}

impl TrialDir {
    /// The files of the trial in `root`, which need not exist yet.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the trial trains, see [`crate::trial`].
    #[must_use]
    pub fn trial(&self) -> PathBuf {
        self.root.join("trial.json")
    }

    /// One JSON line an epoch.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log.jsonl")
    }

    /// Where training resumes from.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint.safetensors")
    }

    /// How the trial ended.
    #[must_use]
    pub fn outcome(&self) -> PathBuf {
        self.root.join("outcome.json")
    }

    /// What the trial's process wrote to standard error.
    #[must_use]
    pub fn stderr(&self) -> PathBuf {
        self.root.join("stderr.log")
    }

    /// How far the trial is while it runs, see [`crate::run::pulse`].
    #[must_use]
    pub fn pulse(&self) -> PathBuf {
        self.root.join("pulse.json")
    }

    /// The outcome, if the trial has one.
    ///
    /// # Errors
    ///
    /// As [`document::read`].
    pub fn read_outcome(&self) -> Result<Option<Ending>, Error> {
        document::read_if_there(&self.outcome(), 1..=ending::SCHEMA)
    }

    /// The final outcome, if the trial is over. A damaged one does not count: the trial's next
    /// process sets it aside and trains again.
    ///
    /// # Errors
    ///
    /// As [`document::read`].
    pub fn final_outcome(&self) -> Result<Option<Ending>, Error> {
        match self.read_outcome() {
            Err(Error::Damaged(_)) => Ok(None),
            outcome => Ok(outcome?.filter(Ending::is_final)),
        }
    }

    /// What the log holds; none of it where there is no log.
    ///
    /// # Errors
    ///
    /// As [`log::read`].
    pub fn read_log(&self) -> Result<log::Content, Error> {
        match self.log().exists() {
            true => log::read(&self.log()),
            false => Ok(log::Content::default()),
        }
    }

    /// Records how the trial ended, and says whether it did: the first final outcome stays.
    ///
    /// # Errors
    ///
    /// As [`document::write`] and [`document::read`].
    pub fn write_outcome(&self, ending: &Ending) -> Result<bool, Error> {
        let path = self.outcome();
        let ending = Ending {
            recorded: self.read_log().ok().map(|log| log.records.len()),
            ..ending.clone()
        };
        let bytes = document::to_bytes(&path, ending::SCHEMA, &ending)?;
        if files::create(&path, &bytes)? {
            return Ok(true);
        }
        match self.read_outcome() {
            Ok(Some(there)) if there.is_final() => return Ok(false),
            Err(Error::Damaged(_)) => drop(files::set_aside(&path)?),
            there => drop(there?),
        }
        files::write(&path, &bytes).map(|()| true)
    }

    /// Records how the trial of `lease` ended, unless the lease was lost, and gives it back.
    ///
    /// # Errors
    ///
    /// [`Error::Held`] where the lease was lost, and as [`Self::write_outcome`].
    pub fn settle(&self, lease: Lease, ending: &Ending) -> Result<(), Error> {
        if !lease.is_mine() {
            return Err(Error::Held {
                dir: self.root.clone(),
                by: lease::look(&self.root, None)?.to_string(),
            });
        }
        self.write_outcome(ending)?;
        drop(lease);
        if ending.is_final() {
            files::remove_if_there(&self.pulse())?;
            lease::clear(&self.root)?;
        }
        Ok(())
    }
}
