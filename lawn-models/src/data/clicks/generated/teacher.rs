//! The model that generated clicks are drawn from.

use rand_distr::{Distribution, StandardNormal};

use super::super::table::Row;
use super::draws::Draws;
use super::sizes::GeneratedClicks;
use crate::data::error::DataError;
use crate::random::{Purpose, stream};
use crate::trial::{SettingsError, require};

/// Rows that the bias is found by.
const ROWS_FOR_BIAS: usize = 20_000;

/// How far from the rate asked for a rate may be, relative to it or to what it leaves.
const NEAR: f64 = 1e-3;

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
    /// The teacher of these sizes, which the generated rows have their clicks of.
    ///
    /// # Errors
    /// [`DataError::Options`] where no bias makes the rate that is asked for.
    pub(crate) fn new(sizes: &GeneratedClicks) -> Result<Self, DataError> {
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
        let found = bias(&scores, sizes.click_rate);
        teacher.bias = found.map_err(|error| DataError::options("ctr", &error))?;
        Ok(teacher)
    }

    /// The logit of the probability that a row is a click.
    pub(crate) fn logit(&self, row: &Row<'_>) -> f64 {
        self.score(row.dense(), row.ids())
    }

    pub(super) fn score(
        &self,
        dense: impl Iterator<Item = f32>,
        ids: impl Iterator<Item = u32>,
    ) -> f64 {
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
///
/// # Errors
/// [`SettingsError`] where none comes near it.
fn bias(scores: &[f64], rate: f64) -> Result<f64, SettingsError> {
    let mean = |bias: f64| {
        let sum: f64 = scores.iter().map(|x| probability(bias + x)).sum();
        sum / scores.len() as f64
    };
    let is_near = |found: f64| (found - rate).abs() <= NEAR * rate.min(1.0 - rate);
    let usual = bisect(-100.0, 100.0, 60, |bias| mean(bias) < rate);
    if is_near(mean(usual)) {
        return Ok(usual);
    }
    // Any x is small beside these.
    let most = scores.iter().fold(100.0f64, |most, x| most.max(x.abs()));
    let wide = bisect(-2.0 * most, 2.0 * most, 1_200, |bias| mean(bias) < rate);
    let found = mean(wide);
    let allowed = format!("one that these sizes allow: the nearest to it is {found}");
    require(is_near(found), "generated.click_rate", rate, &allowed)?;
    Ok(wide)
}

/// The place between `low` and `high` where `is_below` ceases to hold.
fn bisect(low: f64, high: f64, halvings: usize, is_below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..halvings {
        let middle = (low + high) / 2.0;
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// σ.
pub(super) fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, pair by pair.
    #[test]
    fn the_teacher_is_the_one_of_its_documentation() {
        let sizes = GeneratedClicks::default();
        let teacher = Teacher::new(&sizes).unwrap();
        let (dense, ids) = Draws::new(&sizes).features();
        let own: Vec<&[f64]> = ids
            .iter()
            .zip(&teacher.categories)
            .map(|(&id, categories)| &categories[id as usize * 3..][..3])
            .collect();
        let slopes = dense.iter().zip(&teacher.slopes);
        let numbers: f64 = slopes.map(|(&z, a)| f64::from(z) * a).sum();
        let linear = own.iter().map(|one| one[0]).sum::<f64>() + numbers;
        let mut pairs = 0.0;
        for (place, one) in own.iter().enumerate() {
            for other in &own[place + 1..] {
                pairs += one[1] * other[1] + one[2] * other[2];
            }
        }
        let expected = teacher.bias + linear / 12f64.sqrt() + 1.5 * pairs / 56f64.sqrt();
        let found = teacher.score(dense.into_iter(), ids.into_iter());
        assert!((found - expected).abs() < 1e-9);
    }

    /// Committed: another bias makes other clicks of the same sizes.
    #[test]
    fn the_bias_of_usual_sizes_keeps_its_bits() {
        let teacher = Teacher::new(&GeneratedClicks::default()).unwrap();
        assert_eq!(teacher.bias.to_bits(), 13_831_957_505_118_522_356);
    }

    #[test]
    fn the_click_rate_is_reached_or_refused() {
        // Far beyond 100 either way.
        for scale in [1.0, 1e3, 1e150] {
            let scores: Vec<f64> = (0..20_000)
                .map(|row| (f64::from(row) - 2_000.0) * scale)
                .collect();
            for rate in [0.001, 0.25, 0.9] {
                let bias = bias(&scores, rate).unwrap();
                let mean = scores.iter().map(|x| probability(bias + x)).sum::<f64>() / 2e4;
                assert!(
                    (mean - rate).abs() <= 1e-3 * rate,
                    "{scale}: {mean} for {rate}"
                );
            }
        }
        let halves = [-1e150, 1e150];
        assert!(bias(&halves, 0.5).is_ok());
        let error = bias(&halves, 0.25).unwrap_err().to_string();
        assert!(error.contains("`generated.click_rate` is 0.25"), "{error}");
        assert!(error.contains("the nearest to it is"), "{error}");
        assert!(bias(&[f64::NAN, 0.0], 0.5).is_err());
    }
}
