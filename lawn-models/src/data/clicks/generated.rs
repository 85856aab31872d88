//! Clicks drawn from a model that is known, so that the best log-loss is known too.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape::ClickShape;
use super::table::{Part, Row, Table};
use crate::data::dataset::GENERATED;
use crate::random::{Purpose, stream};
use crate::trial::{SettingsError, require};

/// Sizes of the generated clicks.
///
/// ```text
/// x = linear·(Σ_c w_c[id_c] + Σ_j a_j z_j) / √(C + D)
///   + interactions·Σ_{c<d} ⟨v_c[id_c], v_d[id_d]⟩ / √(C(C − 1)/2 · factors)
/// p(click) = σ(bias + x)                                    w, a, v ~ N(0, 1)
/// ```
/// Column c has `vocabulary / 2^c` categories, four at least, and category k of it comes in
/// proportion to `(k + 1)^−skew`. The numbers are `z = ln(1 + n)`, n a log-normal count. `bias`
/// is such that `click_rate` of the rows are clicks. A linear model sees nothing of the second
/// sum.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratedClicks {
    /// Number of rows, those of validation and test included.
    pub rows: u64,
    /// Numbers a row (D).
    pub dense: u32,
    /// Columns of categories (C).
    pub columns: u32,
    /// Categories of the first column.
    pub vocabulary: u32,
    /// Exponent of the Zipf-like popularity of categories; 0 for none.
    pub skew: f64,
    /// Part of the rows that are clicks.
    pub click_rate: f64,
    /// How much a column counts by itself.
    pub linear: f64,
    /// How much pairs of columns count.
    pub interactions: f64,
    /// Dimension of v.
    pub factors: u32,
    /// Seeds the generator: part of the data set, not of the trial.
    pub seed: u64,
}

impl Default for GeneratedClicks {
    fn default() -> Self {
        Self {
            rows: 200_000,
            dense: 4,
            columns: 8,
            vocabulary: 128,
            skew: 1.0,
            click_rate: 0.25,
            linear: 1.0,
            interactions: 1.5,
            factors: 2,
            seed: 0,
        }
    }
}

/// Numbers and columns of the files that generated clicks are written to.
pub(super) const MOST_DENSE: u32 = 13;
pub(super) const MOST_COLUMNS: u32 = 26;

/// Rows that the bias is found by.
const ROWS_FOR_BIAS: usize = 20_000;

impl GeneratedClicks {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let counts = [
            ("generated.dense", self.dense, 0, MOST_DENSE),
            ("generated.columns", self.columns, 2, MOST_COLUMNS),
            ("generated.vocabulary", self.vocabulary, 4, 1 << 20),
            ("generated.factors", self.factors, 1, 1_024),
        ];
        require(
            (100..=1 << 32).contains(&self.rows),
            "generated.rows",
            self.rows,
            "100 to 4294967296",
        )?;
        for (name, value, least, most) in counts {
            require(
                (least..=most).contains(&value),
                name,
                value,
                &format!("{least} to {most}"),
            )?;
        }
        require(
            self.click_rate > 0.0 && self.click_rate < 1.0,
            "generated.click_rate",
            self.click_rate,
            "a number between 0 and 1",
        )?;
        for (name, value) in [
            ("generated.skew", self.skew),
            ("generated.linear", self.linear),
            ("generated.interactions", self.interactions),
        ] {
            require(
                value.is_finite() && value >= 0.0,
                name,
                value,
                "a finite number ≥ 0",
            )?;
        }
        Ok(())
    }

    /// What a row has.
    pub(super) fn shape(&self) -> ClickShape {
        let size = |column| self.vocabulary.checked_shr(column).unwrap_or(0).max(4);
        ClickShape {
            dense: self.dense as usize,
            columns: (0..self.columns).map(size).collect(),
        }
    }
}

/// The model that clicks are drawn from.
#[derive(Debug)]
pub(crate) struct Teacher {
    bias: f64,
    linear: f64,
    interactions: f64,
    factors: usize,
    /// a, one a number.
    slopes: Vec<f64>,
    /// w and v of each category of each column, `1 + factors` numbers each.
    categories: Vec<Vec<f64>>,
}

impl Teacher {
    /// The teacher of these sizes, of which [`table`] has the clicks.
    pub(crate) fn new(sizes: &GeneratedClicks) -> Self {
        let shape = sizes.shape();
        let features = (shape.columns.len() + shape.dense) as f64;
        let pairs = (shape.columns.len() * (shape.columns.len() - 1) / 2) as f64;
        let factors = sizes.factors as usize;
        let mut rng = stream(sizes.seed, Purpose::Generation, 0);
        let mut normal = |count: usize| -> Vec<f64> {
            StandardNormal.sample_iter(&mut rng).take(count).collect()
        };
        let mut teacher = Self {
            bias: 0.0,
            linear: sizes.linear / features.sqrt(),
            interactions: sizes.interactions / (pairs * factors as f64).sqrt(),
            factors,
            slopes: normal(shape.dense),
            categories: shape
                .columns
                .iter()
                .map(|&size| normal(size as usize * (1 + factors)))
                .collect(),
        };
        let mut draws = Draws::new(sizes);
        let count = sizes.rows.min(ROWS_FOR_BIAS as u64);
        let scores: Vec<f64> = (0..count)
            .map(|_| {
                let (dense, ids) = draws.features();
                teacher.score(dense.into_iter(), ids.into_iter())
            })
            .collect();
        teacher.bias = bias(&scores, sizes.click_rate);
        teacher
    }

    /// The logit of the probability that a row is a click.
    pub(crate) fn logit(&self, row: &Row<'_>) -> f64 {
        self.score(row.dense(), row.ids())
    }

    fn score(&self, dense: impl Iterator<Item = f32>, ids: impl Iterator<Item = u32>) -> f64 {
        let mut linear: f64 = dense.zip(&self.slopes).map(|(z, a)| f64::from(z) * a).sum();
        // Σ_{c<d} ⟨v_c, v_d⟩ = (‖Σ v_c‖² − Σ ‖v_c‖²) / 2
        let mut sums = vec![0.0; self.factors];
        let mut squares = 0.0;
        for (id, categories) in ids.zip(&self.categories) {
            let own = &categories[id as usize * (1 + self.factors)..][..1 + self.factors];
            linear += own[0];
            for (sum, v) in sums.iter_mut().zip(&own[1..]) {
                *sum += v;
                squares += v * v;
            }
        }
        let pairs = (sums.iter().map(|sum| sum * sum).sum::<f64>() - squares) / 2.0;
        self.bias + self.linear * linear + self.interactions * pairs
    }
}

/// The bias that makes the mean of σ(bias + x) the rate asked for, by bisection.
fn bias(scores: &[f64], rate: f64) -> f64 {
    let (mut low, mut high) = (-100.0, 100.0);
    for _ in 0..60 {
        let bias = (low + high) / 2.0;
        let sum: f64 = scores.iter().map(|x| probability(bias + x)).sum();
        if sum / (scores.len() as f64) < rate {
            low = bias;
        } else {
            high = bias;
        }
    }
    (low + high) / 2.0
}

/// σ.
fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Draws numbers and categories, row after row.
struct Draws {
    rng: ChaCha8Rng,
    dense: u32,
    /// Of each column the sums of the weights of its categories up to each.
    sums: Vec<Vec<f64>>,
}

impl Draws {
    fn new(sizes: &GeneratedClicks) -> Self {
        let sums = |&size: &u32| -> Vec<f64> {
            let weights = (1..=size).map(|rank| f64::from(rank).powf(-sizes.skew));
            let sums = weights.scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            });
            sums.collect()
        };
        Self {
            rng: stream(sizes.seed, Purpose::Generation, 1),
            dense: sizes.dense,
            sums: sizes.shape().columns.iter().map(sums).collect(),
        }
    }

    fn features(&mut self) -> (Vec<f32>, Vec<u32>) {
        let rng = &mut self.rng;
        let dense = (0..self.dense).map(|_| {
            let drawn: f64 = StandardNormal.sample(rng);
            (drawn + 1.0).exp().floor().ln_1p() as f32
        });
        let dense = dense.collect();
        let ids = self.sums.iter().map(|sums| {
            let drawn = uniform(rng) * sums[sums.len() - 1];
            let place = sums.partition_point(|&sum| sum <= drawn);
            place.min(sums.len() - 1) as u32
        });
        (dense, ids.collect())
    }
}

/// Uniform in [0, 1), of 53 random bits.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// All rows.
pub(crate) fn table(sizes: &GeneratedClicks) -> Table {
    let shape = sizes.shape();
    let teacher = Teacher::new(sizes);
    let mut draws = Draws::new(sizes);
    let mut labels = stream(sizes.seed, Purpose::Generation, 2);
    let mut bytes = Vec::with_capacity(sizes.rows as usize * shape.bytes());
    for _ in 0..sizes.rows {
        let (dense, ids) = draws.features();
        let logit = teacher.score(dense.iter().copied(), ids.iter().copied());
        let label = f32::from(uniform(&mut labels) < probability(logit));
        bytes.extend(label.to_le_bytes());
        bytes.extend(dense.into_iter().flat_map(f32::to_le_bytes));
        bytes.extend(ids.into_iter().flat_map(u32::to_le_bytes));
    }
    Table::new(shape, vec![Part::made(GENERATED, bytes)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> GeneratedClicks {
        GeneratedClicks {
            rows: 40_000,
            ..GeneratedClicks::default()
        }
    }

    #[test]
    fn clicks_come_at_the_rate_and_categories_by_their_rank() {
        let table = table(&sizes());
        let mut clicks = 0.0;
        let mut first = vec![0u32; 128];
        for number in 0..table.len() {
            let row = table.row(number);
            clicks += f64::from(row.label());
            first[row.ids().next().unwrap() as usize] += 1;
        }
        let rate = clicks / table.len() as f64;
        assert!((rate - 0.25).abs() < 0.01, "{rate}");
        let ratio = f64::from(first[0]) / f64::from(first[9]);
        assert!((8.0..12.5).contains(&ratio), "{ratio}");
    }

    /// By the definition, pair by pair.
    #[test]
    fn the_teacher_is_the_one_of_its_documentation() {
        let sizes = sizes();
        let teacher = Teacher::new(&sizes);
        let table = table(&sizes);
        let row = table.row(17);
        let own: Vec<&[f64]> = row
            .ids()
            .zip(&teacher.categories)
            .map(|(id, categories)| &categories[id as usize * 3..][..3])
            .collect();
        let slopes = row.dense().zip(&teacher.slopes);
        let numbers: f64 = slopes.map(|(z, a)| f64::from(z) * a).sum();
        let linear = own.iter().map(|one| one[0]).sum::<f64>() + numbers;
        let mut pairs = 0.0;
        for (place, one) in own.iter().enumerate() {
            for other in &own[place + 1..] {
                pairs += one[1] * other[1] + one[2] * other[2];
            }
        }
        let expected = teacher.bias + linear / 12f64.sqrt() + 1.5 * pairs / 56f64.sqrt();
        assert!((teacher.logit(&row) - expected).abs() < 1e-9);
    }

    #[test]
    fn the_seed_decides_the_rows() {
        let bytes = |seed| {
            let table = table(&GeneratedClicks {
                rows: 200,
                seed,
                ..GeneratedClicks::default()
            });
            let words = (0..200).flat_map(|number| {
                let row = table.row(number);
                let ids: Vec<u32> = row.ids().collect();
                ids
            });
            words.collect::<Vec<u32>>()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn sizes_that_cannot_be_made_are_named() {
        for (table, setting) in [
            (serde_json::json!({ "rows": 99 }), "generated.rows"),
            (serde_json::json!({ "columns": 27 }), "generated.columns"),
            (
                serde_json::json!({ "click_rate": 1.0 }),
                "generated.click_rate",
            ),
            (
                serde_json::json!({ "interactions": -1.0 }),
                "generated.interactions",
            ),
        ] {
            let sizes: GeneratedClicks = serde_json::from_value(table).unwrap();
            assert_eq!(sizes.validate().unwrap_err().setting(), setting);
        }
    }
}
