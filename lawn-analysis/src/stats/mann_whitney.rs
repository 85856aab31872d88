//! Mann and Whitney's test of two independent samples, with ties.

use super::grid::{Integers, Scale};
use super::result::{Alternative, Ratio, TestResult};
use super::sample::Sample;
use super::signed_rank::doubled_midranks;
use crate::error::Error;

/// The most values of both samples together for which the counts of arrangements fit an integer.
pub(super) const MOST_VALUES: usize = 120;

/// Mann and Whitney's test that neither of two independent samples tends to be larger, exact.
///
/// ```text
/// U = #{(i, j) : xᵢ > yⱼ} + ½ #{(i, j) : xᵢ = yⱼ}
/// p = 2 min(P(U ≤ u), P(U ≥ u)), at most 1
/// ```
///
/// The distribution is that of the ranks at hand, with their ties, over every choice of n of the n
/// + m values. It is counted by dynamic programming on doubled mean ranks. The statistic is U of
/// `x`, and `n` of the result is n + m.
///
/// Differs from scipy, whose exact method assumes that there are no ties.
/// Source: Mann and Whitney 1947; Lehmann 1975, *Nonparametrics*, §1.4.
///
/// # Errors
/// [`Error::OutOfRange`] beyond 120 values together.
pub fn mann_whitney(x: &Sample, y: &Sample, alternative: Alternative) -> Result<TestResult, Error> {
    let all: Vec<f64> = x.values().iter().chain(y.values()).copied().collect();
    // The order is enough for ranks, unless rounding may have separated equal numbers.
    let fractions = Some(&all)
        .filter(|all| may_tie(all))
        .map(|all| Integers::of(all));
    let units = match fractions {
        Some(Integers {
            units,
            scale: Scale::Parts(_),
        }) => units,
        _ => all.iter().map(|value| in_order(*value)).collect(),
    };
    rank_sum(&units, x.n(), alternative)
}

/// Whether two unequal numbers are so close that rounding may have separated them.
fn may_tie(values: &[f64]) -> bool {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.windows(2).any(|pair| {
        let apart = pair[1] - pair[0];
        let size = pair[0].abs().max(pair[1].abs()).max(0.25);
        apart > 0.0 && apart <= size * 2.0_f64.powi(-48)
    })
}

/// An integer that orders numbers: equal for equal numbers, larger for larger ones.
fn in_order(value: f64) -> i128 {
    let size = i128::from(value.abs().to_bits());
    if value < 0.0 { -size } else { size }
}

/// [`mann_whitney`] of integers on any scale. The first `n` are the first sample.
///
/// # Errors
/// As [`mann_whitney`].
pub(crate) fn rank_sum(
    units: &[i128],
    n: usize,
    alternative: Alternative,
) -> Result<TestResult, Error> {
    let both = units.len();
    if both > MOST_VALUES {
        return Err(Error::OutOfRange {
            name: "values of both samples",
            value: both as f64,
            allowed: "up to 120",
        });
    }
    let mut all: Vec<(i128, bool)> = units
        .iter()
        .enumerate()
        .map(|(place, unit)| (*unit, place < n))
        .collect();
    all.sort_unstable_by_key(|(unit, _)| *unit);
    let values: Vec<i128> = all.iter().map(|(unit, _)| *unit).collect();
    let ranks = doubled_midranks(&values);
    let observed: usize = all
        .iter()
        .zip(&ranks)
        .filter(|((_, first), _)| *first)
        .map(|(_, rank)| rank)
        .sum();

    let total: usize = ranks.iter().sum();
    let mut counts = vec![vec![0_u128; total + 1]; n + 1];
    counts[0][0] = 1;
    for (seen, rank) in ranks.iter().enumerate() {
        for chosen in (1..=n.min(seen + 1)).rev() {
            let (before, here) = counts.split_at_mut(chosen);
            let (before, here) = (&before[chosen - 1], &mut here[0]);
            for sum in *rank..=total {
                here[sum] += before[sum - rank];
            }
        }
    }
    let counts = &counts[n];
    let ratio = Ratio::of_tails(
        counts[..=observed].iter().sum(),
        counts[observed..].iter().sum(),
        counts.iter().sum(),
        alternative,
    );
    Ok(TestResult {
        statistic: observed as f64 / 2.0 - (n * (n + 1)) as f64 / 2.0,
        p: ratio.value(),
        exact: Some(ratio),
        n: both,
        alternative,
        method: "exact Mann-Whitney",
    })
}

/// The share of pairs in which a value of `x` is larger, ties counted half.
///
/// ```text
/// P(X > Y) = U / (n m)
/// ```
pub fn probability_larger(x: &Sample, y: &Sample) -> f64 {
    let sorted = y.sorted();
    let wins: f64 = x
        .values()
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let up_to = sorted.partition_point(|other| other <= value);
            0.5 * (below + up_to) as f64
        })
        .sum();
    wins / (x.n() * y.n()) as f64
}
