//! What a cache is of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::encode::{BadLines, ClickEncoding, ClickFormat, VERSION};
use super::super::files::ClickFiles;
use super::super::shape::ClickShape;
use super::part::write_whole;
use crate::data::error::DataError;

/// Begins the name of the folder of a cache.
pub(super) const FOLDER: &str = ".lawn-clicks-";

/// The file that says what a cache is of.
pub(super) const IDENTITY: &str = "cache.json";

/// All that decides what a text becomes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(super) struct Identity {
    /// That of the encoding.
    version: u32,
    pub(super) format: ClickFormat,
    pub(super) hash_sizes: Vec<u32>,
    pub(super) missing_integer: i64,
    pub(super) bad_lines: BadLines,
}

impl Identity {
    /// What comes of these files.
    ///
    /// # Errors
    /// [`DataError::Options`] for sizes that are not those of the format.
    pub(super) fn new(files: &ClickFiles, encoding: &ClickEncoding) -> Result<Self, DataError> {
        let sizes = encoding.sizes(files.format);
        Ok(Self {
            version: VERSION,
            format: files.format,
            hash_sizes: sizes.map_err(DataError::Setting)?,
            missing_integer: encoding.missing_integer,
            bad_lines: encoding.bad_lines,
        })
    }

    /// What a folder is a cache of, if that is what this lawn makes of such files.
    pub(super) fn of(folder: &Path, format: ClickFormat) -> Option<Self> {
        let text = std::fs::read(folder.join(IDENTITY)).ok()?;
        let found: Self = serde_json::from_slice(&text).ok()?;
        (found.version == VERSION && found.format == format).then_some(found)
    }

    pub(super) fn shape(&self) -> ClickShape {
        ClickShape {
            dense: self.format.dense(),
            columns: self.hash_sizes.clone(),
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("an identity is JSON")
    }

    pub(super) fn folder(&self, beside: &Path) -> PathBuf {
        let digits = blake3::hash(self.text().as_bytes()).to_hex();
        beside.join(format!("{FOLDER}{}", &digits[..16]))
    }

    /// Whether a folder says that it is of this identity. One that says nothing that can be read
    /// does not.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where it is of another.
    pub(super) fn is_of(&self, folder: &Path) -> Result<bool, DataError> {
        let path = folder.join(IDENTITY);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(DataError::read(&path)(error)),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(found) if found == *self => Ok(true),
            Ok(found) => {
                let found = format!("a cache of {}", found.text());
                let expected = format!("one of {}; remove its folder", self.text());
                Err(DataError::unusable(&path, found, expected))
            }
            // Its name has the digits of what it is of, and its parts have checksums.
            Err(_) => Ok(false),
        }
    }

    /// Makes sure that a folder is of this identity, and says so.
    ///
    /// # Errors
    /// As [`is_of`](Self::is_of), and [`DataError::Write`].
    pub(super) fn claim(&self, folder: &Path) -> Result<(), DataError> {
        if self.is_of(folder)? {
            return Ok(());
        }
        write_whole(&folder.join(IDENTITY), self.text().as_bytes())
    }
}
