//! The sign-flip test: every pattern of signs that could have occurred, counted.

use std::ops::{AddAssign, Neg};

use super::exact::Differences;
use super::philox::Philox;
use super::result::{Alternative, Ratio, TestResult};

/// The most pairs for which every sign pattern is counted. Two halves of 2²² sums then fit in
/// memory.
pub(super) const MOST_EXACT: usize = 44;
/// Number of random patterns of the Monte Carlo test beyond that.
pub(super) const DRAWS: u64 = 100_000;
/// Seed of those patterns. It is fixed, so that equal data give equal p-values.
const SEED: u64 = 0x5161_6e66_6c69_7073;

/// Sign-flip (Fisher's randomization) test of paired differences.
///
/// ```text
/// S = Σ dᵢ
/// p = #{ s ∈ {−1, +1}ⁿ : |Σ sᵢ dᵢ| ≥ |S| } / 2ⁿ
/// ```
///
/// The statistic is the mean difference S/n. Sums are integers ([`Differences::units`]), so that a
/// sum equal to the observed one counts, whatever its rounding. A one-sided test counts sums of at
/// least (at most) S. Up to 44 pairs every pattern is counted, by meeting in the middle. Beyond
/// that it is a Monte Carlo test of 100,000 patterns with a fixed seed, one of which is the
/// observed one.
///
/// The only assumption is that under the null hypothesis each difference is as likely as its
/// negative. Source: Fisher 1935, *The Design of Experiments*, §21; Pitman 1937.
///
/// ```
/// use lawn_analysis::stats::{Alternative, Differences, sign_flip};
///
/// let differences = Differences::from_values(&[0.1, 0.2, 0.3])?;
/// let test = sign_flip(&differences, Alternative::TwoSided);
/// assert_eq!(test.p, 0.25);
/// # Ok::<(), lawn_analysis::Error>(())
/// ```
pub fn sign_flip(differences: &Differences, alternative: Alternative) -> TestResult {
    let units = differences.units();
    let observed: i128 = units.iter().sum();
    let (ratio, exact) = if units.len() <= MOST_EXACT {
        let ratio = count_all(units, observed, alternative);
        (ratio, Some(ratio))
    } else {
        (draw(units, observed, alternative), None)
    };
    TestResult {
        statistic: differences.sample().mean(),
        p: ratio.value(),
        exact,
        n: units.len(),
        alternative,
        method: if exact.is_some() {
            "exact sign-flip"
        } else {
            "sign-flip, 100,000 draws"
        },
    }
}

fn count_all(units: &[i128], observed: i128, alternative: Alternative) -> Ratio {
    let (left, right) = units.split_at(units.len() / 2);
    let (left, right) = (signed_sums(left), signed_sums(right));
    let at_least = |bound: i128| {
        // Both lists rise, so the bound on the partner only falls as the left sum grows.
        let mut start = right.len();
        let mut count = 0_u128;
        for sum in &left {
            while start > 0 && sum + right[start - 1] >= bound {
                start -= 1;
            }
            count += (right.len() - start) as u128;
        }
        count
    };
    let numerator = match alternative {
        Alternative::Greater => at_least(observed),
        // Sums are symmetric about zero.
        Alternative::Less => at_least(-observed),
        Alternative::TwoSided if observed == 0 => 1 << units.len(),
        Alternative::TwoSided => 2 * at_least(observed.abs()),
    };
    Ratio {
        numerator,
        denominator: 1 << units.len(),
    }
}

/// Every signed sum, in rising order.
fn signed_sums(units: &[i128]) -> Vec<i128> {
    let mut sums = vec![0_i128];
    for unit in units {
        let step = unit.abs();
        // Both lists are sorted, so a merge keeps the order.
        let (mut low, mut high) = (0, 0);
        let mut next = Vec::with_capacity(2 * sums.len());
        while low < sums.len() || high < sums.len() {
            let down = sums.get(low).map(|sum| sum - step);
            let up = sums.get(high).map(|sum| sum + step);
            match (down, up) {
                (Some(down), Some(up)) if down <= up => {
                    next.push(down);
                    low += 1;
                }
                (Some(down), None) => {
                    next.push(down);
                    low += 1;
                }
                (_, Some(up)) => {
                    next.push(up);
                    high += 1;
                }
                (None, None) => break,
            }
        }
        sums = next;
    }
    sums
}

fn draw(units: &[i128], observed: i128, alternative: Alternative) -> Ratio {
    let reach: u128 = units.iter().map(|unit| unit.unsigned_abs()).sum();
    let extreme = |sum: i128| match alternative {
        Alternative::TwoSided => sum.abs() >= observed.abs(),
        Alternative::Greater => sum >= observed,
        Alternative::Less => sum <= observed,
    };
    // Nearly all sums fit 64 bits, where this is several times as fast.
    let narrow: Option<Vec<i64>> = (reach < 1 << 62)
        .then(|| units.iter().map(|unit| i64::try_from(*unit).ok()).collect())
        .flatten();
    let count = match narrow {
        Some(units) => {
            let sums = sums_of_eights(&units);
            let flipped = (0..DRAWS).map(|draw| flipped_sum(draw, &sums));
            flipped.filter(|sum| extreme(i128::from(*sum))).count()
        }
        None => {
            let sums = sums_of_eights(units);
            let flipped = (0..DRAWS).map(|draw| flipped_sum(draw, &sums));
            flipped.filter(|sum| extreme(*sum)).count()
        }
    };
    Ratio {
        numerator: count as u128 + 1,
        denominator: u128::from(DRAWS) + 1,
    }
}

/// For every eight units, their sum under each of the 256 sign patterns.
fn sums_of_eights<T>(units: &[T]) -> Vec<[T; 256]>
where
    T: Copy + Default + AddAssign + Neg<Output = T>,
{
    let sums = |eight: &[T]| {
        std::array::from_fn(|pattern| {
            let mut sum = T::default();
            for (bit, unit) in eight.iter().enumerate() {
                sum += if pattern >> bit & 1 == 1 {
                    -*unit
                } else {
                    *unit
                };
            }
            sum
        })
    };
    units.chunks(8).map(sums).collect()
}

/// The sum of the units with the signs of one draw. Each unit takes one bit, each block of the
/// generator gives 128.
fn flipped_sum<T: Copy + Default + AddAssign>(draw: u64, sums: &[[T; 256]]) -> T {
    let generator = Philox::new(SEED);
    let blocks = sums.len().div_ceil(16) as u64;
    let mut sum = T::default();
    for (place, block) in sums.chunks(16).enumerate() {
        let words = generator.block(draw * blocks + place as u64);
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        for (sums, pattern) in block.iter().zip(bytes) {
            sum += sums[usize::from(pattern)];
        }
    }
    sum
}
