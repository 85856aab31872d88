//! Rows of a CSV file, each with the line that it starts on.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::separator::{self, COMMA};
use super::sheet::{Cells, Sheet};
use crate::error::{Error, Position};

/// One row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The line that it starts on, counted from 1.
    pub(super) line: usize,
    record: ByteRecord,
}

impl Row {
    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// The cells, without spaces around them.
    ///
    /// # Errors
    /// Says which cell is not UTF-8.
    pub(super) fn cells(&self) -> Result<Vec<String>, String> {
        let cells = self.record.iter().enumerate();
        cells
            .map(|(index, cell)| match std::str::from_utf8(cell) {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(_) => Err(format!("cell {} is not UTF-8", index + 1)),
            })
            .collect()
    }
}

/// The rows of the text that are not empty, including the header, `most` of them at most.
pub(super) fn rows(text: &[u8], separator: u8, most: usize) -> Vec<Row> {
    // Spreadsheets begin a file with a byte order mark, which is no part of the first name.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text);
    let mut lines = Lines {
        text,
        counted: 0,
        line: 1,
    };
    let mut rows = Vec::new();
    // Bytes in memory are read without an error, since rows of any length are allowed.
    for record in reader.byte_records().map_while(Result::ok).take(most) {
        let from = record.position().map_or(0, csv::Position::byte);
        rows.push(Row {
            line: lines.of(usize::try_from(from).unwrap_or(usize::MAX)),
            record,
        });
    }
    rows
}

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
        let separator = separator::of(bytes);
        let malformed = |line, why| Error::Csv {
            path: path.to_owned(),
            line,
            why,
        };
        let mut rows = rows(bytes, separator, usize::MAX).into_iter();
        let header = rows.next().unwrap_or_default();
        let names = header.cells().map_err(|why| malformed(header.line, why))?;
        let rows: Vec<Row> = rows.collect();
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

/// Counts lines. A line ends at LF, at CR LF, or at a CR alone.
///
/// The reader does not count a line that ends at a CR alone. It also places a row that follows
/// empty lines on the first of these.
struct Lines<'a> {
    text: &'a [u8],
    /// How many bytes of the text were counted.
    counted: usize,
    /// The line on which these bytes end.
    line: usize,
}

impl Lines<'_> {
    /// The line of the first byte at or after `start` that does not end a line. Calls must have
    /// rising values of `start`.
    fn of(&mut self, start: usize) -> usize {
        let start = start.min(self.text.len());
        let blank = self.text[start..].iter();
        let blank = blank.take_while(|byte| b"\r\n".contains(byte)).count();
        for at in self.counted..start + blank {
            let ends = match self.text[at] {
                b'\n' => at == 0 || self.text[at - 1] != b'\r',
                byte => byte == b'\r',
            };
            self.line += usize::from(ends);
        }
        self.counted = start + blank;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMA, Row};

    fn rows(text: &[u8]) -> Vec<Row> {
        super::rows(text, COMMA, usize::MAX)
    }

    #[test]
    fn rows_know_their_lines() {
        let text = "\u{feff}a, b\r\n\r\n\n\"x\ny\",\"say \"\"hi\"\"\"\n last,\n".as_bytes();
        let seen: Vec<(usize, Vec<String>)> = rows(text)
            .into_iter()
            .map(|row| (row.line, row.cells().unwrap()))
            .collect();
        let expected = [
            (1, vec!["a", "b"]),
            (4, vec!["x\ny", "say \"hi\""]),
            (6, vec!["last", ""]),
        ];
        assert_eq!(seen.len(), expected.len());
        for (seen, expected) in seen.iter().zip(&expected) {
            assert_eq!(
                (seen.0, seen.1.iter().map(String::as_str).collect()),
                *expected
            );
        }
    }

    #[test]
    fn lines_end_as_on_any_system() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "1,2", "", "\"x", "y\",4", "5,6", ""].join(end);
            let lines: Vec<usize> = rows(text.as_bytes()).iter().map(|row| row.line).collect();
            assert_eq!(lines, [1, 2, 4, 6], "{end:?}");
        }
    }

    #[test]
    fn long_rows_and_a_missing_last_newline_are_whole() {
        let long = "x".repeat(5000);
        let text = vec![long.as_str(); 100].join(",");
        let rows = rows(text.as_bytes());
        assert_eq!(rows.len(), 1);
        let cells = rows.into_iter().next().unwrap().cells().unwrap();
        assert_eq!(cells.len(), 100);
        assert!(cells.iter().all(|cell| *cell == long));
    }

    #[test]
    fn no_text_has_no_rows() {
        assert!(rows(b"").is_empty());
        assert!(rows(b"\n\r\n").is_empty());
        assert!(rows(&[b'a', 0xff]).remove(0).cells().is_err());
    }
}
