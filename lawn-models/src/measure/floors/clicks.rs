//! Clicks without a network: at the rate of all, by a linear model, and as they were drawn.

use super::floor::Floor;
use super::logistic::Logistic;
use crate::data::clicks::{ClickShape, Row, Rows, Teacher};
use crate::measure::click_metrics::ClickScores;
use crate::measure::measurement::Split;

/// Train rows that the linear model is fitted to, at most.
const TRAINED_ROWS: u64 = 2_000_000;

/// The floors of some splits:
///
/// - `base-rate`: the click rate of train, for every row,
/// - `logistic-regression`: [`Logistic`], fitted to two million rows of train at even distances, or
///   to all where there are no more,
/// - `bayes`, where the clicks were drawn from a teacher: the probabilities that they were drawn
///   by. In expectation nothing is better.
///
/// Train has clicks, and rows that are none.
pub(crate) fn floors(
    shape: &ClickShape,
    train: Rows<'_>,
    splits: &[(Split, Rows<'_>)],
    teacher: Option<&Teacher>,
) -> Vec<Floor> {
    let clicks: f64 = train.iter().map(|row| f64::from(row.label())).sum();
    let base = (clicks / (train.len() as f64 - clicks)).ln();
    let model = Logistic::fit(shape, train.at_most(TRAINED_ROWS));
    let mut floors = vec![
        floor("base-rate", splits, |_| base),
        floor("logistic-regression", splits, |row| model.logit(row)),
    ];
    if let Some(teacher) = teacher {
        floors.push(floor("bayes", splits, |row| teacher.logit(row)));
    }
    floors
}

fn floor(
    predictor: &'static str,
    splits: &[(Split, Rows<'_>)],
    logit: impl Fn(&Row<'_>) -> f64,
) -> Floor {
    let measured = splits.iter().flat_map(|&(split, rows)| {
        let mut scores = ClickScores::default();
        rows.iter()
            .for_each(|row| scores.add(logit(&row), row.is_click()));
        scores.measurements(split)
    });
    Floor {
        predictor,
        measurements: measured.collect(),
    }
}
