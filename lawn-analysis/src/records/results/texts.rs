//! A file of results as columns of text, which CSV and Parquet files have in common.

use std::path::Path;

use super::csv;
use super::numerals::Width;
use crate::error::{Error, Position};
use crate::records::rows::TrialRow;
use crate::records::table::Table;

/// Columns that results must have.
const REQUIRED: [&str; 5] = ["task", "arm", "batch_size", "seed", "test_metric"];

/// One column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name, without spaces around it.
    pub(super) name: String,
    /// Its cells, without spaces around them; none for a column that results do not have, which is
    /// not read.
    pub(super) cells: Option<Vec<String>>,
    /// The width in which its numbers were stored, where that is less than 64 bits.
    pub(super) width: Option<Width>,
}

/// All columns, and the position of each row.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// The columns in the order of the file.
    pub(super) columns: Vec<Column>,
    /// The position of each row.
    pub(super) positions: Vec<Position>,
}

/// The type, in words, of a column that results may have.
pub(super) fn type_of(name: &str) -> Option<&'static str> {
    let mut columns = TrialRow::COLUMNS.iter();
    columns
        .find(|(ours, _)| *ours == name)
        .map(|(_, words)| *words)
}

impl Texts {
    /// Makes sure that no column of results is there twice and that no required one is missing.
    ///
    /// # Errors
    /// [`Error::RepeatedColumn`] and [`Error::MissingResult`].
    pub(super) fn check(path: &Path, names: &[String]) -> Result<(), Error> {
        let repeated = |index: &usize| {
            type_of(&names[*index]).is_some() && names[..*index].contains(&names[*index])
        };
        if let Some(index) = (0..names.len()).find(repeated) {
            return Err(Error::RepeatedColumn {
                path: path.to_owned(),
                column: names[index].clone(),
            });
        }
        let missing = REQUIRED
            .iter()
            .filter(|name| !names.iter().any(|found| found == *name));
        let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::MissingResult {
            path: path.to_owned(),
            columns: missing,
            required: REQUIRED.join(", "),
            found: names.join(", "),
        })
    }

    /// Reads a CSV file with the content `bytes`.
    ///
    /// # Errors
    /// As [`Texts::check`]; [`Error::Csv`] for a row that does not match the header.
    pub(super) fn from_csv(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut rows = csv::rows(bytes).into_iter();
        let header = rows.next().unwrap_or_default();
        let malformed = |line, why| Error::Csv {
            path: path.to_owned(),
            line,
            why,
        };
        let cells = |row: csv::Row| {
            let line = row.line;
            row.cells().map_err(|why| malformed(line, why))
        };
        let line = header.line;
        let names = cells(header)?;
        if let [all] = &names[..]
            && let Some(separator) = [";", "\t"].into_iter().find(|mark| all.contains(mark))
        {
            let why = format!("cells are separated by {separator:?}, allowed: a comma");
            return Err(malformed(line, why));
        }
        Self::check(path, &names)?;
        let width = names.len();
        let mut texts = Self::default();
        let column = |name: String| Column {
            cells: type_of(&name).map(|_| Vec::new()),
            name,
            width: None,
        };
        texts.columns = names.into_iter().map(column).collect();
        for row in rows {
            let line = row.line;
            let cells = cells(row)?;
            if cells.len() != width {
                let why = format!("{} cells, expected {width} as in the header", cells.len());
                return Err(malformed(line, why));
            }
            texts.positions.push(Position::Line(line));
            for (column, cell) in texts.columns.iter_mut().zip(cells) {
                if let Some(column) = &mut column.cells {
                    column.push(cell);
                }
            }
        }
        Ok(texts)
    }

    /// The cells of a column of results, if the file has it.
    pub(super) fn cells(&self, name: &str) -> Option<&[String]> {
        let mut columns = self.columns.iter();
        columns.find(|column| column.name == name)?.cells.as_deref()
    }

    /// Names of the columns that results do not have.
    pub(super) fn ignored(&self) -> Vec<String> {
        let others = self.columns.iter().filter(|column| column.cells.is_none());
        others.map(|column| column.name.clone()).collect()
    }
}
