//! A finished table of cells, as it is written, printed and shown on a page.

use super::column::Column;
use super::value::Value;
use crate::naming::Identity;

/// A table with named columns. Every row has one value per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of the table, and of its files without the extension.
    pub name: String,
    /// What it shows, in a sentence.
    pub caption: String,
    /// The identity of what it shows.
    identity: Identity,
    columns: Vec<Column>,
    /// How many printed columns at the left are headings of sections in LaTeX.
    pub(super) sections: usize,
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// A table of these rows.
    ///
    /// # Panics
    /// Where a row does not have one value per column.
    pub(super) fn new(
        identity: Identity,
        caption: String,
        columns: Vec<Column>,
        rows: Vec<Vec<Value>>,
    ) -> Self {
        let name = identity.stem();
        let whole = rows.iter().all(|row| row.len() == columns.len());
        assert!(whole, "table {name}: one value a column");
        Self {
            name,
            caption,
            identity,
            columns,
            sections: 0,
            rows,
        }
    }

    /// Sets how many printed columns at the left become headings of sections in LaTeX.
    pub(super) fn with_sections(mut self, columns: usize) -> Self {
        self.sections = columns;
        self
    }

    /// The identity of what it shows.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Makes a column a detail column.
    ///
    /// # Panics
    /// Where there is no such column.
    pub(crate) fn hiding(mut self, name: &str) -> Self {
        let mut columns = self.columns.iter_mut();
        let column = columns.find(|column| column.name == name);
        let column = column.unwrap_or_else(|| panic!("table {} has no column {name}", self.name));
        column.detail = true;
        self
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
