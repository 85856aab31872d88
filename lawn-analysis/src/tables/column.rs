//! Columns of a table.

use super::field::{Field, Kind};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether only the CSV has it, and what is read does not.
    pub detail: bool,
}

/// The columns of one field.
pub(super) fn columns_of<T: Field>(
    names: &'static [&'static str],
    detail: bool,
) -> impl Iterator<Item = Column> {
    let columns = names.iter().zip(T::KINDS);
    columns.map(move |(name, kind)| Column {
        name,
        kind: *kind,
        detail,
    })
}
