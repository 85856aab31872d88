//! Files that hold a row for every evaluation: only the last row of each trial is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use super::read::NO_NUMBER;
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
/// rows without a text in `test_metric` do not count where others have one. A row with neither a metric
/// nor a number in `order` is before all others, as that of a trial that ended before its first step.
///
/// Where each trial has several rows with its greatest number, and one of them alone has a metric, train and
/// test were written apart, and that one is kept.
///
/// # Errors
/// [`Error::Cell`] for an `order` that is no number, or that is empty where the row has a metric;
/// [`Error::TwoLast`] where two rows of a trial share the greatest.
pub(super) fn keep(
    path: &Path,
    positions: &[Position],
    columns: &[(String, Cells)],
    column: &str,
    order: &[String],
    wide: bool,
) -> Result<Kept, Error> {
    let refused = |row: usize, allowed: &str| Error::Cell {
        path: path.to_owned(),
        position: positions[row],
        column: column.to_owned(),
        value: order[row].clone(),
        allowed: format!("a number, by which the last row of a trial is found{allowed}"),
    };
    let of_a_trial: Vec<&[String]> = columns
        .iter()
        .filter(|(name, _)| OF_A_TRIAL.contains(&name.as_str()))
        .map(|(_, cells)| &cells.texts[..])
        .collect();
    let mut metrics = columns.iter().filter(|(name, _)| name == "test_metric");
    let metric = metrics.next().map(|(_, cells)| &cells.texts[..]);
    let has_metric = |row: usize| metric.is_some_and(|cells| !cells[row].is_empty());
    let measured = |row: usize| {
        let number = metric.and_then(|cells| cells[row].parse::<f64>().ok());
        number.is_some_and(f64::is_finite)
    };
    let mut last: HashMap<Vec<&str>, Last> = HashMap::new();
    for row in 0..order.len() {
        let number = placed(&order[row]).ok_or_else(|| refused(row, ""))?;
        let counts = !wide || has_metric(row);
        let this = Last {
            rank: (counts, number),
            rows: vec![row],
            greatest: number,
            before: None,
            has_text: has_metric(row),
            measured: measured(row).then_some(number).filter(|at| *at != UNPLACED),
            all: 1,
            unplaced: (number == UNPLACED && has_metric(row)).then_some(row),
        };
        let trial = of_a_trial.iter().map(|cells| cells[row].as_str()).collect();
        match last.entry(trial) {
            Entry::Occupied(mut before) => before.get_mut().add(this),
            Entry::Vacant(place) => {
                place.insert(this);
            }
        }
    }
    let mut kept: Vec<Last> = last.into_values().collect();
    kept.sort_unstable_by_key(|last| last.rows[0]);
    if let Some(row) = kept.iter().find_map(Last::without_place) {
        return Err(refused(
            row,
            "; none only in the one row of a trial without a metric",
        ));
    }
    let many = kept.first().map_or(1, |last| last.rows.len());
    let of_a_kind = |last: &Last| {
        let with_metric = last.rows.iter().filter(|row| has_metric(**row)).count();
        last.rows.len() == many && with_metric <= 1
    };
    let is_apart = many > 1 && kept.len() > 1 && kept.iter().all(of_a_kind);
    let mut twice = kept.iter().filter(|last| last.rows.len() > 1);
    if let Some(last) = twice.next().filter(|_| !is_apart) {
        return Err(Error::TwoLast {
            path: path.to_owned(),
            column: column.to_owned(),
            value: order[last.rows[0]].clone(),
            first: positions[last.rows[0]],
            second: positions[last.rows[1]],
        });
    }
    let read = |last: &Last| {
        let mut rows = last.rows.iter().copied();
        rows.find(|row| has_metric(*row)).unwrap_or(last.rows[0])
    };
    let is_empty = |last: &Last| metric.is_some() && !has_metric(read(last));
    Ok(Kept {
        rows: kept.iter().map(read).collect(),
        ends: kept.iter().map(|last| last.end(is_empty(last))).collect(),
        note: is_apart.then(|| {
            format!(
                "Each trial has {many} rows with its greatest {column}: the one with a test metric is \
                 read."
            )
        }),
    })
}

/// The place of a row without a number.
const UNPLACED: f64 = f64::NEG_INFINITY;

/// The place of a row with this text; none where it is no number.
fn placed(text: &str) -> Option<f64> {
    if text.is_empty() || NO_NUMBER.contains(&text) {
        return Some(UNPLACED);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_nan() => Some(UNPLACED),
        Ok(number) => Some(number).filter(|number| number.is_finite()),
        Err(_) => None,
    }
}

/// The rows that are kept.
pub(super) struct Kept {
    /// Their indices.
    pub(super) rows: Vec<usize>,
    /// Where the trial of each ends.
    pub(super) ends: Vec<End>,
    /// What is said of how they were found.
    pub(super) note: Option<String>,
}

/// Where a trial ends, by the numbers in the order of its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    /// The number of the row that is read; none where no row counts or none has one.
    pub(super) at: Option<f64>,
    /// The greatest number before that, of the rows that count.
    pub(super) before: Option<f64>,
    /// Whether later rows do not count.
    pub(super) is_passed_over: bool,
    /// Whether the row that is read has no metric, and another one has.
    pub(super) is_elsewhere: bool,
    /// The greatest number of a row whose metric is a finite number.
    pub(super) measured: Option<f64>,
}

/// The last row of a trial so far.
struct Last {
    /// Whether it counts, and its number in the order.
    rank: (bool, f64),
    /// It, and others of the same rank.
    rows: Vec<usize>,
    /// The greatest number in the order, of rows that do not count too.
    greatest: f64,
    /// The greatest number but one of the rows that count.
    before: Option<f64>,
    /// Whether some row has a text for its metric.
    has_text: bool,
    /// The greatest number of a row whose metric is a finite number.
    measured: Option<f64>,
    /// How many rows the trial has.
    all: usize,
    /// A row with a metric and without a number in the order.
    unplaced: Option<usize>,
}

impl Last {
    /// Takes one more row of the trial.
    fn add(&mut self, this: Self) {
        let counted = |last: &Self| {
            let (counts, number) = last.rank;
            (counts && number != UNPLACED).then_some(number)
        };
        self.greatest = self.greatest.max(this.greatest);
        self.has_text |= this.has_text;
        self.measured = [self.measured, this.measured]
            .into_iter()
            .flatten()
            .reduce(f64::max);
        self.all += 1;
        self.unplaced = self.unplaced.or(this.unplaced);
        if this.rank > self.rank {
            self.before = counted(self).or(self.before);
            (self.rank, self.rows) = (this.rank, this.rows);
        } else if this.rank == self.rank {
            self.rows.extend(this.rows);
        } else if let Some(number) = counted(&this) {
            self.before = Some(self.before.map_or(number, |before| before.max(number)));
        }
    }

    /// A row whose place among the others of its trial is not known, and matters.
    fn without_place(&self) -> Option<usize> {
        let (_, number) = self.rank;
        let is_nowhere = number == UNPLACED && self.all > 1;
        self.unplaced.or_else(|| is_nowhere.then(|| self.rows[0]))
    }

    /// Where the trial ends whose last row has no metric, if it `is_empty`.
    fn end(&self, is_empty: bool) -> End {
        let (counts, at) = self.rank;
        End {
            at: (counts && at != UNPLACED).then_some(at),
            before: self.before,
            is_passed_over: self.greatest > at,
            is_elsewhere: is_empty && self.has_text,
            measured: self.measured,
        }
    }
}
