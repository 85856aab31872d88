//! Numbers as integers on one scale, so that equal numbers and equal sums of numbers are equal.

/// An `i128` holds this many decimal digits and leaves room for sums.
const MOST_DIGITS: i32 = 30;
/// A decimal with at least so many digits comes from a division. Nobody wrote it down.
const DIGITS_OF_A_DIVISION: u32 = 15;
/// The largest denominator of such a number. Two fractions of smaller denominators are further
/// apart than the rounding of floating point.
const LARGEST_DENOMINATOR: i128 = 1 << 22;
/// The largest common denominator.
const LARGEST_COMMON: i128 = 1 << 50;

/// What one unit of an integer is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// A power of ten.
    Decimal(i32),
    /// A fraction: one divided by this many parts.
    Parts(i64),
    /// A number that is no fraction, such as a logarithm.
    Real(f64),
}

impl Scale {
    /// The value of so many units. Equal units give equal values.
    pub(crate) fn value(self, units: i128) -> f64 {
        /// Integers below this are exact in floating point.
        const WHOLE: u128 = 1 << 53;
        match self {
            Self::Decimal(exponent) => {
                let power = 10.0_f64.powi(exponent.abs().min(22));
                match exponent {
                    // The quotient of two exact numbers is the number nearest to the true one.
                    -22..0 if units.unsigned_abs() < WHOLE => units as f64 / power,
                    0..=22 if units.unsigned_abs() < WHOLE => units as f64 * power,
                    _ => {
                        let text = format!("{units}e{exponent}");
                        text.parse().unwrap_or(f64::NAN)
                    }
                }
            }
            Self::Parts(total) => units as f64 / total as f64,
            Self::Real(unit) => {
                // The last digit is rounding, which would hide that −0.01 is meant.
                let value = units as f64 * unit;
                format!("{value:.14e}").parse().unwrap_or(value)
            }
        }
    }
}

/// Integers in one unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integers {
    /// How many units each number is.
    pub(crate) units: Vec<i128>,
    /// What a unit is worth.
    pub(crate) scale: Scale,
}

impl Integers {
    /// Finite numbers, each as what it denotes.
    ///
    /// A number denotes the shortest decimal that reads as it. All numbers denote fractions instead
    /// where one of them has fifteen digits or more, as a division leaves it, and all are fractions
    /// of one denominator up to rounding. Then 17/24 − 16/24 equals 18/24 − 17/24. Decimals that
    /// span more than 30 digits are rounded at the 30th digit of the largest.
    pub(crate) fn of(values: &[f64]) -> Self {
        let decimals: Vec<(i128, i32)> = values.iter().map(|value| decimal(*value)).collect();
        let long = |(digits, _): &(i128, i32)| {
            *digits != 0 && digits.unsigned_abs().ilog10() + 1 >= DIGITS_OF_A_DIVISION
        };
        let fractions = decimals.iter().any(long).then(|| fractions(values));
        fractions.flatten().unwrap_or_else(|| on_a_grid(&decimals))
    }
}

/// Decimals as integer multiples of one power of ten.
fn on_a_grid(decimals: &[(i128, i32)]) -> Integers {
    let nonzero = || decimals.iter().filter(|(digits, _)| *digits != 0);
    let finest = nonzero().map(|(_, exponent)| *exponent).min().unwrap_or(0);
    let top = nonzero()
        .map(|(digits, exponent)| exponent + digits.unsigned_abs().ilog10() as i32 + 1)
        .max()
        .unwrap_or(0);
    let grid = finest.max(top - MOST_DIGITS);
    let units = decimals.iter().map(|(digits, exponent)| {
        if *digits == 0 {
            return 0;
        }
        if *exponent >= grid {
            return digits * 10_i128.pow((exponent - grid) as u32);
        }
        let drop = (grid - exponent) as u32;
        if drop > 38 {
            return 0;
        }
        let unit = 10_i128.pow(drop);
        let half = if *digits < 0 { -unit / 2 } else { unit / 2 };
        (digits + half) / unit
    });
    Integers {
        units: units.collect(),
        scale: Scale::Decimal(grid),
    }
}

/// Numbers as fractions of one denominator, if all of them are such fractions up to rounding.
fn fractions(values: &[f64]) -> Option<Integers> {
    let found: Option<Vec<(i128, i128)>> = values.iter().map(|value| fraction(*value)).collect();
    let found = found?;
    let mut common = 1_i128;
    for (_, denominator) in &found {
        common = common / i128::from(gcd(common as u64, *denominator as u64)) * denominator;
        if common > LARGEST_COMMON {
            return None;
        }
    }
    let units = found
        .into_iter()
        .map(|(numerator, denominator)| numerator * (common / denominator));
    Some(Integers {
        units: units.collect(),
        scale: Scale::Parts(common as i64),
    })
}

/// The simplest fraction that equals a number up to rounding: a convergent of its continued
/// fraction.
fn fraction(value: f64) -> Option<(i128, i128)> {
    let size = value.abs();
    if size == 0.0 {
        return Some((0, 1));
    }
    if size > 1e9 {
        return None;
    }
    // The tolerance is two roundings of the number, or one of the 1 that it was subtracted from.
    let tolerance = size.max(0.25) * 2.0_f64.powi(-51);
    let (mut before, mut here) = ((0_i128, 1_i128), (1_i128, 0_i128));
    let mut rest = size;
    loop {
        let whole = rest.floor();
        if whole > LARGEST_DENOMINATOR as f64 * 1e9 {
            return None;
        }
        let next = (
            whole as i128 * here.0 + before.0,
            whole as i128 * here.1 + before.1,
        );
        (before, here) = (here, next);
        if here.1 > LARGEST_DENOMINATOR {
            return None;
        }
        // With larger denominators other fractions would be equally near.
        if (here.1 * here.1) as f64 * tolerance > 0.25 {
            return None;
        }
        if here.0 > 0 && (size - here.0 as f64 / here.1 as f64).abs() <= tolerance {
            let sign = if value < 0.0 { -1 } else { 1 };
            return Some((sign * here.0, here.1));
        }
        rest = 1.0 / (rest - whole);
        if !rest.is_finite() {
            return None;
        }
    }
}

/// The greatest common divisor; that of a number and 0 is the number.
pub(super) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The shortest decimal that denotes the number, as its digits and a power of ten.
pub(crate) fn decimal(value: f64) -> (i128, i32) {
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

    fn units(values: &[f64]) -> Vec<i128> {
        Integers::of(values).units
    }

    #[test]
    fn far_apart_magnitudes_round_at_the_thirtieth_digit() {
        assert_eq!(units(&[1e300, 1e-300, 0.0]), [10_i128.pow(29), 0, 0]);
        assert_eq!(units(&[0.0, -0.0]), [0, 0]);
        assert_eq!(units(&[5e-324, -1e-323]), [5, -10]);
    }

    #[test]
    fn quotients_are_the_fractions_that_they_were() {
        for total in [3, 7, 24, 96, 2947, 6040, 10_000, 50_000, 999_983, 1_281_167] {
            let counts = [0, 1, 2, total / 3, total / 2, total - 2, total - 1, total];
            let parts = |of: fn(f64) -> f64| {
                let values: Vec<f64> = counts
                    .iter()
                    .map(|count| of(f64::from(*count) / f64::from(total)))
                    .collect();
                let found = Integers::of(&values);
                let steps: Vec<i128> = found.units.windows(2).map(|two| two[1] - two[0]).collect();
                (steps[0], steps[6], steps[1], steps[5])
            };
            for of in [|x| x, |x| 100.0 * x, |x| 1.0 - x] {
                let (first, last, second, fifth) = parts(of);
                assert_eq!(first, last, "{total}");
                assert_eq!(second, first, "{total}");
                assert_eq!(fifth, first, "{total}");
            }
        }
        assert_eq!(
            Integers::of(&[0.1 + 0.2, 0.3, -0.1]),
            Integers {
                units: vec![3, 3, -1],
                scale: Scale::Parts(10)
            }
        );
    }

    #[test]
    fn what_is_no_fraction_stays_a_decimal() {
        let losses = [std::f64::consts::LN_2, std::f64::consts::PI, 0.5];
        assert!(matches!(Integers::of(&losses).scale, Scale::Decimal(_)));
        let tiny = [1.234_567_890_123_456_7e-12, 2e-12];
        assert!(matches!(Integers::of(&tiny).scale, Scale::Decimal(_)));
        // Short decimals denote themselves, whatever fraction is near.
        assert_eq!(units(&[0.333_333_333, 0.5]), [333_333_333, 500_000_000]);
    }

    #[test]
    fn values_of_equal_units_are_the_decimals_meant() {
        assert_eq!(Scale::Decimal(-1).value(3), 0.3);
        assert_eq!(Scale::Decimal(-4).value(-75), -0.0075);
        assert_eq!(Scale::Decimal(-300).value(2), 2e-300);
        assert_eq!(Scale::Decimal(22).value(10), 1e23);
        assert_eq!(Scale::Decimal(-25).value(3), 3e-25);
        assert_eq!(Scale::Parts(24).value(17), 17.0 / 24.0);
        assert_eq!(Scale::Real(0.1 + 0.2).value(1), 0.3);
        assert_eq!(Scale::Real(1.0).value(0), 0.0);
    }
}
