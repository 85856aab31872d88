//! The text of a sweep, what is unset of it, and what is set over it, as one table.

use std::ops::Range;

use toml::de::DeTable;

use super::earlier::{self, Renamed};
use super::file::SweepFile;
use super::source::Source;
use super::{limits, overrides};
use crate::error::ConfigError;

/// What is set over a file, each as TOML.
pub(super) fn toml_sets(file: &SweepFile) -> Vec<String> {
    let sets = file.sets.iter();
    sets.map(|set| overrides::as_toml(set)).collect()
}

/// The text of a sweep and what changes it, with a place for every error.
pub(super) struct Overlay<'f> {
    pub(super) source: Source<'f>,
    text: &'f str,
    changes: Vec<Change>,
}

/// One thing that is unset or set.
struct Change {
    is_set: bool,
    /// Where it begins in all texts.
    start: usize,
    /// Its text, moved there.
    moved: String,
}

/// The table that they are together, in the words of today.
pub(super) struct Laid<'t> {
    pub(super) table: DeTable<'t>,
    /// Where the table is in the file.
    pub(super) span: Range<usize>,
    /// Words that had another name once.
    pub(super) renamed: Vec<Renamed>,
}

impl<'f> Overlay<'f> {
    pub(super) fn new(file: &'f SweepFile, sets: &'f [String]) -> Self {
        let mut source = Source::new(&file.origin, &file.text);
        let mut changes = Vec::new();
        let unsets = file.unsets.iter().map(|text| (false, text));
        for (is_set, text) in unsets.chain(sets.iter().map(|text| (true, text))) {
            let start = source.end();
            let moved = match is_set {
                true => {
                    source.add(overrides::SET, text);
                    overrides::moved(text, start)
                }
                false => {
                    source.add(overrides::UNSET, text);
                    overrides::moved(&overrides::as_table(text), start)
                }
            };
            changes.push(Change {
                is_set,
                start,
                moved,
            });
        }
        Self {
            source,
            text: &file.text,
            changes,
        }
    }

    /// How many things are unset and set.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The text with the first `count` changes made, in the order in which they are made.
    ///
    /// # Errors
    ///
    /// Where a text is no TOML, or a change does not go with what is there.
    pub(super) fn laid(&self, count: usize) -> Result<Laid<'_>, ConfigError> {
        let source = &self.source;
        let root = DeTable::parse(self.text).map_err(|error| source.toml(&error, 0..0))?;
        let span = root.span();
        let mut table = root.into_inner();
        let mut renamed = earlier::rename(source, &mut table, None)?;
        for change in &self.changes[..count] {
            let (moved, start) = (&change.moved, change.start);
            let mut over = match change.is_set {
                true => overrides::parse(source, moved, start)?,
                false => overrides::parse_key(source, moved, start)?,
            };
            let more = earlier::rename(source, &mut over, Some(&table))?;
            for one in more {
                if !renamed.contains(&one) {
                    renamed.push(one);
                }
            }
            match change.is_set {
                true => overrides::lay(source, &mut table, over)?,
                false => overrides::remove(source, &mut table, &over)?,
            }
        }
        limits::integers(source, &table)?;
        Ok(Laid {
            table,
            span,
            renamed,
        })
    }
}
