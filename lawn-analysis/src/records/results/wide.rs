//! Wide tables: columns that each hold one column of results for other trials.

use std::collections::BTreeMap;

use super::pattern::Pattern;
use super::texts::is_result;

/// The column that a [`WideColumns`] fills where it names none.
pub(super) const METRIC: &str = "test_metric";

/// Columns of a file that each hold one column of results for other trials: a wide table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideColumns {
    /// The column of results that their cells belong to.
    pub column: String,
    /// Their names, with the columns of results that these hold.
    pub names: Pattern,
}

impl WideColumns {
    /// Reads `COLUMN=PATTERN`, or a pattern alone for `test_metric`.
    ///
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (column, pattern) = match text.split_once('=') {
            Some((column, pattern)) if is_result(column) => (column, pattern),
            _ => (METRIC, text),
        };
        Ok(Self {
            column: column.to_owned(),
            names: Pattern::parse(pattern)?,
        })
    }
}

/// The trials that each row of a wide table holds. A table that is not wide holds one.
#[derive(Debug, Default)]
pub(super) struct Wide {
    pub(super) slices: Vec<Slice>,
}

/// The columns whose names hold the same values.
#[derive(Debug)]
pub(super) struct Slice {
    /// By column of results, the value in the names.
    pub(super) held: BTreeMap<String, String>,
    /// By column of results, the index of the column with its cells.
    pub(super) cells: BTreeMap<String, usize>,
}

impl Wide {
    /// Adds the column at `index`; the error is the index of another that holds the same.
    pub(super) fn add(
        &mut self,
        held: BTreeMap<String, String>,
        column: &str,
        index: usize,
    ) -> Result<(), usize> {
        let found = self.slices.iter().position(|slice| slice.held == held);
        let at = found.unwrap_or_else(|| {
            let cells = BTreeMap::new();
            self.slices.push(Slice { held, cells });
            self.slices.len() - 1
        });
        match self.slices[at].cells.insert(column.to_owned(), index) {
            Some(other) => Err(other),
            None => Ok(()),
        }
    }

    /// The columns whose values the names hold.
    pub(super) fn held(&self) -> impl Iterator<Item = &str> {
        let first = self.slices.first().into_iter();
        first.flat_map(|slice| slice.held.keys().map(String::as_str))
    }

    /// The columns that cells belong to.
    pub(super) fn filled(&self) -> Vec<&str> {
        let all = self.slices.iter().flat_map(|slice| slice.cells.keys());
        let mut all: Vec<&str> = all.map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn gives(&self, name: &str) -> bool {
        self.held().any(|held| held == name) || self.filled().contains(&name)
    }

    pub(super) fn has(&self, index: usize) -> bool {
        let mut cells = self.slices.iter().flat_map(|slice| slice.cells.values());
        cells.any(|used| *used == index)
    }

    /// Whether a column of that name is one of the wide ones.
    pub(super) fn is_some_of(&self, names: &[String], name: &str) -> bool {
        (0..names.len()).any(|index| names[index] == name && self.has(index))
    }

    /// By slice, the name of its first column.
    pub(super) fn within(&self, names: &[String]) -> Vec<String> {
        if self.slices.is_empty() {
            return vec![String::new()];
        }
        let first = |slice: &Slice| {
            slice
                .cells
                .values()
                .min()
                .map(|index| names[*index].clone())
        };
        self.slices.iter().filter_map(first).collect()
    }

    /// Each of `items` once for each slice.
    pub(super) fn repeated<T: Clone>(&self, items: Vec<T>) -> Vec<T> {
        match self.slices.len() {
            0 => items,
            count => items
                .into_iter()
                .flat_map(|item| std::iter::repeat_n(item, count))
                .collect(),
        }
    }
}
