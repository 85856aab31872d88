//! The text of a sweep and what is set over it, as one table.

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

/// The text of a sweep and what is set over it, with a place for every error.
pub(super) struct Overlay<'f> {
    pub(super) source: Source<'f>,
    text: &'f str,
    /// Where each set begins in all texts, and its text moved there.
    moved: Vec<(usize, String)>,
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
        let mut moved = Vec::new();
        for set in sets {
            let start = source.end();
            source.add(overrides::ORIGIN, set);
            moved.push((start, overrides::moved(set, start)));
        }
        Self {
            source,
            text: &file.text,
            moved,
        }
    }

    /// The text with the first `count` sets laid over it.
    ///
    /// # Errors
    ///
    /// Where a text is no TOML, or a set does not go with what is below it.
    pub(super) fn laid(&self, count: usize) -> Result<Laid<'_>, ConfigError> {
        let source = &self.source;
        let root = DeTable::parse(self.text).map_err(|error| source.toml(&error, 0..0))?;
        let span = root.span();
        let mut table = root.into_inner();
        let mut renamed = earlier::rename(source, &mut table, None)?;
        for (start, set) in &self.moved[..count] {
            let mut over = overrides::parse(source, set, *start)?;
            renamed.extend(earlier::rename(source, &mut over, Some(&table))?);
            overrides::lay(source, &mut table, over)?;
        }
        limits::integers(source, &table)?;
        Ok(Laid {
            table,
            span,
            renamed,
        })
    }
}
