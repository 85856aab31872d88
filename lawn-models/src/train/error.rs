use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::data::DataError;
use crate::device::{DeviceError, Failure};
use crate::models::{UnusableValues, WeightsError};
use crate::ranks::RanksError;
use crate::trial::SettingsError;

/// A trial that could not be set up or carried on.
///
/// A trial whose numbers stop being finite is no error but
/// [`TrialEnd::Diverged`](crate::TrialEnd::Diverged).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrialError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data set is absent or cannot be used.
    #[error(transparent)]
    Data(DataError),
    /// The weights that training begins with cannot be used, or those that it leaves cannot
    /// be written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A net begins with what it cannot compute with. Where weights are drawn it never does.
    #[error(
        "{}: {values}, expected finite ones, and variances of 0 or more: a trial that begins with \
         others has diverged",
        origin(path.as_deref())
    )]
    UnusableValues {
        /// The file of the weights that training begins with, where one is named for all of them.
        path: Option<PathBuf>,
        /// What is wrong, and where.
        values: UnusableValues,
    },
    /// The optimizer cannot be built or cannot step.
    #[error(transparent)]
    Optimizer(#[from] lawn_core::Error),
    /// The device is not there.
    #[error("device {device} cannot be used: {reason}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The device or the host ran out of memory.
    #[error("out of memory: {detail}")]
    OutOfMemory {
        /// What was asked for, what was left, and what was tried.
        detail: String,
    },
    /// The trial has lost a rank, or its ranks do not compute alike.
    #[error(transparent)]
    Ranks(#[from] RanksError),
    /// A checkpoint cannot be read or written.
    #[error("checkpoint {path}: {source}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: lawn_core::Error,
    },
    /// A checkpoint was written by a newer version.
    #[error("checkpoint {path} has version {found}, this one reads up to {known}")]
    CheckpointNewer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A checkpoint was written by a version too old to be understood.
    #[error(
        "checkpoint {path} has version {found}, this one reads from {oldest} on; go on with the one that wrote it, or remove the file to train from the first step"
    )]
    CheckpointOlder {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The oldest version known here.
        oldest: u32,
    },
    /// A file is not a checkpoint of this trial.
    #[error("checkpoint {path}: {entry} is {found}, expected {expected}")]
    CheckpointMismatch {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        entry: String,
        /// What the file has.
        found: String,
        /// What the trial needs.
        expected: String,
    },
}

/// What values are of.
fn origin(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("weights {}", path.display()),
        None => "the weights that training begins with".to_owned(),
    }
}

impl TrialError {
    /// Whether a parameter cannot be cut into the units that a constraint is asked to have.
    #[must_use]
    pub fn is_of_units(&self) -> bool {
        matches!(self, Self::Optimizer(lawn_core::Error::Heads { .. }))
    }

    /// The pattern of names that is at fault: it matches no parameter, or one that another has.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Optimizer(lawn_core::Error::UnmatchedPattern { pattern, .. }) => Some(pattern),
            // Groups of tables, which are named in full, come first.
            Self::Optimizer(lawn_core::Error::OverlappingGroups { second, .. }) => Some(second),
            _ => None,
        }
    }
}

impl From<DataError> for TrialError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::NoRoom(lack) => Self::OutOfMemory {
                detail: lack.to_string(),
            },
            error => Self::Data(error),
        }
    }
}

impl From<DeviceError> for TrialError {
    fn from(error: DeviceError) -> Self {
        let DeviceError { device, reason } = error;
        Self::Device { device, reason }
    }
}

impl From<Failure<Self>> for TrialError {
    fn from(failure: Failure<Self>) -> Self {
        match failure {
            Failure::OutOfMemory(detail) => Self::OutOfMemory { detail },
            Failure::Other(error) => error,
        }
    }
}
