use serde::Serialize;

/// What a look at every line of a data set of text found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedLines {
    /// How many of what it has.
    pub counts: Vec<(String, u64)>,
    /// Lines that cannot be read.
    pub bad: u64,
    /// The first of them: file, line, and what is wrong with it.
    pub first: Option<String>,
}
