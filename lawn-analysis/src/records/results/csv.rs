//! Text files of cells.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::decimal_commas::{self, Commas};
use super::percent::bare;
use super::rows::{Row, rows};
use super::separator::{self, COMMA};
use super::sheet::{Cells, Sheet};
use super::two_headers;
use crate::error::{Error, Position};

/// A CSV file whose rows all have as many cells as its header.
pub(super) struct CsvSheet {
    names: Vec<String>,
    rows: Vec<Row>,
    separator: u8,
    /// Whether its columns are named by two lines.
    has_two_headers: bool,
    path: PathBuf,
    /// The columns that were read so far and have decimal commas.
    with_commas: RefCell<Vec<String>>,
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
        let mut names = header.cells().map_err(|why| malformed(header.line, why))?;
        let mut rows: Vec<Row> = rows.collect();
        let second = rows.first().and_then(|row| row.cells().ok());
        let joined = second.and_then(|second| two_headers::joined(&names, &second));
        let has_two_headers = joined.is_some();
        if let Some(joined) = joined {
            names = joined;
            rows.remove(0);
        }
        // Spreadsheets write rows of empty cells below a table.
        while rows.last().is_some_and(Row::is_blank) {
            rows.pop();
        }
        for row in &rows {
            let (count, width) = (row.len(), names.len());
            if count != width {
                let mut why = format!("{count} cells, expected {width} as in the header");
                if names.first().is_some_and(|name| name.starts_with('#')) {
                    why += &format!(
                        ", which is line {}; where that is a comment, since it begins with `#`, take it \
                         out of the file",
                        header.line
                    );
                }
                return Err(malformed(row.line, why));
            }
            row.cells().map_err(|why| malformed(row.line, why))?;
        }
        Ok(Self {
            names,
            rows,
            separator,
            has_two_headers,
            path: path.to_owned(),
            with_commas: RefCell::default(),
        })
    }
}

impl CsvSheet {
    /// The error of the first cell from `row` on whose comma may be a decimal one.
    fn unclear(&self, index: usize, texts: &[String], row: usize) -> Error {
        let mut rows = row..texts.len();
        let row = rows.find(|row| texts[*row].contains(',')).unwrap_or(row);
        Error::Cell {
            path: self.path.clone(),
            position: Position::Line(self.rows[row].line),
            column: self.names[index].clone(),
            value: texts[row].clone(),
            allowed: decimal_commas::ALLOWED.to_owned(),
        }
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

    fn cells(&self, index: usize, expected: &'static str) -> Result<Cells, Error> {
        let text = |row: &Row| {
            let cell = row.record.get(index).unwrap_or_default();
            String::from_utf8_lossy(cell).trim().to_owned()
        };
        let mut texts: Vec<String> = self.rows.iter().map(text).collect();
        if expected.starts_with("a number") {
            let bare: Vec<String> = texts.iter().map(|text| bare(text).to_owned()).collect();
            match decimal_commas::of(&bare) {
                Commas::None => {}
                Commas::Decimal if self.separator != COMMA => {
                    texts
                        .iter_mut()
                        .for_each(|text| *text = text.replace(',', "."));
                    let (name, mut known) = (&self.names[index], self.with_commas.borrow_mut());
                    if !known.contains(name) {
                        known.push(name.clone());
                    }
                }
                Commas::Decimal => return Err(self.unclear(index, &texts, 0)),
                Commas::Unclear(row) => return Err(self.unclear(index, &texts, row)),
            }
        }
        Ok(Cells::of(texts))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.has_two_headers {
            notes.push("The first two lines name the columns, and are read as one.".to_owned());
        }
        if self.separator == COMMA {
            return notes;
        }
        let name = separator::name(self.separator);
        notes.push(format!("Cells are separated by {name}."));
        let columns = self.with_commas.borrow();
        match &columns[..] {
            [] => {}
            [column] => notes.push(format!(
                "In column {column} the comma is read as the decimal point."
            )),
            several => notes.push(format!(
                "In columns {} the comma is read as the decimal point.",
                several.join(", ")
            )),
        }
        notes
    }
}
