use serde::Serialize;

use super::error::DataError;
use super::images::Scan;
use super::lines::CheckedLines;

/// What a look at the whole of a data set found.
#[derive(Debug, Default, Serialize)]
pub struct CheckedData {
    /// How many of what it has.
    pub counts: Vec<(String, u64)>,
    /// What people should know of it, a line each, as a sweep says when it is planned.
    pub notes: Vec<String>,
    /// Lines that cannot be read, where the others can be.
    pub bad_lines: u64,
    /// The first of them: file, line, and what is wrong with it.
    pub first_bad_line: Option<String>,
    /// What was found of each file of images, train first and then test.
    #[serde(skip)]
    pub splits: Vec<Scan>,
    /// Why a sweep is refused, where all of the data could be looked into.
    #[serde(skip)]
    pub refused: Option<DataError>,
}

impl From<CheckedLines> for CheckedData {
    fn from(lines: CheckedLines) -> Self {
        Self {
            counts: lines.counts,
            bad_lines: lines.bad,
            first_bad_line: lines.first,
            ..Self::default()
        }
    }
}
