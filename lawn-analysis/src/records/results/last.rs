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

/// The indices of the rows to keep.
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
        let measured = wide && metric.is_some_and(|cells| !cells[row].is_empty());
        let rank = (measured, number);
        let trial = of_a_trial.iter().map(|cells| cells[row].as_str()).collect();
        let this = Last {
            rank,
            row,
            other: None,
            greatest: number,
        };
        let last = last.entry(trial).or_insert(this);
        let greatest = last.greatest.max(number);
        if rank > last.rank {
            *last = this;
        } else if rank == last.rank && row != last.row {
            last.other = Some(row);
        }
        last.greatest = greatest;
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
    Ok(Kept {
        rows: kept.iter().map(|last| last.row).collect(),
        passed_over: kept
            .iter()
            .filter(|last| last.greatest > last.rank.1)
            .count(),
    })
}

/// The rows that are kept.
pub(super) struct Kept {
    /// Their indices.
    pub(super) rows: Vec<usize>,
    /// How many trials have a later row without a metric.
    pub(super) passed_over: usize,
}

/// The last row of a trial so far.
#[derive(Clone, Copy)]
struct Last {
    /// Whether it has a metric, and its number in the order.
    rank: (bool, f64),
    row: usize,
    /// Another row of the same rank.
    other: Option<usize>,
    /// The greatest number in the order, of rows without a metric too.
    greatest: f64,
}
