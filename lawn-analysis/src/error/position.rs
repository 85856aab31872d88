//! Where a row stands in a file of results.

/// The position of a row in a file of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The line of a text file on which the row starts, counted from 1.
    Line(usize),
    /// The row of a Parquet file or of a JSON array, counted from 1.
    Row(usize),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// The most rows that an error lists. The others are counted.
const MOST_ROWS: usize = 12;

/// A list of positions in one file, as an error shows it. One that holds several trials is named once.
pub(crate) fn listed(positions: &[Position]) -> String {
    let mut positions = positions.to_vec();
    positions.dedup();
    let positions = &positions[..];
    let numbers = positions.iter().map(|position| match position {
        Position::Line(number) | Position::Row(number) => number.to_string(),
    });
    let shown = numbers.take(MOST_ROWS).collect::<Vec<_>>().join(", ");
    let word = match positions {
        [Position::Line(_)] => "line",
        [Position::Line(_), ..] => "lines",
        [Position::Row(_)] => "row",
        _ => "rows",
    };
    match positions.len().saturating_sub(MOST_ROWS) {
        0 => format!("{word} {shown}"),
        more => format!("{word} {shown} and {more} more"),
    }
}
