//! What the formats of files have in common: named columns, of which each can be had as text.

use super::numerals::Width;
use crate::error::{Error, Position};

/// The most names that a list of columns shows. The others are counted.
const MOST_NAMES: usize = 40;

/// The cells of one column as text, without spaces around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// One text a row; empty where there is no value.
    pub(super) texts: Vec<String>,
    /// The width in which the numbers were stored, where that is less than 64 bits.
    pub(super) width: Option<Width>,
    /// Whether the numbers had a percent sign.
    pub(super) in_percent: bool,
}

impl Cells {
    /// Texts that were no numbers of a file.
    pub(super) fn of(texts: Vec<String>) -> Self {
        Self {
            texts,
            ..Self::default()
        }
    }
}

/// A file as columns of text.
pub(super) trait Sheet {
    /// The names of its columns, without spaces around them.
    fn names(&self) -> &[String];

    /// The position of each row.
    fn positions(&self) -> Vec<Position>;

    /// The column at `index`, which must hold what `expected` says in words.
    ///
    /// # Errors
    /// [`Error::WrongType`] for a column that no text can stand for, [`Error::Parquet`] for one
    /// that is damaged.
    fn cells(&self, index: usize, expected: &'static str) -> Result<Cells, Error>;

    /// Whether the column is an object whose fields are columns too.
    fn is_object(&self, _index: usize) -> bool {
        false
    }

    /// What the reader found out about the file, in sentences that the report must show.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The names of columns as an error lists them.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES);
    let shown = shown.map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
