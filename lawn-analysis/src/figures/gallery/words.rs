//! Sentences that captions share.

use crate::figures::by_batch::MOST_SEEDS;
use crate::figures::series::MOST_BANDS;
use crate::tables::OfArm;
use crate::text::count;

/// A count, or the smallest and largest of several where they differ.
pub(super) fn counts(counts: impl Iterator<Item = usize>) -> String {
    let mut counts: Vec<usize> = counts.collect();
    counts.sort_unstable();
    match counts[..] {
        [low, .., high] if low < high => format!("{low} to {high}"),
        [low, ..] => low.to_string(),
        [] => "0".to_owned(),
    }
}

/// The numbers of rows of each arm.
pub(super) fn rows_of_arms<R: OfArm>(rows: &[R]) -> Vec<usize> {
    let mut names: Vec<&str> = rows.iter().map(R::arm).collect();
    names.sort_unstable();
    names.chunk_by(|a, b| a == b).map(<[&str]>::len).collect()
}

/// The number of rows of each arm, or the smallest and largest number where arms differ.
pub(super) fn rows_by_arm<R: OfArm>(rows: &[R]) -> String {
    counts(rows_of_arms(rows).into_iter())
}

/// The sentence that says what is left out where there are many seeds.
pub(super) fn thinned(most: usize, what: &str) -> String {
    if most <= MOST_SEEDS {
        return String::new();
    }
    format!(
        " Where there are more than {MOST_SEEDS} {what}, {MOST_SEEDS} at evenly spaced ranks are \
         drawn."
    )
}

/// The sentence that says what the bands are, or why there are none. `arms` are those of a drawing.
pub(super) fn bands(arms: usize, what: &str) -> String {
    if arms > MOST_BANDS {
        format!(
            " No bands are drawn, since those of {arms} arms would hide each other. The numbers of \
             the figure have them: {what}."
        )
    } else {
        format!(" Bands are {what}.")
    }
}

/// The sentence that says what the grey band is.
pub(super) fn band(margin: Option<f64>) -> String {
    margin.map_or(String::new(), |margin| {
        format!(" The grey band is the equivalence margin of ±{margin}.")
    })
}

/// The sentence that counts trials which did not end well. It is empty where there are none.
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

/// Words joined as in a sentence: `a`, `a and b`, `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
