//! Columns of a table.

use super::field::{Field, Kind};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether the column stands in the CSV alone, and not in what people read.
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
