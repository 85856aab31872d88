//! Finished tables: what figures draw and pages show, and what is shipped beside them.

mod across;
mod answers;
mod drawn;
mod formats;
mod latex;
mod means;
mod series;
mod trials;
mod unpaired;

pub use across::{aggregates, improvement, interval_estimates, profile, ranks};
pub use answers::{claims, comparisons, feasibility, pairs, unmatched};
pub(crate) use drawn::is_share;
pub use drawn::{drops, fit, forest, paired, target, tuning_points};
pub(crate) use formats::{markdown, title};
pub(crate) use latex::latex_caption;
pub use means::means;
pub use series::{ByBatch, ByEpoch, by_batch, curves};
pub use trials::{confirmations, failures, survival, tuning};
pub use unpaired::unpaired;

use crate::naming::Identity;
use crate::text::{integer, number};

/// One cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Absent,
    /// A number that counts.
    Integer(i64),
    /// A number that measures.
    Number(f64),
    /// Words.
    Text(String),
}

impl Value {
    /// The number in the cell, if it holds one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Absent | Self::Text(_) => None,
        }
    }

    /// The cell as people read it.
    pub fn shown(&self) -> String {
        match self {
            Self::Absent => "–".to_owned(),
            Self::Integer(value) => integer(*value),
            Self::Number(value) => number(*value),
            Self::Text(text) => text.clone(),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        // A count beyond i64 cannot come from rows in memory.
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// A table with named columns; every row has one value a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of the table, and of its files without the extension.
    pub name: String,
    /// What it shows, in a sentence.
    pub caption: String,
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// What it is of, in full.
    identity: Identity,
    /// Columns that only the CSV has.
    detail: Vec<&'static str>,
    /// How many printed columns at the left are headings of sections in LaTeX.
    sections: usize,
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// An empty table.
    pub fn new(
        name: impl Into<String>,
        caption: impl Into<String>,
        columns: &[&'static str],
    ) -> Self {
        let name = name.into();
        Self {
            identity: Identity::new([name.as_str()]),
            name,
            caption: caption.into(),
            columns: columns.to_vec(),
            detail: Vec::new(),
            sections: 0,
            rows: Vec::new(),
        }
    }

    /// An empty table of a task: its name is made of that of the task, of what is shown, and of
    /// whatever else tells it from others.
    pub(crate) fn of_task<'a>(
        parts: impl IntoIterator<Item = &'a str>,
        caption: impl Into<String>,
        columns: &[&'static str],
    ) -> Self {
        Self::new("", caption, columns).identified(Identity::new(parts))
    }

    /// The table as that of another thing, by which it is named.
    pub(crate) fn identified(mut self, identity: Identity) -> Self {
        self.name = identity.stem();
        self.identity = identity;
        self
    }

    /// What it is of.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The same table with some of its rows.
    pub(crate) fn with_rows(&self, keep: impl Fn(&[Value]) -> bool) -> Self {
        let rows = self.rows.iter().filter(|row| keep(row));
        Self {
            rows: rows.cloned().collect(),
            ..self.clone()
        }
    }

    /// Says which columns are detail: only the CSV has them, what is read does not.
    ///
    /// # Panics
    /// Where there is no such column.
    #[must_use]
    pub fn with_detail(mut self, columns: &[&'static str]) -> Self {
        for name in columns {
            self.column(name);
        }
        self.detail = columns.to_vec();
        self
    }

    /// Makes more columns detail.
    pub(crate) fn hiding(mut self, columns: &[&'static str]) -> Self {
        self.detail.extend(columns);
        self
    }

    /// Says how many columns at the left are headings of sections where LaTeX prints the table.
    #[must_use]
    pub fn with_sections(mut self, columns: usize) -> Self {
        self.sections = columns;
        self
    }

    /// Adds a row.
    ///
    /// # Panics
    /// Where the row has not one value a column.
    pub fn push(&mut self, row: Vec<Value>) {
        assert_eq!(
            row.len(),
            self.columns.len(),
            "table {}: one value a column",
            self.name
        );
        self.rows.push(row);
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The position of a column.
    ///
    /// # Panics
    /// Where there is no such column.
    pub fn column(&self, name: &str) -> usize {
        self.columns
            .iter()
            .position(|column| *column == name)
            .unwrap_or_else(|| panic!("table {} has no column {name}", self.name))
    }
}
