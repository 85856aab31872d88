//! Rows of a text file, each with the line that it starts on.

use csv::{ByteRecord, ReaderBuilder};

/// One row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The line that it starts on, counted from 1.
    pub(super) line: usize,
    pub(super) record: ByteRecord,
}

impl Row {
    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// Whether no cell has a text.
    pub(super) fn is_blank(&self) -> bool {
        self.record.iter().all(|cell| cell.trim_ascii().is_empty())
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
    use super::Row;

    fn rows(text: &[u8]) -> Vec<Row> {
        super::rows(text, b',', usize::MAX)
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
