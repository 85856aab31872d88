use std::ops::Range;
use std::path::Path;

use super::selection::Selection;
use super::table::{Row, Table};
use crate::data::dataset::Batch;
use crate::data::error::DataError;

/// The rows of a split, or some of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    table: &'a Table,
    selection: &'a Selection,
    len: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(table: &'a Table, selection: &'a Selection) -> Self {
        Self {
            table,
            selection,
            len: selection.len(),
        }
    }

    /// At most so many of them, at even distances.
    pub(crate) fn at_most(self, rows: u64) -> Self {
        Self {
            len: self.len.min(rows),
            ..self
        }
    }

    /// Refuses rows that AUC and entropy are not defined on. Errors name them as those of
    /// `split` of `path`.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where all are clicks, or none is.
    pub(crate) fn require_both(self, path: &Path, split: &str) -> Result<(), DataError> {
        let has = |click: bool| self.iter().any(|row| row.is_click() == click);
        let found = match (has(true), has(false)) {
            (true, true) => return Ok(()),
            (true, false) => "only clicks",
            (false, _) => "no click",
        };
        let found = format!("{found} in {} rows of {split}", self.len);
        let expected = "clicks and rows that are none in each split";
        Err(DataError::unusable(path, found, expected))
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The number in the table of the k-th of them.
    pub(super) fn number(&self, k: u64) -> u64 {
        let all = u128::from(self.selection.len());
        let place = u128::from(k) * all / u128::from(self.len);
        self.selection.row(place as u64)
    }

    /// Each of them in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Row<'a>> {
        (0..self.len).map(move |k| self.table.row(self.number(k)))
    }

    /// Rows that follow each other, as a model takes them.
    ///
    /// # Errors
    /// As [`Table::batch`].
    pub(crate) fn batch(&self, places: Range<u64>) -> Result<Batch, DataError> {
        let numbers: Vec<u64> = places.map(|k| self.number(k)).collect();
        self.table.batch(&numbers)
    }
}
