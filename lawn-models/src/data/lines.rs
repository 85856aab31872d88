/// What a look at every line of a data set of text found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedLines {
    /// How many of what it has.
    pub(crate) counts: Vec<(String, u64)>,
    /// Lines that cannot be read.
    pub(crate) bad: u64,
    /// The first of them: file, line, and what is wrong with it.
    pub(crate) first: Option<String>,
}
