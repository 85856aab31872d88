//! The data sets of a sweep: that they are there, and their checksums.
//!
//! A checksum is over the names and contents of all files of a data set. Hashing a
//! large one takes a while, so that the hash of each file is kept in the user's cache
//! with its size and time of change, and taken from there while both are the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::config::NamedTask;
use crate::{Error, files};

/// Schema of the cache.
const SCHEMA: u32 = 1;

/// Makes sure, before anything runs, that every task finds its data set.
///
/// # Errors
///
/// [`Error::NoDataRoot`], [`Error::NoData`], [`Error::Data`] where one cannot be read.
pub fn find(tasks: &[NamedTask], root: Option<&Path>) -> Result<(), Error> {
    for task in tasks.iter().filter(|task| task.config.needs_data_root()) {
        let (task, data) = (task.name.clone(), task.config.data().to_owned());
        let Some(root) = root else {
            return Err(Error::NoDataRoot { task, data });
        };
        let sets: Vec<_> = lawn_models::describe_data(root)?
            .into_iter()
            .collect::<Result<_, _>>()?;
        if !sets.iter().any(|set| set.name == data) {
            let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
            let found = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            return Err(Error::NoData {
                task,
                data,
                root: root.into(),
                found,
            });
        }
    }
    Ok(())
}

/// By task, the checksum of the files that it reads; generated data have none.
///
/// # Errors
///
/// [`Error::Data`], [`Error::Io`] where a file cannot be read.
pub fn checksums(tasks: &[NamedTask], root: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut cache = Cache::read();
    let mut checksums = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.config.needs_data_root()) {
        let mut files = lawn_models::data_files(&task.config, root)?;
        files.sort();
        let mut all = blake3::Hasher::new();
        for file in &files {
            let name = file.strip_prefix(root).unwrap_or(file);
            all.update(name.as_os_str().as_encoded_bytes());
            all.update(&[0]);
            all.update(cache.hash(file)?.as_bytes());
        }
        let digits = all.finalize().to_hex();
        checksums.insert(task.name.clone(), digits[..16].to_owned());
    }
    cache.write();
    Ok(checksums)
}

/// Hashes of files that have been read before.
#[derive(Default)]
struct Cache {
    known: Known,
    changed: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct Known {
    files: BTreeMap<PathBuf, Hashed>,
}

/// The hash of a file, while its size and time are these.
#[derive(Serialize, Deserialize)]
struct Hashed {
    size: u64,
    /// Nanoseconds since 1970.
    modified: u128,
    hash: String,
}

impl Cache {
    fn path() -> Option<PathBuf> {
        Some(files::cache()?.join("checksums.json"))
    }

    /// What is kept; nothing where that cannot be read: it can be made again.
    fn read() -> Self {
        let known = Self::path().and_then(|path| files::read_json(&path, SCHEMA).ok());
        Self {
            known: known.unwrap_or_default(),
            changed: false,
        }
    }

    fn write(&self) {
        if let Some(path) = Self::path().filter(|_| self.changed)
            && path
                .parent()
                .is_some_and(|folder| std::fs::create_dir_all(folder).is_ok())
        {
            // A cache that cannot be written costs time, nothing else.
            let _ = files::write_json(&path, SCHEMA, &self.known);
        }
    }

    fn hash(&mut self, path: &Path) -> Result<String, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let about = file.metadata().map_err(Error::io("read", path))?;
        let since = about
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let (size, modified) = (about.len(), since.map_or(0, |since| since.as_nanos()));
        let place = std::path::absolute(path).map_err(Error::io("find", path))?;
        if let Some(hashed) = self.known.files.get(&place)
            && (hashed.size, hashed.modified) == (size, modified)
        {
            return Ok(hashed.hash.clone());
        }
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(file)
            .map_err(Error::io("read", path))?;
        let hash = hasher.finalize().to_hex().to_string();
        let hashed = Hashed {
            size,
            modified,
            hash: hash.clone(),
        };
        self.known.files.insert(place, hashed);
        self.changed = true;
        Ok(hash)
    }
}
