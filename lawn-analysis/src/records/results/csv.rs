//! Text files of cells.

use std::path::Path;

use super::rows::{Row, rows};
use super::separator::{self, COMMA};
use super::sheet::{Cells, Sheet};
use crate::error::{Error, Position};

/// A CSV file whose rows all have as many cells as its header.
pub(super) struct CsvSheet {
    names: Vec<String>,
    rows: Vec<Row>,
    separator: u8,
}

impl CsvSheet {
    /// Reads a file with the content `bytes`.
    ///
    /// # Errors
    /// [`Error::Csv`] for a row that does not match the header, or is not UTF-8.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let stated = separator::stated(bytes);
        let separator = stated.unwrap_or_else(|| separator::of(bytes));
        let malformed = |line, why| Error::Csv {
            path: path.to_owned(),
            line,
            why,
        };
        let mut rows = rows(bytes, separator, usize::MAX).into_iter();
        if stated.is_some() {
            rows.next();
        }
        let header = rows.next().unwrap_or_default();
        let names = header.cells().map_err(|why| malformed(header.line, why))?;
        let mut rows: Vec<Row> = rows.collect();
        // Spreadsheets write rows of empty cells below a table.
        while rows.last().is_some_and(Row::is_blank) {
            rows.pop();
        }
        for row in &rows {
            let (count, width) = (row.len(), names.len());
            if count != width {
                let why = format!("{count} cells, expected {width} as in the header");
                return Err(malformed(row.line, why));
            }
            row.cells().map_err(|why| malformed(row.line, why))?;
        }
        Ok(Self {
            names,
            rows,
            separator,
        })
    }
}

impl Sheet for CsvSheet {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn positions(&self) -> Vec<Position> {
        let lines = self.rows.iter().map(|row| Position::Line(row.line));
        lines.collect()
    }

    fn cells(&self, index: usize, _expected: &'static str) -> Result<Cells, Error> {
        let text = |row: &Row| {
            let cell = row.record.get(index).unwrap_or_default();
            String::from_utf8_lossy(cell).trim().to_owned()
        };
        Ok(Cells {
            texts: self.rows.iter().map(text).collect(),
            width: None,
        })
    }

    fn notes(&self) -> Vec<String> {
        if self.separator == COMMA {
            return Vec::new();
        }
        let name = separator::name(self.separator);
        vec![format!("Cells are separated by {name}.")]
    }
}
