//! One line at a time, with care: what is wrong with it is named.

use std::path::Path;
use std::str::FromStr;

use super::super::hash::bucket;
use super::super::shape::WORD;
use super::facts::{Hours, LineFacts};
use super::format::{AVAZU_HEADER, ClickFormat};
use super::layout::{OtherLayout, unquoted};
use super::numbers::Numbers;
use crate::data::error::DataError;

/// The words of a row to be written: label, numbers, ids.
pub(super) type Words = [[u8; WORD]];

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineFault {
    pub(crate) field: &'static str,
    pub(crate) value: String,
    pub(crate) allowed: String,
}

/// Characters of a field that an error repeats.
const SHOWN: usize = 40;

impl LineFault {
    pub(super) fn new(field: &'static str, value: &[u8], allowed: impl Into<String>) -> Self {
        let text = String::from_utf8_lossy(value);
        let mut shown: String = text.chars().take(SHOWN).collect();
        if text.chars().count() > SHOWN {
            shown.push('…');
        }
        Self {
            field,
            value: shown,
            allowed: allowed.into(),
        }
    }
}

impl LineFault {
    /// The error that names file and line, which counts from 1.
    pub(in crate::data::clicks) fn at(self, path: &Path, line: u64) -> DataError {
        DataError::Field {
            path: path.to_owned(),
            line: line as usize,
            field: self.field,
            value: self.value,
            allowed: self.allowed,
        }
    }
}

/// How lines become words.
#[derive(Debug)]
pub(crate) struct LineReader {
    pub(super) format: ClickFormat,
    /// Ids of each column.
    pub(super) sizes: Vec<u32>,
    pub(super) numbers: Numbers,
}

impl LineReader {
    pub(crate) fn new(format: ClickFormat, sizes: Vec<u32>, missing_integer: i64) -> Self {
        Self {
            format,
            sizes,
            numbers: Numbers::new(missing_integer),
        }
    }

    /// Reads a line without its end into words.
    pub(super) fn read(&self, line: &[u8], words: &mut Words) -> Result<LineFacts, LineFault> {
        // Files that went through Windows.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.read_plain(line, words).or_else(|fault| {
            if !line.contains(&b'"') {
                return Err(fault);
            }
            let plain = unquoted(line, self.format.separator());
            // What is shown is what stands there.
            self.read_plain(&plain, words).map_err(|_| fault)
        })
    }

    /// Reads a line of a file that has its columns in another way.
    pub(super) fn read_other(
        &self,
        layout: &OtherLayout,
        line: &[u8],
        words: &mut Words,
    ) -> Result<LineFacts, LineFault> {
        self.read(&layout.usual(line, self.format)?, words)
    }

    fn read_plain(&self, line: &[u8], words: &mut Words) -> Result<LineFacts, LineFault> {
        match self.format {
            ClickFormat::Criteo => self.read_criteo(line, words),
            ClickFormat::Avazu => self.read_avazu(line, words),
        }
    }

    fn read_criteo(&self, line: &[u8], words: &mut Words) -> Result<LineFacts, LineFault> {
        let (dense, columns) = (ClickFormat::Criteo.dense(), ClickFormat::Criteo.columns());
        let fields = fields(line, ClickFormat::Criteo, 1 + dense + columns)?;
        let mut facts = LineFacts::default();
        words[0] = label("label", fields[0])?;
        for (word, field) in words[1..].iter_mut().zip(&fields[1..=dense]) {
            let value = match field {
                [] => {
                    facts.absent += 1;
                    self.numbers.missing()
                }
                digits => {
                    let number = integer(digits)?;
                    facts.below_zero += u64::from(number < 0);
                    self.numbers.value(number)
                }
            };
            *word = value.to_le_bytes();
        }
        for (column, field) in fields[1 + dense..].iter().enumerate() {
            if field.len() > 16 || !field.iter().all(u8::is_ascii_hexdigit) {
                let allowed = "up to 16 hexadecimal digits, or nothing";
                return Err(LineFault::new("category", field, allowed));
            }
            let text = field.to_ascii_lowercase();
            let id = bucket(&text, column, self.sizes[column]);
            words[1 + dense + column] = id.to_le_bytes();
        }
        Ok(facts)
    }

    fn read_avazu(&self, line: &[u8], words: &mut Words) -> Result<LineFacts, LineFault> {
        let count = AVAZU_HEADER.split(',').count();
        let fields = fields(line, ClickFormat::Avazu, count)?;
        words[0] = label("click", fields[1])?;
        let time = fields[2];
        let hour = hour(time).ok_or_else(|| {
            LineFault::new(
                "hour",
                time,
                "eight digits, YYMMDDHH, of an hour that there is",
            )
        })?;
        let categories = std::iter::once(&time[6..]).chain(fields[3..].iter().copied());
        for (column, text) in categories.enumerate() {
            if text
                .iter()
                .any(|byte| byte.is_ascii_control() || *byte == b'"')
            {
                let allowed = "text without quotes and control characters";
                return Err(LineFault::new("category", text, allowed));
            }
            let id = bucket(text, column, self.sizes[column]);
            words[1 + column] = id.to_le_bytes();
        }
        Ok(LineFacts {
            hours: Some(Hours::of(hour)),
            ..LineFacts::default()
        })
    }
}

/// The fields of a line, of which there are `count`.
fn fields(line: &[u8], format: ClickFormat, count: usize) -> Result<Vec<&[u8]>, LineFault> {
    let (separator, separators) = (format.separator(), format.separators());
    let fields: Vec<&[u8]> = line.split(|byte| *byte == separator).collect();
    if fields.len() == count {
        return Ok(fields);
    }
    let found = fields.len().to_string();
    let allowed = format!("{count} columns, {separators} between them");
    Err(LineFault::new(
        "number of columns",
        found.as_bytes(),
        allowed,
    ))
}

/// The hour of a text `YYMMDDHH` as a number, which grows with time; none for one that no day of
/// the calendar has.
fn hour(text: &[u8]) -> Option<u32> {
    if text.len() != 8 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |at: usize| u32::from(text[at] - b'0') * 10 + u32::from(text[at + 1] - b'0');
    let [year, month, day, hour] = [two(0), two(2), two(4), two(6)];
    let days = match month {
        // Of 2000 to 2099.
        2 => 28 + u32::from(year.is_multiple_of(4)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let is_there = (1..=days).contains(&day) && hour < 24;
    is_there.then_some(((year * 100 + month) * 100 + day) * 100 + hour)
}

/// 0 or 1.
fn label(field: &'static str, text: &[u8]) -> Result<[u8; WORD], LineFault> {
    match text {
        b"0" | b"0.0" => Ok(0f32.to_le_bytes()),
        b"1" | b"1.0" => Ok(1f32.to_le_bytes()),
        _ => {
            let allowed = "0 or 1: each line but a header is a row, and has its label";
            Err(LineFault::new(field, text, allowed))
        }
    }
}

fn integer(digits: &[u8]) -> Result<i64, LineFault> {
    let text = str::from_utf8(digits).ok();
    // `from_str` would take a plus sign.
    let number = text.filter(|text| !text.starts_with('+'));
    let number = number.and_then(|text| i64::from_str(text).ok());
    number.ok_or_else(|| LineFault::new("integer", digits, "an integer of 64 bits, or nothing"))
}
