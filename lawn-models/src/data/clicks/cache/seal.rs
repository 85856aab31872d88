//! What a file of a cache holds, and how that is known without a look at every byte.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::data::error::DataError;

/// What is enough to take a file of a cache for what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Its size and its time.
    Times,
    /// The checksum of all its bytes.
    Checksums,
}

/// What the system says of a file.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// When the system last noted a change of the file, which nobody can set: seconds and
    /// nanoseconds.
    #[serde(default)]
    changed: (i64, i64),
    /// Its number on the file system.
    #[serde(default)]
    inode: u64,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Result<Self, DataError> {
        let about = std::fs::metadata(path).map_err(DataError::read(path))?;
        let modified = about.modified().map_err(DataError::read(path))?;
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            bytes: about.len(),
            modified: modified.as_nanos() as u64,
            changed: (about.ctime(), about.ctime_nsec()),
            inode: about.ino(),
        })
    }
}

/// The checksum of a file.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seal {
    /// BLAKE3 of its bytes, in hexadecimal.
    digest: String,
    /// The file when it was written, or when it was last found to hold them.
    stamp: Stamp,
}

impl Seal {
    /// Of a file that was just written.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn new(path: &Path, digest: blake3::Hash) -> Result<Self, DataError> {
        Ok(Self {
            digest: digest.to_hex().to_string(),
            stamp: Stamp::of(path)?,
        })
    }

    /// Whether size and time of the file are those noted.
    pub(super) fn is_as_noted(&self, path: &Path) -> bool {
        Stamp::of(path).is_ok_and(|stamp| stamp == self.stamp)
    }

    /// Whether the file has these bytes.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn holds(&self, path: &Path) -> Result<bool, DataError> {
        let failed = || DataError::read(path);
        let file = File::open(path).map_err(failed())?;
        let mut digest = blake3::Hasher::new();
        digest.update_reader(file).map_err(failed())?;
        Ok(digest.finalize().to_hex().as_str() == self.digest)
    }

    /// Notes size and time of the file.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn note(&mut self, path: &Path) -> Result<(), DataError> {
        self.stamp = Stamp::of(path)?;
        Ok(())
    }
}
