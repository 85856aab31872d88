//! Wilcoxon's signed-rank test, exact with ties and zeros.

use super::result::{Alternative, Ratio, TestResult};

/// Wilcoxon's signed-rank test of paired differences, exact.
///
/// ```text
/// W⁺ = Σ_{dᵢ > 0} rank(|dᵢ|)
/// p  = 2 min(P(W ≤ W⁺), P(W ≥ W⁺)), at most 1
/// ```
///
/// `units` are differences on any integer scale ([`super::Differences::units`]). Only their order
/// matters, so a difference that is worse than any number may be an integer beyond all others.
/// Zeros are dropped, as Wilcoxon did. Ties share their mean rank. The distribution is that of the
/// ranks at hand, counted over all 2ⁿ sign patterns by dynamic programming on doubled ranks. The
/// statistic is W⁺, and `n` is the number of pairs that are not zero. Without any such pair p is 1.
///
/// Differs from scipy, whose automatic choice is not exact for more than 13 pairs with ties.
/// Source: Wilcoxon 1945; Pratt and Gibbons 1981, §3.
///
/// # Panics
/// For more than 120 pairs, whose counts would not fit.
pub fn signed_rank(units: &[i128], alternative: Alternative) -> TestResult {
    let signed = signed_ranks(units);
    assert!(signed.len() <= 120, "exact counts fit 120 pairs");
    // Doubled ranks are integers.
    let ranks: Vec<usize> = signed
        .iter()
        .map(|rank| (2.0 * rank.abs()) as usize)
        .collect();
    let positive = signed.iter().zip(&ranks).filter(|(rank, _)| **rank > 0.0);
    let observed: usize = positive.map(|(_, rank)| rank).sum();

    let total: usize = ranks.iter().sum();
    let mut counts = vec![0_u128; total + 1];
    counts[0] = 1;
    let mut reached = 0;
    for rank in &ranks {
        reached += rank;
        for sum in (*rank..=reached).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    let all = 1_u128 << ranks.len();
    let up_to: u128 = counts[..=observed].iter().sum();
    let from: u128 = counts[observed..].iter().sum();
    let ratio = Ratio::of_tails(up_to, from, all, alternative);
    TestResult {
        statistic: observed as f64 / 2.0,
        p: ratio.value(),
        exact: Some(ratio),
        n: ranks.len(),
        alternative,
        method: "exact signed-rank",
    }
}

/// The signed ranks of the units that are not zero. Ties share their mean rank.
pub(crate) fn signed_ranks(units: &[i128]) -> Vec<f64> {
    let mut kept: Vec<i128> = units.iter().copied().filter(|unit| *unit != 0).collect();
    kept.sort_by_key(|unit| unit.unsigned_abs());
    let magnitudes: Vec<u128> = kept.iter().map(|unit| unit.unsigned_abs()).collect();
    let ranks = doubled_midranks(&magnitudes);
    let signed = |(unit, rank): (&i128, usize)| unit.signum() as f64 * rank as f64 / 2.0;
    kept.iter().zip(ranks).map(signed).collect()
}

/// Twice the mean rank of each value of a sorted list, so that ranks stay integers.
pub(super) fn doubled_midranks<T: PartialEq>(sorted: &[T]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    let mut start = 0;
    while start < sorted.len() {
        let ties = sorted[start..]
            .iter()
            .take_while(|value| **value == sorted[start])
            .count();
        // Ranks start + 1 to start + ties have mean (2 start + ties + 1) / 2.
        ranks.extend(std::iter::repeat_n(2 * start + ties + 1, ties));
        start += ties;
    }
    ranks
}
