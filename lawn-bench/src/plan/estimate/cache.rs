//! Measurements that have been made before, in the user's cache.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::probe::Probed;
use crate::run::{document, files};

/// Schema of the cache. 1 had what all trials of a cell take, 2 one trial a measurement, 3 nothing
/// beyond small batches where a step of them took long, 4 not how much time a measurement was given, 5
/// not what others took of the processors.
const SCHEMA: u32 = 6;

/// So much more time than a measurement was given is no reason to make it again: the same plan has a
/// little more or less of it each time.
const NO_MORE: f64 = 1.1;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Cache {
    measured: BTreeMap<String, Kept>,
}

/// What was measured of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// By batch size.
    pub(super) probed: Vec<Probed>,
    /// Seconds that it was given, where it left out what these did not suffice for.
    pub(super) given: Option<f64>,
}

impl Kept {
    /// Whether no more would be known after `seconds` of a measurement.
    pub(super) fn serves(&self, seconds: f64) -> bool {
        self.given.is_none_or(|given| seconds <= NO_MORE * given)
    }
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

    pub(super) fn get(&self, key: &str) -> Option<&Kept> {
        self.measured.get(key)
    }

    /// Adds a measurement, and writes all of them.
    pub(super) fn put(&mut self, key: String, kept: Kept) {
        self.measured.insert(key, kept);
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
