//! Lines that fit a screen.

use crate::text::wrapped;

/// Columns of the screen.
pub(super) const COLUMNS: usize = 100;

/// A text in lines, the first and the others begun as given.
pub(super) fn begun(text: &str, begin: [&str; 2]) -> Vec<String> {
    let lines = wrapped(text, COLUMNS - begin[0].len());
    let begun = |(index, line)| format!("{}{line}", begin[usize::from(index > 0)]);
    lines.into_iter().enumerate().map(begun).collect()
}

/// An item of a list, its further lines set in.
pub(super) fn item(text: &str) -> Vec<String> {
    begun(text, ["- ", "  "])
}
