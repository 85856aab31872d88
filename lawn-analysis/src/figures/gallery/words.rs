//! Sentences that captions share.

use crate::figures::by_batch::MOST_SEEDS;
use crate::tables::Table;
use crate::text::count;

/// The smallest and largest number in a column.
fn range(table: &Table, column: &str) -> Option<(f64, f64)> {
    let column = table.column(column);
    let numbers = || {
        table
            .rows()
            .iter()
            .filter_map(|row| row[column].as_number())
    };
    numbers().reduce(f64::min).zip(numbers().reduce(f64::max))
}

/// The counts in a column: one, or the smallest and largest where they differ.
pub(super) fn counts(table: &Table, column: &str) -> String {
    match range(table, column) {
        Some((low, high)) if low < high => format!("{low} to {high}"),
        Some((low, _)) => low.to_string(),
        None => "0".to_owned(),
    }
}

/// The numbers of rows of each arm, rising.
fn rows_of_arms(table: &Table) -> Vec<usize> {
    let arm = table.column("arm");
    let mut names: Vec<String> = table.rows().iter().map(|row| row[arm].shown()).collect();
    names.sort();
    let mut sizes: Vec<usize> = names.chunk_by(|a, b| a == b).map(<[String]>::len).collect();
    sizes.sort_unstable();
    sizes
}

/// The numbers of rows of each arm: one, or the smallest and largest where they differ.
pub(super) fn rows_by_arm(table: &Table) -> String {
    match rows_of_arms(table)[..] {
        [low, .., high] if low < high => format!("{low} to {high}"),
        [low, ..] => low.to_string(),
        [] => "0".to_owned(),
    }
}

/// The largest number of rows of an arm.
pub(super) fn most_rows_of_an_arm(table: &Table) -> usize {
    rows_of_arms(table).last().copied().unwrap_or(0)
}

/// What a figure leaves out where there are many seeds.
pub(super) fn thinned(most: usize, what: &str) -> String {
    if most <= MOST_SEEDS {
        return String::new();
    }
    format!(
        " Of more than {MOST_SEEDS} {what}, those of {MOST_SEEDS} evenly spaced ranks are drawn."
    )
}

/// The largest count in a column.
pub(super) fn most(table: &Table, column: &str) -> usize {
    range(table, column).map_or(0, |(_, high)| high as usize)
}

/// What the grey band is.
pub(super) fn band(margin: Option<f64>) -> String {
    margin.map_or(String::new(), |margin| {
        format!(" The grey band is the equivalence margin of ±{margin}.")
    })
}

/// A number of trials that did not end well, in a sentence; nothing where there is none.
pub(super) fn missing(n: usize) -> String {
    if n == 0 {
        return String::new();
    }
    format!(
        " {} that did not end well {} no value and {} not drawn.",
        count(n, "trial", "trials"),
        if n == 1 { "has" } else { "have" },
        if n == 1 { "is" } else { "are" }
    )
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// Words joined as in a sentence: `a`, `a and b`, `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
