//! Typed rows, and the columns that they are written in.

use super::column::Column;
use super::table::Table;
use super::value::Value;
use crate::naming::Identity;

/// A row of a table. Each of its typed fields is one column or several.
pub trait Row {
    /// Its columns, in order.
    fn columns() -> Vec<Column>;

    /// Its cells, one a column.
    fn cells(&self) -> Vec<Value>;
}

/// Declares a row. It is the only place that says which columns its fields are written in.
///
/// A field is written in the column of its name, or with `as [...]` in the columns named there. The
/// columns of a field marked `= detail` stand in the CSV alone.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[$doc:meta])*
                $field:ident: $type:ty $(as [$($column:ident),+])? $(= $detail:ident)?,
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $($(#[$doc])* $vis $field: $type,)*
        }

        impl $crate::tables::row::Row for $name {
            fn columns() -> Vec<$crate::tables::column::Column> {
                let mut columns = Vec::new();
                $({
                    const NAMES: &[&str] =
                        $crate::tables::row::names!($field $(as [$($column),+])?);
                    const {
                        let kinds = <$type as $crate::tables::field::Field>::KINDS;
                        assert!(NAMES.len() == kinds.len(), "one name a column");
                    }
                    let detail = $crate::tables::row::detail!($($detail)?);
                    columns.extend($crate::tables::column::columns_of::<$type>(NAMES, detail));
                })*
                columns
            }

            fn cells(&self) -> Vec<$crate::tables::value::Value> {
                let mut cells = Vec::new();
                $($crate::tables::field::Field::write(&self.$field, &mut cells);)*
                cells
            }
        }
    };
}
pub(super) use row;

/// The names of the columns of a field.
macro_rules! names {
    ($field:ident) => {
        &[stringify!($field)]
    };
    ($field:ident as [$($column:ident),+]) => {
        &[$(stringify!($column)),+]
    };
}
pub(super) use names;

/// Whether the columns of a field are detail columns.
macro_rules! detail {
    () => {
        false
    };
    (detail) => {
        true
    };
}
pub(super) use detail;

/// Finished rows with the name and the caption of their table.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<R> {
    identity: Identity,
    caption: String,
    columns: Vec<Column>,
    sections: usize,
    rows: Vec<R>,
}

impl<R: Row> Rows<R> {
    /// Rows of a table with this name.
    pub(super) fn new(name: &str, caption: impl Into<String>, rows: Vec<R>) -> Self {
        Self::of_task([name], caption, rows)
    }

    /// Rows of a table of a task. Its name is made of the task, of what is shown, and of whatever
    /// else distinguishes it.
    pub(super) fn of_task<'a>(
        parts: impl IntoIterator<Item = &'a str>,
        caption: impl Into<String>,
        rows: Vec<R>,
    ) -> Self {
        Self {
            identity: Identity::new(parts),
            caption: caption.into(),
            columns: R::columns(),
            sections: 0,
            rows,
        }
    }

    /// Sets how many columns at the left become headings of sections in LaTeX.
    pub(super) fn with_sections(mut self, columns: usize) -> Self {
        self.sections = columns;
        self
    }

    /// Sets the columns that follow those which all rows of the type have.
    pub(super) fn with_columns(mut self, columns: impl IntoIterator<Item = Column>) -> Self {
        self.columns.extend(columns);
        self
    }

    /// The same rows under another identity, which names the table.
    pub(crate) fn identified(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// The same table with some of its rows.
    pub(crate) fn with_rows(&self, keep: impl Fn(&R) -> bool) -> Self
    where
        R: Clone,
    {
        let rows = self.rows.iter().filter(|row| keep(row));
        Self {
            identity: self.identity.clone(),
            caption: self.caption.clone(),
            columns: self.columns.clone(),
            sections: self.sections,
            rows: rows.cloned().collect(),
        }
    }

    /// The identity of what the table shows.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The rows.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as it is written and printed.
    pub fn table(&self) -> Table {
        Table::new(
            self.identity.clone(),
            self.caption.clone(),
            self.columns.clone(),
            self.rows.iter().map(R::cells).collect(),
        )
        .with_sections(self.sections)
    }
}

/// A row that belongs to one arm.
pub(crate) trait OfArm {
    fn arm(&self) -> &str;
}

/// A row with names that a narrow drawing may have to shorten.
pub(crate) trait Named {
    fn names(&self) -> Vec<&str>;
}

impl<R: OfArm> Named for R {
    fn names(&self) -> Vec<&str> {
        vec![self.arm()]
    }
}

/// Implements [`OfArm`] by the field `arm`.
macro_rules! of_arm {
    ($($name:ty),*) => {$(
        impl $crate::tables::row::OfArm for $name {
            fn arm(&self) -> &str {
                &self.arm
            }
        }
    )*};
}
pub(super) use of_arm;
