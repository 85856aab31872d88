//! Hashes of files, kept in the user's cache with what the file system says of each.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lawn_models::DataError;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::run::{document, files, lease};

/// Schema of the cache. 1 knew files by size and time of modification alone.
const SCHEMA: u32 = 2;

/// Hashes of files that have been read before.
#[derive(Default)]
pub(super) struct Cache {
    known: Known,
    changed: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct Known {
    files: BTreeMap<PathBuf, Hashed>,
}

/// The hash of a file, while the system says this of it.
#[derive(Serialize, Deserialize)]
struct Hashed {
    is: Stamp,
    hash: String,
}

/// What tells two files of one name apart, and a file from itself before it was written to. A
/// copy keeps size and time of modification, and no program can set the time of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// The home that has the cache may be that of several machines.
    host: String,
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            host: lease::host(),
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether a write to the file now would change its times, which advance in ticks.
    fn is_settled(&self) -> bool {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_secs());
        u64::try_from(self.changed.0).is_ok_and(|changed| now.saturating_sub(changed) >= SETTLED)
    }
}

/// Seconds after which a file that was written to has another time, on any file system.
const SETTLED: u64 = 3;

impl Cache {
    fn path() -> Option<PathBuf> {
        Some(files::cache()?.join("checksums.json"))
    }

    /// What is kept; nothing where that cannot be read: it can be made again.
    pub(super) fn read() -> Self {
        let known = Self::path().and_then(|path| document::read(&path, SCHEMA..=SCHEMA).ok());
        Self {
            known: known.unwrap_or_default(),
            changed: false,
        }
    }

    pub(super) fn write(&self) {
        if let Some(path) = Self::path().filter(|_| self.changed)
            && path
                .parent()
                .is_some_and(|folder| std::fs::create_dir_all(folder).is_ok())
        {
            // A cache that cannot be written costs time, nothing else.
            let _ = document::write(&path, SCHEMA, &self.known);
        }
    }

    pub(super) fn hash(&mut self, path: &Path) -> Result<String, Error> {
        let unread = |source: std::io::Error| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let about = std::fs::metadata(path).map_err(unread)?;
        let is = Stamp::of(&about);
        let place = std::path::absolute(path).map_err(Error::io("find", path))?;
        if let Some(hashed) = self.known.files.get(&place)
            && hashed.is == is
        {
            return Ok(hashed.hash.clone());
        }
        let file = File::open(path).map_err(unread)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(unread)?;
        let hash = hasher.finalize().to_hex().to_string();
        if is.is_settled() {
            let hash = hash.clone();
            self.known.files.insert(place, Hashed { is, hash });
            self.changed = true;
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_file_is_kept_by_all_that_the_system_says_of_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&path, "one").expect("there is room");
        let mut cache = Cache::default();
        let about = std::fs::metadata(&path).expect("it is there");
        let place = std::path::absolute(&path).expect("it has a place");
        let is = Stamp::of(&about);
        let hash = "kept".to_owned();
        cache.known.files.insert(place, Hashed { is, hash });
        assert_eq!(cache.hash(&path).expect("it can be read"), "kept");
        // Another file of its size and time in its place, as `cp -p` and `tar` leave it.
        std::fs::write(&other, "two").expect("there is room");
        let file = File::options().write(true).open(&other);
        let file = file.expect("it can be written to");
        let then = about.modified().expect("it has one");
        file.set_modified(then).expect("it is ours");
        std::fs::rename(&other, &path).expect("it is ours");
        assert_ne!(cache.hash(&path).expect("it can be read"), "kept");
        assert!(!cache.changed, "it was written to this very moment");
    }
}
