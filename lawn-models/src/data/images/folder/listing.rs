//! The files of a split, in little memory.

use std::path::{Path, PathBuf};

use super::ignored::Ignored;

/// Files of one split with their labels, in order of class and name.
///
/// The names stand one after another in one piece of memory: about 40 bytes a file, and no
/// allocation for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The folder of the split.
    folder: PathBuf,
    pub(crate) classes: Vec<String>,
    /// `[N]`, indices into `classes`.
    pub(crate) labels: Vec<u32>,
    /// Paths below the folder, without anything between them.
    names: String,
    /// Where each of them ends.
    ends: Vec<u64>,
    /// What was passed over.
    pub(crate) ignored: Ignored,
}

impl Listing {
    /// One without files.
    pub(crate) fn new(folder: &Path, classes: Vec<String>) -> Self {
        Self {
            folder: folder.to_owned(),
            classes,
            labels: Vec::new(),
            names: String::new(),
            ends: Vec::new(),
            ignored: Ignored::default(),
        }
    }

    /// Adds a file by its path below the folder.
    pub(crate) fn push(&mut self, name: &str, label: u32) {
        self.names.push_str(name);
        self.ends.push(self.names.len() as u64);
        self.labels.push(label);
    }

    /// Number of files.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file below the folder.
    pub(crate) fn name(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.names[start as usize..self.ends[index] as usize]
    }

    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.name(index))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        (0..self.len()).map(|index| self.path(index))
    }

    /// The same without the files at these places, which are in order.
    pub(crate) fn without(&self, left_out: &[usize]) -> Self {
        let mut kept = Self::new(&self.folder, self.classes.clone());
        kept.ignored = self.ignored.clone();
        for index in 0..self.len() {
            if left_out.binary_search(&index).is_err() {
                kept.push(self.name(index), self.labels[index]);
            }
        }
        kept
    }
}
