//! A sweep as it is written.

use std::path::Path;

use super::source;
use crate::error::ConfigError;

/// A sweep as it is written: a file's text, and what is set over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepFile {
    /// The name that errors give the text.
    pub origin: String,
    /// The text.
    pub text: String,
    /// Keys taken out of it, as `KEY.KEY`, before anything is set.
    pub unsets: Vec<String>,
    /// Values set over it, as `KEY.KEY=VALUE`, the last one of a key wins.
    pub sets: Vec<String>,
}

impl SweepFile {
    /// Reads the file `path`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where it cannot be read, and with its place where it is no text.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(path).map_err(|error| ConfigError::read(path, &error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let text = String::from_utf8_lossy(error.as_bytes());
            let at = error.utf8_error().valid_up_to();
            let message = "this is no text in UTF-8";
            let help = Some("save the file as UTF-8".to_owned());
            source::Source::new(&path.display().to_string(), &text).error(at..at, message, help)
        })?;
        Ok(Self {
            origin: path.display().to_string(),
            text,
            unsets: Vec::new(),
            sets: sets.to_vec(),
        })
    }

    /// The same without these keys.
    #[must_use]
    pub fn without(self, unsets: &[String]) -> Self {
        Self {
            unsets: unsets.to_vec(),
            ..self
        }
    }
}
