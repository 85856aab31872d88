//! Results as JSON objects: one after the other, most often one a line, in one array, or a table
//! in one object.
//!
//! The fields of an object within an object are columns of their own: `config.optimizer`.

use std::collections::HashMap;
use std::path::Path;

use serde_json::error::Category;
use serde_json::{Map, Value};

use super::frame;
use super::sheet::{Cells, Sheet};
use super::strict::StrictValue;
use crate::error::{Error, Position};

/// Tokens that Python writes for numbers that JSON does not have, and what they are read as. An infinity is
/// kept as a text, so that an error can name it; a number that is missing is NaN, too.
const NO_JSON: [(&[u8], &[u8]); 3] = [
    (b"-Infinity", b"\"-inf\""),
    (b"Infinity", b"\"inf\""),
    (b"NaN", b"null"),
];

/// Objects as rows.
#[derive(Debug, Default)]
pub(super) struct JsonSheet {
    names: Vec<String>,
    indices: HashMap<String, usize>,
    /// Whether the column of that index is an object whose fields are columns too.
    objects: Vec<bool>,
    positions: Vec<Position>,
    /// By column, the text of each row.
    columns: Vec<Vec<String>>,
}

impl JsonSheet {
    /// Reads a file with the content `bytes`.
    ///
    /// # Errors
    /// [`Error::Csv`] with the line, for what is no object.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |line: usize, why: String| Error::Csv {
            path: path.to_owned(),
            line,
            why,
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = with_tokens(bytes);
        let mut sheet = Self::default();
        let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<StrictValue>();
        let mut lines = Lines::default();
        loop {
            let blank = text[values.byte_offset()..].iter();
            let blank = blank.take_while(|byte| byte.is_ascii_whitespace()).count();
            let line = lines.of(&text, values.byte_offset() + blank);
            let Some(value) = values.next() else { break };
            let StrictValue(value) = value.map_err(|error| {
                let why = match error.classify() {
                    Category::Data => return malformed(error.line(), error.to_string()),
                    _ if error.line() > line && is_cut(&text, line, sheet.positions.len()) => {
                        let why = "no JSON: the object that begins here is cut off at the end of \
                                   the line; allowed: one object a line, or one array";
                        return malformed(line, why.to_owned());
                    }
                    _ => format!("no JSON: {error}; allowed: one object a line, or one array"),
                };
                malformed(error.line(), why)
            })?;
            let is_alone =
                sheet.positions.is_empty() && text[values.byte_offset()..].trim_ascii().is_empty();
            match value {
                Value::Object(fields) if is_alone => match frame::rows(&fields) {
                    Ok(Some(rows)) => rows
                        .iter()
                        .enumerate()
                        .try_for_each(|(index, row)| sheet.push(Position::Row(index + 1), row)),
                    Ok(None) => sheet.push(Position::Line(line), &fields),
                    Err(why) => Err(why),
                },
                Value::Object(fields) => sheet.push(Position::Line(line), &fields),
                Value::Array(rows) if sheet.positions.is_empty() => {
                    for (index, row) in rows.iter().enumerate() {
                        let Value::Object(fields) = row else {
                            let why = format!("{}: {}", row_of(index), not_object(row));
                            return Err(malformed(line, why));
                        };
                        sheet
                            .push(Position::Row(index + 1), fields)
                            .map_err(|why| malformed(line, format!("{}: {why}", row_of(index))))?;
                    }
                    continue;
                }
                other => Err(not_object(&other)),
            }
            .map_err(|why| malformed(line, why))?;
        }
        Ok(sheet)
    }

    /// Adds an object as a row.
    ///
    /// # Errors
    /// Says which column the object has twice.
    fn push(&mut self, position: Position, fields: &Map<String, Value>) -> Result<(), String> {
        let mut found = Vec::new();
        flatten("", fields, &mut found);
        let row = self.positions.len();
        for (name, text, is_object) in found {
            let index = *self.indices.entry(name.clone()).or_insert_with(|| {
                self.names.push(name.clone());
                self.objects.push(false);
                self.columns.push(vec![String::new(); row]);
                self.names.len() - 1
            });
            self.objects[index] |= is_object;
            let column = &mut self.columns[index];
            if column.len() > row {
                return Err(format!("two values are called `{name}`"));
            }
            column.push(text);
        }
        for column in &mut self.columns {
            column.resize(row + 1, String::new());
        }
        self.positions.push(position);
        Ok(())
    }
}

/// Whether an object that is no JSON, and begins on a line of that number after `whole` others, was to
/// be on that line alone: as each before it is, or else the one on the next line.
fn is_cut(text: &[u8], line: usize, whole: usize) -> bool {
    let begins = |line: &[u8]| line.trim_ascii_start().starts_with(b"{");
    let is_whole = |line: &[u8]| serde_json::from_slice::<Map<String, Value>>(line).is_ok();
    let mut lines = text.split(|byte| *byte == b'\n');
    let before: Vec<&[u8]> = lines.by_ref().take(line - 1).collect();
    let filled = before.iter().filter(|line| !line.trim_ascii().is_empty());
    if !lines.next().is_some_and(begins) {
        return false;
    }
    match whole {
        0 => lines
            .next()
            .is_none_or(|next| next.trim_ascii().is_empty() || is_whole(next)),
        _ => filled.clone().count() == whole && filled.into_iter().all(|line| is_whole(line)),
    }
}

fn row_of(index: usize) -> String {
    Position::Row(index + 1).to_string()
}

fn not_object(value: &Value) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("{found}, allowed: an object with one field a column")
}

/// The fields with their paths and texts, and whether each is an object.
fn flatten(before: &str, fields: &Map<String, Value>, found: &mut Vec<(String, String, bool)>) {
    for (name, value) in fields {
        let name = format!("{before}{}", name.trim());
        match value {
            Value::Null => found.push((name, String::new(), false)),
            Value::String(text) => found.push((name, text.trim().to_owned(), false)),
            Value::Object(inner) => {
                found.push((name.clone(), value.to_string(), true));
                flatten(&format!("{name}."), inner, found);
            }
            value => found.push((name, value.to_string(), false)),
        }
    }
}

/// The text with what JSON has in place of Python's words for numbers that are not finite. Every line
/// stays where it is.
fn with_tokens(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let (mut rest, mut quoted) = (bytes, false);
    while let [first, after @ ..] = rest {
        let word = NO_JSON
            .iter()
            .find(|(word, _)| !quoted && rest.starts_with(word));
        if let Some((word, token)) = word {
            text.extend_from_slice(token);
            rest = &rest[word.len()..];
            continue;
        }
        text.push(*first);
        rest = after;
        match first {
            b'"' => quoted = !quoted,
            // The next byte is escaped, a quotation mark too.
            b'\\' if quoted => {
                text.extend(rest.first());
                rest = rest.get(1..).unwrap_or_default();
            }
            _ => {}
        }
    }
    text
}

/// Counts lines up to places that rise.
#[derive(Debug, Default)]
struct Lines {
    counted: usize,
    ends: usize,
}

impl Lines {
    fn of(&mut self, text: &[u8], at: usize) -> usize {
        let at = at.min(text.len());
        let between = text.get(self.counted..at).unwrap_or_default();
        self.ends += between.iter().filter(|byte| **byte == b'\n').count();
        self.counted = at;
        self.ends + 1
    }
}

impl Sheet for JsonSheet {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn positions(&self) -> Vec<Position> {
        self.positions.clone()
    }

    fn cells(&self, index: usize, _expected: &'static str) -> Result<Cells, Error> {
        Ok(Cells::of(self.columns[index].clone()))
    }

    fn is_object(&self, index: usize) -> bool {
        self.objects[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<JsonSheet, String> {
        let sheet = JsonSheet::read(Path::new("r.jsonl"), text.as_bytes());
        sheet.map_err(|error| error.to_string())
    }

    fn column<'a>(sheet: &'a JsonSheet, name: &str) -> &'a [String] {
        let index = sheet.names.iter().position(|found| found == name);
        &sheet.columns[index.unwrap_or_else(|| panic!("{name} in {:?}", sheet.names))]
    }

    #[test]
    fn objects_are_rows_on_lines_in_an_array_and_spread_out() {
        let one = r#"{"arm": " sgd ", "config": {"lr": 0.1, "b": [1]}, "acc": 0.70}"#;
        let other = r#"{"arm": "mine", "acc": NaN, "note": "NaN \" NaN", "seed": 3}"#;
        for (text, positions) in [
            (format!("{one}\n\n{other}\n"), [1, 3]),
            (format!("\u{feff}\n{one}{other}"), [2, 2]),
            (format!("{}\n{other}", one.replace(", ", ",\n ")), [1, 5]),
        ] {
            let sheet = read(&text).unwrap();
            let lines = positions.map(Position::Line);
            assert_eq!(sheet.positions, lines, "{text}");
            assert_eq!(column(&sheet, "arm"), ["sgd", "mine"]);
            assert_eq!(column(&sheet, "acc"), ["0.7", ""]);
            assert_eq!(column(&sheet, "config.lr"), ["0.1", ""]);
            assert_eq!(column(&sheet, "config.b"), ["[1]", ""]);
            assert_eq!(column(&sheet, "config"), [r#"{"b":[1],"lr":0.1}"#, ""]);
            assert_eq!(column(&sheet, "note"), ["", "NaN \" NaN"]);
            assert_eq!(column(&sheet, "seed"), ["", "3"]);
        }
        let sheet = read(&format!("[{one},\n{other}]")).unwrap();
        assert_eq!(sheet.positions, [1, 2].map(Position::Row));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_line() {
        for (text, expected) in [
            (
                "{\"a\": 1}\n{\"a\": }\n",
                "r.jsonl, line 2: no JSON: expected value",
            ),
            ("{\"a\": 1}\n3\n", "line 2: a number, allowed: an object"),
            ("{\"a\": 1}\n[{}]\n", "line 2: an array, allowed: an object"),
            ("\n[{\"a\": 1}, 3]\n", "line 2: row 2: a number"),
            ("{\"a\": 1", "line 1: no JSON: EOF"),
            // What is cut off is on its own line, wherever the reader saw it.
            (
                "{\"a\": 1}\n\n{\"a\": 1, \"b\n{\"a\": 1}\n",
                "line 3: no JSON: the object that begins here is cut off",
            ),
            (
                "{\"a\": 1}\n{\"a\":\n{\"a\": 1}\n{\"a\": 1}\n",
                "line 2: no JSON: the object that begins here is cut off",
            ),
            (
                "{\"a\": 1}\n{\"a\": {\"b\": 1\n",
                "line 2: no JSON: the object that begins here is cut off",
            ),
            (
                "{\"a\": 1\n{\"a\": 1}\n",
                "line 1: no JSON: the object that begins here is cut off",
            ),
            (
                "{\"a\": 1,\n \"b\": 2\n \"c\": 3}\n",
                "line 3: no JSON: expected `,` or `}`",
            ),
            (
                "{\"a.b\": 1, \"a\": {\"b\": 2}}",
                "line 1: two values are called `a.b`",
            ),
            (
                "{\"a\": 1}\n{\"b\": {\"a\": 1, \"a\": 2}}",
                "line 2: two values are called `a`",
            ),
            (
                "[{\"a\": 1},\n {\"a\": 1, \"a\": 1}]",
                "line 2: two values are called `a`",
            ),
            (
                "{\"columns\": [\"a\"], \"data\": [[1], [1, 2]]}",
                "line 1: row 2: 2 cells, expected 1",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
