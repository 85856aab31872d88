//! Rows of a CSV file, each with the line that it starts on.

use csv_core::{ReadRecordResult, Reader};

/// One row: its bytes without quotes, and where each cell of it ends.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The line that it starts on, counted from 1.
    pub(super) line: usize,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    /// The cells, without spaces around them.
    ///
    /// # Errors
    /// Says which cell is not UTF-8.
    pub(super) fn cells(self) -> Result<Vec<String>, String> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let cells = starts.zip(&self.ends).enumerate();
        cells
            .map(
                |(index, (start, end))| match std::str::from_utf8(&self.bytes[start..*end]) {
                    Ok(text) => Ok(text.trim().to_owned()),
                    Err(_) => Err(format!("cell {} is not UTF-8", index + 1)),
                },
            )
            .collect()
    }
}

/// Every row of the text that is not empty, the header among them.
pub(super) fn rows(text: &[u8]) -> Vec<Row> {
    // Spreadsheets begin a file with a byte order mark, which is no part of the first name.
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = Reader::new();
    let mut rows = Vec::new();
    let mut line = 1;
    // A line ends at LF, at CR LF, or at a CR alone.
    let mut before = 0;
    let mut newlines = |bytes: &[u8]| {
        let mut count = 0;
        for byte in bytes {
            count += usize::from(*byte == b'\r' || (*byte == b'\n' && before != b'\r'));
            before = *byte;
        }
        count
    };
    loop {
        let blank = rest
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        line += newlines(&rest[..blank]);
        rest = &rest[blank..];
        let mut row = Row {
            line,
            bytes: vec![0; 256],
            ends: vec![0; 32],
        };
        let (mut bytes, mut ends) = (0, 0);
        loop {
            let (result, read, written, ended) =
                reader.read_record(rest, &mut row.bytes[bytes..], &mut row.ends[ends..]);
            line += newlines(&rest[..read]);
            rest = &rest[read..];
            bytes += written;
            ends += ended;
            match result {
                // All is read: asked again without input, the reader gives what it holds.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => row.bytes.resize(2 * row.bytes.len(), 0),
                ReadRecordResult::OutputEndsFull => row.ends.resize(2 * row.ends.len(), 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return rows,
            }
        }
        row.bytes.truncate(bytes);
        row.ends.truncate(ends);
        rows.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::rows;

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
