//! Logistic regression on numbers and categories, fitted until nothing is left to be gained.

use std::collections::HashMap;

use crate::data::clicks::{ClickShape, Row, Rows};

/// Of a row, the objective that may be left to be gained, about.
const LEFT: f64 = 1e-14;

/// What an objective is known to, relatively.
const ROUNDING: f64 = 1e-14;

/// Most steps, of which a few are taken, and most products within a step.
const STEPS: usize = 50;
const PRODUCTS: usize = 100;

/// A weight for each number, and for each category of each column that occurs in train.
///
/// ```text
/// x = b + Σ_j a_j z_j + Σ_c w_c[id_c]
/// minimal    Σ ln(1 + e^∓x) + ½ (Σ a_j² + Σ w²)        − for clicks, + for others
/// ```
/// The sum is over train rows; b is free. There is one minimum, the mode of the weights with a
/// standard normal prior; scikit-learn's `LogisticRegression(C=1)` has it as well. A category that
/// does not occur in train has the weight 0. Found by Newton's method, each step by conjugate
/// gradients.
pub(super) struct Logistic {
    dense: usize,
    /// The place of the weight of each category that occurs.
    places: Vec<HashMap<u32, u32>>,
    /// b, a, then w.
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits it to rows of which some are clicks, and some are none.
    pub(super) fn fit(shape: &ClickShape, train: Rows<'_>) -> Self {
        let (places, rows) = Design::new(shape, train);
        Self {
            dense: shape.dense,
            places,
            weights: minimum(&rows),
        }
    }

    pub(super) fn logit(&self, row: &Row<'_>) -> f64 {
        let numbers = row.dense().zip(&self.weights[1..=self.dense]);
        let numbers: f64 = numbers.map(|(z, a)| f64::from(z) * a).sum();
        let ids = row.ids().zip(&self.places);
        let categories: f64 = ids
            .filter_map(|(id, places)| places.get(&id))
            .map(|&place| self.weights[place as usize])
            .sum();
        self.weights[0] + numbers + categories
    }
}

/// Train rows by the places of their weights.
struct Design {
    dense: usize,
    columns: usize,
    numbers: Vec<f32>,
    places: Vec<u32>,
    /// 1 for a click, 0 for none.
    clicks: Vec<f64>,
    weights: usize,
}

impl Design {
    /// The places of categories, in the order in which they occur, and the rows.
    fn new(shape: &ClickShape, train: Rows<'_>) -> (Vec<HashMap<u32, u32>>, Self) {
        let columns = shape.columns.len();
        let mut places = vec![HashMap::new(); columns];
        let mut design = Self {
            dense: shape.dense,
            columns,
            numbers: Vec::new(),
            places: Vec::new(),
            clicks: Vec::new(),
            weights: 1 + shape.dense,
        };
        for row in train.iter() {
            design.clicks.push(f64::from(row.label()));
            design.numbers.extend(row.dense());
            for (id, places) in row.ids().zip(&mut places) {
                let place = *places.entry(id).or_insert_with(|| {
                    design.weights += 1;
                    design.weights as u32 - 1
                });
                design.places.push(place);
            }
        }
        (places, design)
    }

    fn row(&self, row: usize) -> (&[f32], &[u32]) {
        let numbers = &self.numbers[row * self.dense..][..self.dense];
        (numbers, &self.places[row * self.columns..][..self.columns])
    }

    /// Of each row the sum of what `weights` has for it.
    fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let sum = |row: usize| {
            let (numbers, places) = self.row(row);
            let numbers = numbers.iter().zip(&weights[1..]);
            let numbers: f64 = numbers.map(|(&z, a)| f64::from(z) * a).sum();
            let places = places.iter().map(|&place| weights[place as usize]);
            weights[0] + numbers + places.sum::<f64>()
        };
        (0..self.clicks.len()).map(sum).collect()
    }

    /// Of each weight the sum of what `values` have for its rows, each times the `power` of the
    /// number that the weight is of.
    fn gathered(&self, values: &[f64], power: i32) -> Vec<f64> {
        let mut gathered = vec![0.0; self.weights];
        for (row, value) in values.iter().enumerate() {
            let (numbers, places) = self.row(row);
            gathered[0] += value;
            for (to, &z) in gathered[1..].iter_mut().zip(numbers) {
                *to += value * f64::from(z).powi(power);
            }
            for &place in places {
                gathered[place as usize] += value;
            }
        }
        gathered
    }

    /// The objective, at weights whose sums are these.
    fn objective(&self, weights: &[f64], sums: &[f64]) -> f64 {
        let rows = sums.iter().zip(&self.clicks);
        let loss = rows.map(|(&x, click)| {
            let wrong = if *click > 0.5 { -x } else { x };
            wrong.max(0.0) + (-x.abs()).exp().ln_1p()
        });
        loss.sum::<f64>() + weights[1..].iter().map(|w| w * w).sum::<f64>() / 2.0
    }
}

/// The weights of the minimum.
fn minimum(rows: &Design) -> Vec<f64> {
    let count = rows.clicks.len() as f64;
    let clicks: f64 = rows.clicks.iter().sum();
    let mut weights = vec![0.0; rows.weights];
    // Some of many rows may be no click, though there are clicks.
    weights[0] = ((clicks + 0.5) / (count - clicks + 0.5)).ln();
    for _ in 0..STEPS {
        let sums = rows.sums(&weights);
        let odds: Vec<f64> = sums.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
        let errors: Vec<f64> = odds.iter().zip(&rows.clicks).map(|(p, y)| p - y).collect();
        let curvature: Vec<f64> = odds.iter().map(|p| p * (1.0 - p)).collect();
        let mut gradient = rows.gathered(&errors, 1);
        penalize(&mut gradient, |place| weights[place]);
        let mut diagonal = rows.gathered(&curvature, 2);
        penalize(&mut diagonal, |_| 1.0);
        if by(&gradient, &gradient, &diagonal) <= LEFT * count {
            break;
        }
        let step = newton(rows, &gradient, &diagonal, &curvature);
        if !descend(rows, &mut weights, &sums, &gradient, &step) {
            break;
        }
    }
    weights
}

/// Adds what the squares of all weights but b have for a place.
fn penalize(of_weights: &mut [f64], term: impl Fn(usize) -> f64) {
    let penalized = of_weights.iter_mut().enumerate().skip(1);
    penalized.for_each(|(place, value)| *value += term(place));
}

/// Σ one · other / diagonal.
fn by(one: &[f64], other: &[f64], diagonal: &[f64]) -> f64 {
    let all = one.iter().zip(other).zip(diagonal);
    all.map(|((one, other), d)| one * other / d).sum()
}

/// Minus the inverse of the matrix of second derivatives times the gradient, by conjugate
/// gradients that the diagonal scales: the nearer to the minimum, the more exactly.
fn newton(rows: &Design, gradient: &[f64], diagonal: &[f64], curvature: &[f64]) -> Vec<f64> {
    let mut step = vec![0.0; gradient.len()];
    let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut direction: Vec<f64> = rest.iter().zip(diagonal).map(|(r, d)| r / d).collect();
    let mut left = by(&rest, &rest, diagonal);
    let enough = left * (left / rows.clicks.len() as f64).min(0.01);
    for _ in 0..PRODUCTS {
        let mut sums = rows.sums(&direction);
        sums.iter_mut().zip(curvature).for_each(|(x, h)| *x *= h);
        let mut product = rows.gathered(&sums, 1);
        penalize(&mut product, |place| direction[place]);
        let curved: f64 = product.iter().zip(&direction).map(|(a, b)| a * b).sum();
        let length = left / curved;
        for (place, &along) in direction.iter().enumerate() {
            step[place] += length * along;
            rest[place] -= length * product[place];
        }
        let now = by(&rest, &rest, diagonal);
        if now <= enough {
            break;
        }
        let kept = now / left;
        left = now;
        for (place, along) in direction.iter_mut().enumerate() {
            *along = rest[place] / diagonal[place] + kept * *along;
        }
    }
    step
}

/// Takes the step, or as much of it as makes the objective less; false where nothing does.
fn descend(
    rows: &Design,
    weights: &mut Vec<f64>,
    sums: &[f64],
    gradient: &[f64],
    step: &[f64],
) -> bool {
    let before = rows.objective(weights, sums);
    let slope: f64 = gradient.iter().zip(step).map(|(g, s)| g * s).sum();
    let moved = rows.sums(step);
    let mut length = 1.0;
    for _ in 0..40 {
        let of = |from: &[f64], along: &[f64]| -> Vec<f64> {
            let both = from.iter().zip(along);
            both.map(|(from, along)| from + length * along).collect()
        };
        let (there, sums) = (of(weights, step), of(sums, &moved));
        if rows.objective(&there, &sums) <= before * (1.0 + ROUNDING) + 1e-4 * length * slope {
            *weights = there;
            return true;
        }
        length /= 2.0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::clicks::{ClickSource, ClickSplit, GeneratedClicks, SplitRule};

    /// At the minimum each derivative is 0: those of the bias, of numbers and of categories, counted
    /// anew row by row.
    #[test]
    fn nothing_is_left_to_be_gained() {
        for (rows, skew) in [(400, 2.0), (20_000, 1.0)] {
            let source = ClickSource::Generated(GeneratedClicks {
                rows,
                skew,
                ..GeneratedClicks::default()
            });
            let rule = SplitRule {
                rule: ClickSplit::Last,
                test_fraction: 0.1,
                validation_fraction: 0.1,
                test_rows: 1,
                seed: 0,
            };
            let clicks = source.clicks(&rule, u64::MAX).unwrap();
            let model = Logistic::fit(clicks.shape(), clicks.train());
            let mut bias = 0.0;
            let mut numbers = model.weights[1..=4].to_vec();
            let mut categories: HashMap<(usize, u32), f64> = HashMap::new();
            for (column, places) in model.places.iter().enumerate() {
                for (&id, &place) in places {
                    categories.insert((column, id), model.weights[place as usize]);
                }
            }
            for row in clicks.train().iter() {
                let error = 1.0 / (1.0 + (-model.logit(&row)).exp()) - f64::from(row.label());
                bias += error;
                for (sum, z) in numbers.iter_mut().zip(row.dense()) {
                    *sum += error * f64::from(z);
                }
                for (column, id) in row.ids().enumerate() {
                    *categories.get_mut(&(column, id)).unwrap() += error;
                }
            }
            let all = numbers.into_iter().chain(categories.into_values());
            let most = all.fold(f64::abs(bias), |most: f64, one| most.max(one.abs()));
            assert!(most < 1e-3, "{rows}: {most}");
        }
    }
}
