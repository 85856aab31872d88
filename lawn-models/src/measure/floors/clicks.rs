//! Clicks without a network: at the rate of all, by a linear model, and as they were drawn.

use super::floor::Floor;
use crate::data::clicks::{ClickShape, Row, Rows, Teacher};
use crate::measure::click_metrics::ClickScores;
use crate::measure::measurement::Split;

/// Train rows that the linear model learns from, at most.
const TRAINED_ROWS: u64 = 2_000_000;

/// Times that it sees each of them.
const PASSES: usize = 3;

/// Its rate, and what the root of its sums of squares begins with.
const RATE: f64 = 0.1;
const INITIAL: f64 = 1.0;

/// The floors of some splits:
///
/// - `base-rate`: the click rate of train, for every row,
/// - `logistic-regression`: a weight for each number, and for each category of each column,
/// - `bayes`, where the clicks were drawn from a teacher: the probabilities that they were drawn
///   by. In expectation nothing is better.
pub(crate) fn floors(
    shape: &ClickShape,
    train: Rows<'_>,
    splits: &[(Split, Rows<'_>)],
    teacher: Option<&Teacher>,
) -> Vec<Floor> {
    let train = train.at_most(TRAINED_ROWS);
    let clicks: f64 = train.iter().map(|row| f64::from(row.label())).sum();
    // Half a click more and half a row that is none: a rate of 0 has no logit.
    let base = ((clicks + 0.5) / (train.len() as f64 - clicks + 0.5)).ln();
    let mut model = Linear::new(shape, base);
    for _ in 0..PASSES {
        train.iter().for_each(|row| model.learn(&row));
    }
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

/// `x = b + Σ_j a_j z_j + Σ_c w_c[id_c]`, learned row by row by Adagrad.
struct Linear {
    /// Where the categories of each column begin among the weights: b, a, then w.
    starts: Vec<usize>,
    dense: usize,
    weights: Vec<f32>,
    squares: Vec<f32>,
}

impl Linear {
    fn new(shape: &ClickShape, bias: f64) -> Self {
        let mut next = 1 + shape.dense;
        let starts = shape.columns.iter().map(|&size| {
            let start = next;
            next += size as usize;
            start
        });
        let starts = starts.collect();
        let mut weights = vec![0.0; next];
        weights[0] = bias as f32;
        Self {
            starts,
            dense: shape.dense,
            weights,
            squares: vec![0.0; next],
        }
    }

    /// Places of the weights that a row has, and what each is multiplied by.
    fn features(&self, row: &Row<'_>) -> Vec<(usize, f64)> {
        let mut features = Vec::with_capacity(1 + self.dense + self.starts.len());
        features.push((0, 1.0));
        let numbers = row.dense().enumerate();
        features.extend(numbers.map(|(place, z)| (1 + place, f64::from(z))));
        let ids = row.ids().zip(&self.starts);
        features.extend(ids.map(|(id, start)| (start + id as usize, 1.0)));
        features
    }

    fn logit(&self, row: &Row<'_>) -> f64 {
        let features = self.features(row).into_iter();
        features
            .map(|(place, x)| f64::from(self.weights[place]) * x)
            .sum()
    }

    fn learn(&mut self, row: &Row<'_>) {
        let error = 1.0 / (1.0 + (-self.logit(row)).exp()) - f64::from(row.label());
        for (place, x) in self.features(row) {
            let gradient = error * x;
            self.squares[place] += (gradient * gradient) as f32;
            let scale = INITIAL + f64::from(self.squares[place]).sqrt();
            self.weights[place] -= (RATE * gradient / scale) as f32;
        }
    }
}
