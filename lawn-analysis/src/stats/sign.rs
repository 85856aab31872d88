//! The sign test.

use super::result::{Alternative, Ratio, TestResult};
use crate::error::Error;

/// Sign test of paired differences, exact.
///
/// ```text
/// p = 2 min(P(K ≤ k), P(K ≥ k)), at most 1,   K ~ Binomial(n, ½)
/// ```
///
/// k is the number of positive differences, and n the number of differences that are not zero. Only
/// the signs of `units` matter. The statistic is k. Source: Arbuthnott 1710; Dixon and Mood 1946.
///
/// # Errors
/// [`Error::OutOfRange`] beyond 120 differences that are not zero.
pub fn sign_test(units: &[i128], alternative: Alternative) -> Result<TestResult, Error> {
    let n = units.iter().filter(|unit| **unit != 0).count();
    let k = units.iter().filter(|unit| **unit > 0).count();
    if n > 120 {
        return Err(Error::OutOfRange {
            name: "differences",
            value: n as f64,
            allowed: "up to 120",
        });
    }
    // This is a row of Pascal's triangle. Each entry follows from the one before and is an integer.
    let mut row = vec![1_u128];
    for i in 0..n {
        row.push(row[i] * (n - i) as u128 / (i + 1) as u128);
    }
    let up_to: u128 = row[..=k].iter().sum();
    let from: u128 = row[k..].iter().sum();
    let all = 1_u128 << n;
    let ratio = Ratio::of_tails(up_to, from, all, alternative);
    Ok(TestResult {
        statistic: k as f64,
        p: ratio.value(),
        exact: Some(ratio),
        n,
        alternative,
        method: "exact sign",
    })
}
