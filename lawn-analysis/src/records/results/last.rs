//! Files that hold a row for every evaluation: only the last row of each trial is kept.

use std::collections::HashMap;
use std::path::Path;

use super::sheet::Cells;
use crate::error::{Error, Position};

/// Columns that tell trials apart.
const OF_A_TRIAL: [&str; 8] = [
    "trial_id",
    "sweep",
    "task",
    "arm",
    "batch_size",
    "seed",
    "stage",
    "setting",
];

/// The rows to keep.
///
/// Of the rows that are alike in [`OF_A_TRIAL`] the one with the greatest number in `order` is
/// kept, whatever its metric: a trial that diverged at its end has none there. In a `wide` table a
/// row belongs to many trials, and a cell is empty where another trial measured. Of a trial of it,
/// rows without a text in `test_metric` do not count where others have one.
///
/// # Errors
/// [`Error::Cell`] for an `order` that is no number, and [`Error::TwoLast`] where two rows of a
/// trial share the greatest.
pub(super) fn keep(
    path: &Path,
    positions: &[Position],
    columns: &[(String, Cells)],
    column: &str,
    order: &[String],
    wide: bool,
) -> Result<Kept, Error> {
    let of_a_trial: Vec<&[String]> = columns
        .iter()
        .filter(|(name, _)| OF_A_TRIAL.contains(&name.as_str()))
        .map(|(_, cells)| &cells.texts[..])
        .collect();
    let mut metrics = columns.iter().filter(|(name, _)| name == "test_metric");
    let metric = metrics.next().map(|(_, cells)| &cells.texts[..]);
    let mut last: HashMap<Vec<&str>, Last> = HashMap::new();
    for (row, text) in order.iter().enumerate() {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        let number = number.ok_or_else(|| Error::Cell {
            path: path.to_owned(),
            position: positions[row],
            column: column.to_owned(),
            value: text.clone(),
            allowed: "a number, by which the last row of a trial is found".to_owned(),
        })?;
        let counts = !wide || metric.is_some_and(|cells| !cells[row].is_empty());
        let rank = (counts, number);
        let of_counting = |last: &Last| last.rank.0.then_some(last.rank.1);
        let trial = of_a_trial.iter().map(|cells| cells[row].as_str()).collect();
        let this = Last {
            rank,
            row,
            other: None,
            greatest: number,
            before: None,
            has_text: metric.is_some_and(|cells| !cells[row].is_empty()),
        };
        let last = last.entry(trial).or_insert(this);
        let greatest = last.greatest.max(number);
        let has_text = last.has_text || this.has_text;
        if rank > last.rank {
            let before = of_counting(last).or(last.before);
            *last = Last { before, ..this };
        } else if rank == last.rank && row != last.row {
            last.other = Some(row);
        } else if counts && rank < last.rank {
            last.before = Some(last.before.map_or(number, |before| before.max(number)));
        }
        last.greatest = greatest;
        last.has_text = has_text;
    }
    let mut kept: Vec<Last> = last.into_values().collect();
    kept.sort_unstable_by_key(|last| last.row);
    if let Some((one, other)) = kept.iter().find_map(|last| Some((last.row, last.other?))) {
        return Err(Error::TwoLast {
            path: path.to_owned(),
            column: column.to_owned(),
            value: order[one].clone(),
            first: positions[one],
            second: positions[other],
        });
    }
    let is_empty = |last: &Last| metric.is_some_and(|cells| cells[last.row].is_empty());
    Ok(Kept {
        rows: kept.iter().map(|last| last.row).collect(),
        ends: kept.iter().map(|last| last.end(is_empty(last))).collect(),
    })
}

/// The rows that are kept.
pub(super) struct Kept {
    /// Their indices.
    pub(super) rows: Vec<usize>,
    /// Where the trial of each ends.
    pub(super) ends: Vec<End>,
}

/// Where a trial ends, by the numbers in the order of its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    /// The number of the row that is read; none where no row counts.
    pub(super) at: Option<f64>,
    /// The greatest number before that, of the rows that count.
    pub(super) before: Option<f64>,
    /// Whether later rows do not count.
    pub(super) is_passed_over: bool,
    /// Whether the row that is read has no metric, and another one has.
    pub(super) is_elsewhere: bool,
}

/// The last row of a trial so far.
#[derive(Clone, Copy)]
struct Last {
    /// Whether it counts, and its number in the order.
    rank: (bool, f64),
    row: usize,
    /// Another row of the same rank.
    other: Option<usize>,
    /// The greatest number in the order, of rows that do not count too.
    greatest: f64,
    /// The greatest number but one of the rows that count.
    before: Option<f64>,
    /// Whether some row has a text for its metric.
    has_text: bool,
}

impl Last {
    /// Where the trial ends whose last row has no metric, if it `is_empty`.
    fn end(&self, is_empty: bool) -> End {
        let (counts, at) = self.rank;
        End {
            at: counts.then_some(at),
            before: self.before,
            is_passed_over: self.greatest > at,
            is_elsewhere: is_empty && self.has_text,
        }
    }
}
