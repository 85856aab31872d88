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

/// Columns that say how many steps a trial takes.
const AS_LONG: [&str; 2] = ["task", "batch_size"];

/// The indices of the rows to keep.
///
/// Of the rows that are alike in [`OF_A_TRIAL`] the one with the greatest number in `order` is
/// kept, whatever its metric: a trial that diverged at its end has none there. In a `wide` table a
/// row belongs to many trials, and a cell is empty where another trial measured. Of a trial of it,
/// rows without a text in `test_metric` do not count where others have one. That its cells are empty
/// from some row on is then the only sign of a trial that came to no number: it has stopped where
/// others of its task and batch size, which take as many steps, go on for longer than it took from one
/// number to the next.
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
        let of_measured = |last: &Last| last.rank.0.then_some(last.rank.1);
        let trial = of_a_trial.iter().map(|cells| cells[row].as_str()).collect();
        let this = Last {
            rank,
            row,
            other: None,
            greatest: number,
            before: None,
        };
        let last = last.entry(trial).or_insert(this);
        let greatest = last.greatest.max(number);
        if rank > last.rank {
            let before = of_measured(last).or(last.before);
            *last = Last { before, ..this };
        } else if rank == last.rank && row != last.row {
            last.other = Some(row);
        } else if measured && rank < last.rank {
            last.before = Some(last.before.map_or(number, |before| before.max(number)));
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
    let stopped = stopped(columns, &kept);
    let passed_over = kept.iter().zip(&stopped);
    Ok(Kept {
        passed_over: passed_over
            .filter(|(last, has_stopped)| !**has_stopped && last.greatest > last.rank.1)
            .count(),
        rows: kept.iter().map(|last| last.row).collect(),
        stopped,
    })
}

/// Of each trial, whether others of its task and batch size have numbers where it would have had one.
fn stopped(columns: &[(String, Cells)], kept: &[Last]) -> Vec<bool> {
    let alike: Vec<&[String]> = columns
        .iter()
        .filter(|(name, _)| AS_LONG.contains(&name.as_str()))
        .map(|(_, cells)| &cells.texts[..])
        .collect();
    let group = |last: &Last| -> Vec<&str> {
        let cells = alike.iter();
        cells.map(|cells| cells[last.row].as_str()).collect()
    };
    let mut ends: HashMap<Vec<&str>, f64> = HashMap::new();
    for last in kept.iter().filter(|last| last.rank.0) {
        let end = ends.entry(group(last)).or_insert(last.rank.1);
        *end = end.max(last.rank.1);
    }
    let has_stopped = |last: &Last| {
        let (measured, at) = last.rank;
        // Without a number before there is no next place of one.
        let next = last.before.map_or(at, |before| at + (at - before));
        let end = ends.get(&group(last)).copied().unwrap_or(at);
        measured && end > at && next <= end
    };
    kept.iter().map(has_stopped).collect()
}

/// The rows that are kept.
pub(super) struct Kept {
    /// Their indices.
    pub(super) rows: Vec<usize>,
    /// How many trials have a later row without a metric, those that stopped aside.
    pub(super) passed_over: usize,
    /// By trial, whether it stopped before others that take as many steps.
    pub(super) stopped: Vec<bool>,
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
    /// The greatest number but one of the rows with a metric.
    before: Option<f64>,
}
