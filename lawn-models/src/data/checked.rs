use serde::Serialize;

use super::lines::CheckedLines;

/// What a look at the whole of a data set found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckedData {
    /// How many of what it has.
    pub counts: Vec<(String, u64)>,
    /// What people should know of it, a line each, as a sweep says when it is planned with the
    /// defaults of its kind.
    pub notes: Vec<String>,
    /// Lines that cannot be read, where the others can be.
    pub bad_lines: u64,
    /// The first of them: file, line, and what is wrong with it.
    pub first_bad_line: Option<String>,
}

impl From<CheckedLines> for CheckedData {
    fn from(lines: CheckedLines) -> Self {
        Self {
            counts: lines.counts,
            notes: Vec::new(),
            bad_lines: lines.bad,
            first_bad_line: lines.first,
        }
    }
}
