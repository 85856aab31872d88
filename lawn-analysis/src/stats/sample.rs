//! Checked inputs of the statistics: at least one value, and finite numbers only.

use crate::error::Error;

/// One or more finite numbers.
///
/// ```
/// use lawn_analysis::stats::Sample;
///
/// let sample = Sample::new(vec![1.0, 2.0, 4.0])?;
/// assert_eq!(sample.n(), 3);
/// assert!(Sample::new(vec![]).is_err());
/// assert!(Sample::new(vec![f64::NAN]).is_err());
/// # Ok::<(), lawn_analysis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::TooFew`] without values; [`Error::NotFinite`] for NaN or an infinity.
    pub fn new(values: Vec<f64>) -> Result<Self, Error> {
        if values.is_empty() {
            return Err(Error::TooFew {
                needed: 1,
                found: 0,
            });
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite {
                index,
                value: values[index],
            });
        }
        Ok(Self(values))
    }

    /// The values, in the order given.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// How many values there are; at least one.
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// Arithmetic mean.
    ///
    /// ```text
    /// x̄ = (1/n) Σ xᵢ
    /// ```
    pub fn mean(&self) -> f64 {
        if !self.varies() {
            return self.0[0];
        }
        // A second pass removes the rounding error of the first one.
        let n = self.0.len() as f64;
        let sum = self.0.iter().sum::<f64>();
        if sum.is_infinite() {
            return self.0.iter().map(|x| x / n).sum();
        }
        let first = sum / n;
        first + self.0.iter().map(|x| x - first).sum::<f64>() / n
    }

    /// Unbiased variance, or none for a single value.
    ///
    /// ```text
    /// s² = (1/(n − 1)) Σ (xᵢ − x̄)²
    /// ```
    pub fn variance(&self) -> Option<f64> {
        if self.0.len() < 2 {
            return None;
        }
        if !self.varies() {
            return Some(0.0);
        }
        let mean = self.mean();
        let sum: f64 = self.0.iter().map(|x| (x - mean) * (x - mean)).sum();
        Some(sum / (self.0.len() - 1) as f64)
    }

    /// Whether two values are unequal. Rounding must not make a variance.
    pub fn varies(&self) -> bool {
        self.0.iter().any(|value| *value != self.0[0])
    }

    /// Square root of the unbiased variance, or none for a single value.
    ///
    /// It exists for numbers of any size, also where their squares overflow 64 bits.
    pub fn deviation(&self) -> Option<f64> {
        /// Between these, squares and their sums neither overflow nor lose digits.
        const SAFE: std::ops::Range<f64> = 1e-140..1e140;
        if self.0.len() < 2 || !self.varies() {
            return self.variance();
        }
        let mean = self.mean();
        let distances = self.0.iter().map(|x| (x - mean).abs());
        let furthest = distances.fold(0.0, f64::max);
        if SAFE.contains(&furthest) {
            return self.variance().map(f64::sqrt);
        }
        let sum: f64 = self.0.iter().map(|x| ((x - mean) / furthest).powi(2)).sum();
        Some(furthest * (sum / (self.0.len() - 1) as f64).sqrt())
    }

    /// The values in rising order.
    pub fn sorted(&self) -> Vec<f64> {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    /// Linear quantile (Hyndman and Fan's type 7, numpy's default) of probability `p` in [0, 1].
    pub fn quantile(&self, p: f64) -> f64 {
        quantile_of_sorted(&self.sorted(), p)
    }
}

/// Linear quantile of values that are sorted and not empty.
pub(crate) fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let position = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_have_a_mean_and_a_deviation() {
        let of = |scale: f64| {
            let values = [1.0, 2.0, 4.0, 1.5].map(|x| x * scale);
            let sample = Sample::new(values.to_vec()).unwrap();
            [sample.mean() / scale, sample.deviation().unwrap() / scale]
        };
        for scale in [1e-300, 1e-160, 1e160, 4e307] {
            for (found, expected) in of(scale).iter().zip(of(1.0)) {
                assert!((found - expected).abs() < 1e-12, "{scale}: {found}");
            }
        }
        // The smallest numbers there are: their deviation is not zero, however it is rounded.
        let least = Sample::new(vec![0.0, 5e-323]).unwrap();
        assert!(least.deviation().unwrap() > 0.0);
    }
}
