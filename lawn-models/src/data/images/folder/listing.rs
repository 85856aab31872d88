//! The files of a split, in little memory.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::escape::escaped;
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
    names: Vec<u8>,
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
            names: Vec::new(),
            ends: Vec::new(),
            ignored: Ignored::default(),
        }
    }

    /// Adds a file by its path below the folder.
    pub(crate) fn push(&mut self, name: &OsStr, label: u32) {
        self.names.extend(name.as_bytes());
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

    /// The path of a file below the folder, [escaped](escaped) where it is not UTF-8.
    pub(crate) fn name(&self, index: usize) -> Cow<'_, str> {
        let name = self.stored_name(index);
        name.to_str()
            .map_or_else(|| escaped(name).into(), Cow::Borrowed)
    }

    /// The path of a file below the folder, as the system has it.
    pub(crate) fn stored_name(&self, index: usize) -> &OsStr {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        OsStr::from_bytes(&self.names[start as usize..self.ends[index] as usize])
    }

    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.stored_name(index))
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
                kept.push(self.stored_name(index), self.labels[index]);
            }
        }
        kept
    }
}
