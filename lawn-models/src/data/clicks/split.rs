//! Which rows are trained on, chosen by, and tested on.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hash::mix;
use super::rows::Rows;
use super::selection::Selection;
use super::shape::ClickShape;
use super::table::Table;
use crate::data::error::DataError;
use crate::random::unit_of;
use crate::trial::TestPermit;

/// How the rows of a click set are split.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ClickSplit {
    /// In the order of the files, which is that of time: the last `test_fraction` of the rows is
    /// test, the last `validation_fraction` of those before it validation.
    #[default]
    Last,
    /// By a hash of `split_seed` and the number of the row.
    Random,
    /// Of the last file, the first `test_rows` rows are test and those after them validation;
    /// every file before it is train. AlgoPerf's split of Criteo 1TB.
    LastDay,
}

impl ClickSplit {
    /// How a sweep file has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Random => "random",
            Self::LastDay => "last-day",
        }
    }
}

/// The rule of a split, and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SplitRule {
    pub(crate) rule: ClickSplit,
    pub(crate) test_fraction: f64,
    pub(crate) validation_fraction: f64,
    /// Of the last file; only by [`ClickSplit::LastDay`].
    pub(crate) test_rows: u64,
    pub(crate) seed: u64,
}

/// A click set, split. The rows of the test split are handed out for a permit only.
#[derive(Debug)]
pub(crate) struct Clicks {
    path: PathBuf,
    table: Table,
    train: Selection,
    validation: Selection,
    test: Selection,
}

impl Clicks {
    /// Splits the rows of `path`, whose last file begins with row `last_file`.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where a split would be without rows.
    pub(crate) fn new(
        path: &Path,
        table: Table,
        last_file: u64,
        rule: &SplitRule,
    ) -> Result<Self, DataError> {
        let [train, validation, test] = rule.selections(table.len(), last_file);
        for (split, rows) in [
            ("train", &train),
            ("validation", &validation),
            ("test", &test),
        ] {
            if rows.len() == 0 {
                let found = format!("{} rows, of which none is {split}", table.len());
                let expected = "a rule that leaves rows for train, validation and test";
                return Err(DataError::unusable(path, found, expected));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            table,
            train,
            validation,
            test,
        })
    }

    /// What errors name as their place.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What each row has.
    pub(crate) fn shape(&self) -> &ClickShape {
        self.table.shape()
    }

    /// All rows, those of test too.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(crate) fn train(&self) -> Rows<'_> {
        Rows::new(&self.table, &self.train)
    }

    pub(crate) fn validation(&self) -> Rows<'_> {
        Rows::new(&self.table, &self.validation)
    }

    pub(crate) fn test(&self, _permit: &TestPermit) -> Rows<'_> {
        Rows::new(&self.table, &self.test)
    }
}

impl SplitRule {
    /// Train, validation and test of so many rows.
    fn selections(&self, rows: u64, last_file: u64) -> [Selection; 3] {
        let part = |of: u64, fraction: f64| (of as f64 * fraction).round() as u64;
        match self.rule {
            ClickSplit::Last => {
                let test = rows - part(rows, self.test_fraction);
                let validation = test - part(test, self.validation_fraction);
                [0..validation, validation..test, test..rows].map(Selection::Range)
            }
            ClickSplit::LastDay => {
                let test = (last_file + self.test_rows).min(rows);
                [0..last_file, test..rows, last_file..test].map(Selection::Range)
            }
            ClickSplit::Random => {
                let held =
                    self.test_fraction + (1.0 - self.test_fraction) * self.validation_fraction;
                let drawn = |row: u64| unit_of(mix(mix(self.seed) ^ row));
                [
                    Selection::of(rows, |row| drawn(row) >= held),
                    Selection::of(rows, |row| (self.test_fraction..held).contains(&drawn(row))),
                    Selection::of(rows, |row| drawn(row) < self.test_fraction),
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(rule: ClickSplit) -> SplitRule {
        SplitRule {
            rule,
            test_fraction: 0.2,
            validation_fraction: 0.1,
            test_rows: 30,
            seed: 0,
        }
    }

    fn rows(selection: &Selection) -> Vec<u64> {
        (0..selection.len()).map(|k| selection.row(k)).collect()
    }

    #[test]
    fn the_last_rows_are_test_and_those_before_them_validation() {
        let [train, validation, test] = rule(ClickSplit::Last).selections(100, 0);
        assert!(rows(&train).into_iter().eq(0..72));
        assert!(rows(&validation).into_iter().eq(72..80));
        assert!(rows(&test).into_iter().eq(80..100));
    }

    /// Of AlgoPerf's day 23 the first 19 of 36 files are test.
    #[test]
    fn the_last_day_begins_with_test() {
        let [train, validation, test] = rule(ClickSplit::LastDay).selections(100, 60);
        assert!(rows(&train).into_iter().eq(0..60));
        assert!(rows(&test).into_iter().eq(60..90));
        assert!(rows(&validation).into_iter().eq(90..100));
        let [_, validation, test] = rule(ClickSplit::LastDay).selections(80, 60);
        assert_eq!((validation.len(), test.len()), (0, 20));
    }

    #[test]
    fn at_random_each_row_is_in_one_split_and_the_seed_decides_which() {
        let [train, validation, test] = rule(ClickSplit::Random).selections(20_000, 0);
        let mut all = [rows(&train), rows(&validation), rows(&test)].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..20_000));
        // Within five deviations of the binomials.
        assert!(test.len().abs_diff(4_000) < 5 * 57, "{}", test.len());
        assert!(
            validation.len().abs_diff(1_600) < 5 * 39,
            "{}",
            validation.len()
        );
        let other = SplitRule {
            seed: 1,
            ..rule(ClickSplit::Random)
        };
        assert_ne!(rows(&other.selections(20_000, 0)[2]), rows(&test));
        // More rows later leave those there are where they are.
        let [_, _, longer] = rule(ClickSplit::Random).selections(30_000, 0);
        assert_eq!(rows(&longer)[..test.len() as usize], rows(&test));
    }
}
