//! Lines that fit the width of a terminal.

use crate::text::wrapped;

/// Characters of a line.
pub(super) const COLUMNS: usize = 100;

/// A text in lines. The first line begins with one text, the others with another.
pub(super) fn begun(text: &str, begin: [&str; 2]) -> Vec<String> {
    let lines = wrapped(text, COLUMNS - begin[0].len());
    let begun = |(index, line)| format!("{}{line}", begin[usize::from(index > 0)]);
    lines.into_iter().enumerate().map(begun).collect()
}

/// An item of a list, with its further lines indented.
pub(super) fn item(text: &str) -> Vec<String> {
    begun(text, ["- ", "  "])
}
