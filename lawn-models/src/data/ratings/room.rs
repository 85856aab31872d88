//! Memory that interactions may take.

use std::path::Path;

use crate::data::error::DataError;

/// What an interaction takes while a file is read: its line, and its place among those of its user.
const BYTES: u64 = 64;

/// Bytes of memory that are left for interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room(pub(crate) u64);

impl Room {
    /// As much as is asked for.
    pub(crate) const ENDLESS: Self = Self(u64::MAX);

    /// Makes sure that there is room for so many bytes and interactions.
    ///
    /// # Errors
    /// [`DataError::Unusable`].
    pub(super) fn require_bytes(
        self,
        path: &Path,
        bytes: u64,
        interactions: u64,
    ) -> Result<(), DataError> {
        let needed = bytes.saturating_add(interactions.saturating_mul(BYTES));
        if needed <= self.0 {
            return Ok(());
        }
        let found = format!("sizes that take {needed} bytes");
        let expected = format!("up to the {} bytes of memory that are left", self.0);
        Err(DataError::unusable(path, found, expected))
    }

    /// Makes sure that there is room for so many interactions: text of a few megabytes can unpack to
    /// more than any memory holds.
    ///
    /// # Errors
    /// [`DataError::Unusable`].
    pub(super) fn require(self, path: &Path, interactions: u64) -> Result<(), DataError> {
        if interactions <= self.0 / BYTES {
            return Ok(());
        }
        let Self(bytes) = self;
        let found = format!("more than {} interactions", bytes / BYTES);
        let expected = format!("as many as the {bytes} bytes of memory hold that are left");
        Err(DataError::unusable(path, found, expected))
    }
}
