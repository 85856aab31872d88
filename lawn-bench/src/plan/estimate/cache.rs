//! Measurements that have been made before, in the user's cache.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::probe::Probed;
use crate::run::{document, files};

/// Schema of the cache. 1 had what all trials of a cell take, 2 one trial a measurement, 3 nothing
/// beyond small batches where a step of them took long.
const SCHEMA: u32 = 4;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Cache {
    measured: BTreeMap<String, Vec<Probed>>,
}

impl Cache {
    fn path() -> Option<PathBuf> {
        Some(files::cache()?.join("measured.json"))
    }

    /// What is there; nothing where that is none of this version.
    pub(super) fn read() -> Self {
        let known = Self::path().and_then(|path| document::read(&path, SCHEMA..=SCHEMA).ok());
        known.unwrap_or_default()
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<Probed>> {
        self.measured.get(key).cloned()
    }

    /// Adds a measurement, and writes all of them.
    pub(super) fn put(&mut self, key: String, probed: &[Probed]) {
        self.measured.insert(key, probed.to_vec());
        if let Some(path) = Self::path()
            && path
                .parent()
                .is_some_and(|folder| std::fs::create_dir_all(folder).is_ok())
        {
            // A cache that cannot be written costs time, nothing else.
            let _ = document::write(&path, SCHEMA, self);
        }
    }
}
