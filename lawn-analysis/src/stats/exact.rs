//! Differences kept as integers, so that equal differences are equal and ties are true.
//!
//! In binary floating point 0.3 − 0.2 and 0.2 − 0.1 differ in the last bit, which would break a
//! tie that is there. A number is therefore read as the shortest decimal that denotes it, and
//! differences are taken between decimals on one common grid.

use super::sample::Sample;
use crate::error::Error;

/// More decimal digits than this do not fit an `i128` with room for sums.
const MOST_DIGITS: i32 = 30;

/// Differences between paired values, treatment minus baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    values: Sample,
    units: Vec<i128>,
}

impl Differences {
    /// Differences `treatment[i] − baseline[i]` of decimal numbers.
    ///
    /// Numbers that span more than 30 decimal digits are rounded at the 30th digit of the
    /// largest.
    ///
    /// # Errors
    /// [`Error::Unpaired`] for unequal lengths; [`Error::TooFew`] and [`Error::NotFinite`] as
    /// [`Sample::new`].
    pub fn new(treatment: &[f64], baseline: &[f64]) -> Result<Self, Error> {
        let (left, right) = (treatment.len(), baseline.len());
        if left != right {
            return Err(Error::Unpaired { left, right });
        }
        let differences = treatment.iter().zip(baseline).map(|(t, b)| t - b);
        let values = Sample::new(differences.collect())?;
        let all: Vec<f64> = treatment.iter().chain(baseline).copied().collect();
        let grid = on_common_grid(&all);
        let units = grid[..left]
            .iter()
            .zip(&grid[left..])
            .map(|(t, b)| t - b)
            .collect();
        Ok(Self { values, units })
    }

    /// Differences of counts out of one common total, exact whatever the total.
    ///
    /// # Errors
    /// [`Error::Unpaired`] for unequal lengths; [`Error::TooFew`] without pairs;
    /// [`Error::OutOfRange`] where `total` is not positive.
    pub fn of_counts(treatment: &[i64], baseline: &[i64], total: i64) -> Result<Self, Error> {
        let (left, right) = (treatment.len(), baseline.len());
        if left != right {
            return Err(Error::Unpaired { left, right });
        }
        if total <= 0 {
            let value = total as f64;
            return Err(Error::OutOfRange {
                name: "total",
                value,
                allowed: "1 or more",
            });
        }
        let pairs = treatment.iter().zip(baseline);
        let units: Vec<i128> = pairs
            .map(|(t, b)| i128::from(*t) - i128::from(*b))
            .collect();
        let values = Sample::new(units.iter().map(|u| *u as f64 / total as f64).collect())?;
        Ok(Self { values, units })
    }

    /// Differences that are at hand already, each read as a decimal.
    ///
    /// # Errors
    /// [`Error::TooFew`] and [`Error::NotFinite`] as [`Sample::new`].
    pub fn from_values(values: &[f64]) -> Result<Self, Error> {
        Self::new(values, &vec![0.0; values.len()])
    }

    /// Differences that were added up both as numbers and in exact units.
    ///
    /// # Errors
    /// [`Error::TooFew`] and [`Error::NotFinite`] as [`Sample::new`].
    pub(crate) fn from_parts(values: Vec<f64>, units: Vec<i128>) -> Result<Self, Error> {
        assert_eq!(values.len(), units.len(), "every number has its units");
        let values = Sample::new(values)?;
        Ok(Self { values, units })
    }

    /// The differences as numbers.
    pub fn sample(&self) -> &Sample {
        &self.values
    }

    /// Standard deviation of the differences, for a statistic that divides by it.
    ///
    /// # Errors
    /// [`Error::TooFew`] for a single pair; [`Error::Undefined`], naming `statistic`, where all
    /// differences are equal.
    pub(crate) fn deviation(&self, statistic: &'static str) -> Result<f64, Error> {
        let too_few = Error::TooFew {
            needed: 2,
            found: self.n(),
        };
        let deviation = self.sample().deviation().ok_or(too_few)?;
        // Equality is decided on the exact differences: rounding must not make a variance.
        if self.units().windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(Error::Undefined {
                statistic,
                why: "all differences are equal, so they have no variance",
            });
        }
        Ok(deviation)
    }

    /// The differences as integers, all in one unit.
    pub fn units(&self) -> &[i128] {
        &self.units
    }

    /// How many pairs there are; at least one.
    pub fn n(&self) -> usize {
        self.units.len()
    }

    /// The differences with treatment and baseline exchanged.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            values: Sample::new(self.values.values().iter().map(|x| -x).collect())
                .expect("the negative of a finite number is finite"),
            units: self.units.iter().map(|unit| -unit).collect(),
        }
    }
}

/// Finite numbers as integer multiples of one power of ten.
pub(crate) fn on_common_grid(values: &[f64]) -> Vec<i128> {
    let decimals: Vec<(i128, i32)> = values.iter().map(|value| decimal(*value)).collect();
    let nonzero = || decimals.iter().filter(|(digits, _)| *digits != 0);
    let finest = nonzero().map(|(_, exponent)| *exponent).min().unwrap_or(0);
    let top = nonzero()
        .map(|(digits, exponent)| exponent + digits.unsigned_abs().ilog10() as i32 + 1)
        .max()
        .unwrap_or(0);
    let grid = finest.max(top - MOST_DIGITS);
    decimals
        .into_iter()
        .map(|(digits, exponent)| {
            if digits == 0 {
                return 0;
            }
            if exponent >= grid {
                return digits * 10_i128.pow((exponent - grid) as u32);
            }
            let drop = (grid - exponent) as u32;
            if drop > 38 {
                return 0;
            }
            let unit = 10_i128.pow(drop);
            let half = if digits < 0 { -unit / 2 } else { unit / 2 };
            (digits + half) / unit
        })
        .collect()
}

/// `a − b` as between decimals: differences that are equal are equal in the last bit, too.
pub(crate) fn decimal_minus(a: f64, b: f64) -> f64 {
    let finest = decimal(a).1.min(decimal(b).1);
    rounded_at(a - b, finest)
}

/// The number at the power of ten given, for what computing it left beyond.
pub(crate) fn rounded_at(value: f64, exponent: i32) -> f64 {
    // Beyond 17 digits there is nothing to round.
    let decimals = (-exponent).clamp(0, 340) as usize;
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

/// The shortest decimal that denotes the number: digits and power of ten.
fn decimal(value: f64) -> (i128, i32) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    let fraction = mantissa
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = digits
        .parse()
        .expect("a finite number has at most 17 digits");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    (digits, exponent - fraction as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_ties_are_ties() {
        let differences = Differences::new(&[0.3, 0.2], &[0.2, 0.1]).unwrap();
        assert_eq!(differences.units(), [1, 1]);
        assert_ne!(0.3 - 0.2, 0.2 - 0.1, "binary floating point breaks the tie");
    }

    #[test]
    fn computed_numbers_stay_decimals() {
        assert_ne!(0.3 - 0.1, 0.2);
        assert_eq!(decimal_minus(0.3, 0.1), 0.2);
        assert_eq!(decimal_minus(0.25, 1.0), -0.75);
        assert_eq!(decimal_minus(1e22, 1.0), 1e22 - 1.0);
        assert_eq!(decimal_minus(3e-300, 1e-300), 2e-300);
        assert_eq!(rounded_at(-0.020_000_000_000_000_018, -12), -0.02);
        assert_eq!(rounded_at(1e300, 290), 1e300);
    }

    #[test]
    fn counts_stay_integers() {
        let differences = Differences::of_counts(&[4000, 3999], &[3990, 4001], 6040).unwrap();
        assert_eq!(differences.units(), [10, -2]);
        assert_eq!(differences.sample().values()[0], 10.0 / 6040.0);
    }

    #[test]
    fn far_apart_magnitudes_round_at_the_thirtieth_digit() {
        assert_eq!(
            on_common_grid(&[1e300, 1e-300, 0.0]),
            [10_i128.pow(29), 0, 0]
        );
        assert_eq!(on_common_grid(&[0.0, -0.0]), [0, 0]);
        assert_eq!(on_common_grid(&[5e-324, -1e-323]), [5, -10]);
    }
}
