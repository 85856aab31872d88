//! What a listing passes over.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::escape::escaped;

/// Entries of folders that are no samples, counted by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Ignored(BTreeMap<&'static str, Group>);

/// Entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Group {
    count: u64,
    /// The first that was met, in UTF-8.
    example: PathBuf,
}

impl Ignored {
    pub(crate) fn add(&mut self, what: &'static str, path: &Path) {
        let group = self.0.entry(what).or_insert_with(|| Group {
            count: 0,
            example: escaped(path.as_os_str()).into(),
        });
        group.count += 1;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().map(|group| group.count).sum()
    }
}

/// As in a sentence.
impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (what, group)) in self.0.iter().enumerate() {
            let between = if place > 0 { "; " } else { "" };
            let (count, example) = (group.count, group.example.display());
            write!(f, "{between}{count} {what} ({example})")?;
        }
        Ok(())
    }
}
