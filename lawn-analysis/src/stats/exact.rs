//! Differences kept as integers, so that equal differences are equal and ties are true.
//!
//! In binary floating point 0.3 − 0.2 and 0.2 − 0.1 differ in the last bit, which breaks a tie. A
//! number is therefore read as what it denotes: the shortest decimal, or the fraction that a
//! division left. Differences are taken between integers on one common scale.

use super::grid::{Integers, Scale};
use super::sample::Sample;
use crate::error::Error;

/// Differences between paired values, treatment minus baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    values: Sample,
    units: Vec<i128>,
}

impl Differences {
    /// Differences `treatment[i] − baseline[i]` of numbers, each taken as what it denotes.
    ///
    /// A number denotes the shortest decimal that reads as it. It denotes a fraction instead where
    /// some number has fifteen digits or more, as a division leaves it, and all numbers are
    /// fractions of one denominator up to rounding. Numbers that span more than 30 decimal digits
    /// are rounded at the 30th digit of the largest.
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
        Sample::new(differences.collect())?;
        let all: Vec<f64> = treatment.iter().chain(baseline).copied().collect();
        let Integers { units, scale } = Integers::of(&all);
        let (t, b) = units.split_at(left);
        Self::from_units(t.iter().zip(b).map(|(t, b)| t - b).collect(), scale)
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
        Self::from_units(units, Scale::Parts(total))
    }

    /// Differences given as integers of one scale.
    ///
    /// # Errors
    /// [`Error::TooFew`] and [`Error::NotFinite`] as [`Sample::new`].
    pub(crate) fn from_units(units: Vec<i128>, scale: Scale) -> Result<Self, Error> {
        let values = units.iter().map(|unit| scale.value(*unit)).collect();
        Self::from_parts(values, units)
    }

    /// Differences given as numbers, each of which is read as a decimal.
    ///
    /// # Errors
    /// [`Error::TooFew`] and [`Error::NotFinite`] as [`Sample::new`].
    pub fn from_values(values: &[f64]) -> Result<Self, Error> {
        Self::new(values, &vec![0.0; values.len()])
    }

    /// Differences given both as numbers and in exact units.
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
        if !self.varies() {
            return Err(Error::Undefined {
                statistic,
                why: "all differences are equal, so they have no variance",
            });
        }
        Ok(deviation)
    }

    /// Whether two of them are unequal, both exactly and as numbers. Rounding must not make a
    /// variance.
    pub fn varies(&self) -> bool {
        self.units.windows(2).any(|pair| pair[0] != pair[1]) && self.values.varies()
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
    fn differences_are_the_decimals_meant() {
        assert_ne!(0.3 - 0.1, 0.2);
        let differences = Differences::new(&[0.3, 0.25], &[0.1, 1.0]).unwrap();
        assert_eq!(differences.sample().values(), [0.2, -0.75]);
    }

    #[test]
    fn counts_stay_integers() {
        let differences = Differences::of_counts(&[4000, 3999], &[3990, 4001], 6040).unwrap();
        assert_eq!(differences.units(), [10, -2]);
        assert_eq!(differences.sample().values()[0], 10.0 / 6040.0);
    }
}
