//! Sums of logarithms of whole numbers as integers, equal exactly where the sums are.
//!
//! Slopes on the logarithm of the batch size are such sums, and so is the growth of a quantity in
//! doublings. Their terms are irrational, but the equality of two sums is a question of whole
//! numbers. If no two of some numbers share a factor, no product of powers of them is 1, so their
//! logarithms are linearly independent over the rationals.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::grid::{Integers, Scale, gcd};

/// Binary digits after the point of the logarithms computed here.
const FRACTION: u32 = 120;
/// At most so many of these digits are kept. The others absorb the rounding of the computation.
const KEPT: u32 = 96;
/// All sums together stay below this power of two, which leaves room to add to them.
const ROOM: u32 = 120;
/// Among more distinct numbers than this, no common factors are looked for.
const MOST_NUMBERS: usize = 200;

/// Numbers of the form `unit · Σ coefficient · ln(n)`, each given by its pairs of a coefficient and
/// an n of at least 1.
///
/// ```text
/// Σ c ln n = Σ_q (Σ c e(n, q)) ln q,   n = Π q^e(n, q),   no two q share a factor
/// ```
///
/// The integers are those sums over q, with ln q rounded at one binary digit, at most the 96th
/// after the point. They are linear in the coefficients. Equal numbers and equal sums of numbers
/// therefore have equal integers, whatever is rounded. Unequal numbers have unequal integers where
/// they differ by more than that rounding.
pub(crate) fn log_sums(sums: &[Vec<(i128, u64)>], unit: f64) -> Integers {
    let mut numbers: Vec<u64> = sums.iter().flatten().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let sums = if numbers.len() > MOST_NUMBERS {
        sums.to_vec()
    } else {
        let base = coprime_base(numbers);
        let sums: Vec<Vec<(i128, u64)>> = sums.iter().map(|sum| powers(sum, &base)).collect();
        if let [only] = base[..] {
            return Integers {
                units: sums.iter().map(|sum| sum[0].0).collect(),
                scale: Scale::Real((only as f64).ln() * unit),
            };
        }
        sums
    };
    let reach = sums.iter().flatten().map(|(c, _)| c.unsigned_abs() as f64);
    // The logarithm of a 64-bit number is below 2⁶.
    let taken = reach.sum::<f64>().max(1.0).log2().ceil() as u32 + 6;
    let kept = ROOM.saturating_sub(taken).min(KEPT);
    let dropped = FRACTION - kept;
    let mut logs: BTreeMap<u64, i128> = BTreeMap::new();
    let mut log = |number: u64| {
        let rounded = || ((ln(number) + (1 << (dropped - 1))) >> dropped) as i128;
        *logs.entry(number).or_insert_with(rounded)
    };
    let units = sums
        .iter()
        .map(|sum| sum.iter().map(|(c, number)| c * log(*number)).sum());
    Integers {
        units: units.collect(),
        scale: Scale::Real(2.0_f64.powi(-(kept as i32)) * unit),
    }
}

/// The same sum over the numbers of a base, of which each number of the sum is a product of powers.
fn powers(sum: &[(i128, u64)], base: &[u64]) -> Vec<(i128, u64)> {
    let power = |q: &u64| {
        let terms = sum.iter();
        let terms = terms.map(|(c, number)| c * i128::from(exponent(*number, *q)));
        (terms.sum(), *q)
    };
    base.iter().map(power).collect()
}

/// A base of numbers of which no two share a factor. Every given number is a product of their
/// powers.
fn coprime_base(mut numbers: Vec<u64>) -> Vec<u64> {
    let mut base: Vec<u64> = Vec::new();
    while let Some(number) = numbers.pop() {
        if number < 2 {
            continue;
        }
        let shared = |q: &u64| gcd(*q, number);
        match base.iter().position(|q| shared(q) > 1) {
            None => base.push(number),
            Some(place) => {
                // This ends, since the product of the remaining numbers falls in every round.
                let q = base.swap_remove(place);
                let common = shared(&q);
                numbers.extend([q / common, number / common, common]);
            }
        }
    }
    base.sort_unstable();
    base
}

/// How often `q` divides `number`.
fn exponent(mut number: u64, q: u64) -> u32 {
    let mut times = 0;
    while number.is_multiple_of(q) {
        number /= q;
        times += 1;
    }
    times
}

/// `ln(number) · 2¹²⁰` for a number from 1 on, right to 2⁻¹⁰⁸.
///
/// ```text
/// number = 2^e Π (1 + 2^−k),   k of those that leave the product below it
/// ```
///
/// Source: Knuth, *The Art of Computer Programming* 1, §1.2.2, exercise 25.
fn ln(number: u64) -> u128 {
    let doublings = number.ilog2();
    let mantissa = u128::from(number) << (FRACTION - doublings);
    let mut product = 1_u128 << FRACTION;
    let mut sum = u128::from(doublings) * *LN_2;
    for (k, step) in (1..).zip(LN_OF_STEPS.iter()) {
        let next = product + (product >> k);
        if next <= mantissa {
            product = next;
            sum += step;
        }
    }
    sum
}

/// `ln(2) · 2¹²⁰`.
static LN_2: LazyLock<u128> = LazyLock::new(|| twice_artanh_of_inverse(3));

/// `ln(1 + 2^−k) · 2¹²⁰` for k from 1 to 120.
static LN_OF_STEPS: LazyLock<[u128; FRACTION as usize]> =
    LazyLock::new(|| std::array::from_fn(|k| twice_artanh_of_inverse((1 << (k + 2)) + 1)));

/// `2 artanh(1/d) = 2 (1/d + 1/(3 d³) + 1/(5 d⁵) + …)`, times 2¹²⁰.
fn twice_artanh_of_inverse(d: u128) -> u128 {
    let mut power = (2_u128 << FRACTION) / d;
    let (mut sum, mut odd) = (0, 1);
    while power > 0 {
        sum += power / odd;
        power = power / d / d;
        odd += 2;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right() {
        for number in [1, 2, 3, 5, 7, 10, 100, 8191, 999_983, u64::MAX] {
            let found = ln(number) as f64 / 2.0_f64.powi(FRACTION as i32);
            let expected = (number as f64).ln();
            assert!((found - expected).abs() <= 1e-15 * expected, "{number}");
        }
    }

    #[test]
    fn logarithms_of_products_add_up_to_a_hundred_bits() {
        for (a, b) in [
            (2_u64, 3_u64),
            (3, 7),
            (999_983, 1_000_003),
            (641, 6_700_417),
        ] {
            let apart = (ln(a) + ln(b)).abs_diff(ln(a * b));
            assert!(apart < 1 << (FRACTION - 108), "{a} {b}: {apart}");
        }
    }

    #[test]
    fn a_base_shares_no_factor() {
        assert_eq!(coprime_base(vec![100, 300, 1000]), [3, 10]);
        assert_eq!(coprime_base(vec![256, 1024, 4096]), [4]);
        assert_eq!(coprime_base(vec![6, 10, 15, 1]), [2, 3, 5]);
        assert_eq!(coprime_base(vec![10_000, 100_000, 1_000_000]), [10]);
        assert_eq!(coprime_base(vec![1]), [0; 0]);
    }

    #[test]
    fn what_is_equal_is_equal_and_so_are_sums() {
        // ln 12 + ln 10 = ln 8 + ln 15 = ln 120; ln 121 is near.
        let sums = [
            vec![(1, 12), (1, 10)],
            vec![(1, 8), (1, 15)],
            vec![(1, 120)],
            vec![(1, 121)],
            vec![(1, 12)],
            vec![(1, 10)],
            vec![(-3, 1)],
        ];
        let units = log_sums(&sums, 1.0).units;
        assert_eq!((units[0], units[1]), (units[2], units[2]));
        assert_eq!(units[4] + units[5], units[0]);
        assert!(units[3] > units[0]);
        assert_eq!(units[6], 0);
    }

    #[test]
    fn many_numbers_are_taken_as_they_are() {
        let sums: Vec<Vec<(i128, u64)>> = (2..1000).map(|n| vec![(3, n), (-3, n + 1)]).collect();
        let found = log_sums(&sums, 1.0);
        let sum = found.scale.value(found.units.iter().sum());
        assert!((sum - 3.0 * (2.0_f64 / 1000.0).ln()).abs() < 1e-12, "{sum}");
    }
}
