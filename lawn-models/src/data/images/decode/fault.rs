//! Why a file could not be decoded.

use std::fmt;
use std::path::Path;

use thiserror::Error;

use crate::data::error::DataError;

/// What is wrong with the bytes of a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Fault {
    reason: String,
    offset: Option<u64>,
}

impl Fault {
    pub(crate) fn of(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            offset: None,
        }
    }

    pub(crate) fn at(reason: impl Into<String>, offset: u64) -> Self {
        Self {
            reason: reason.into(),
            offset: Some(offset),
        }
    }

    /// Bytes of the file that had been read, where that is known.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Names the file that it was found in.
    pub(crate) fn in_file(self, path: &Path) -> DataError {
        DataError::Image {
            path: path.to_owned(),
            reason: self.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match self.offset {
            Some(offset) => write!(f, ", at byte {offset}"),
            None => Ok(()),
        }
    }
}
