//! Proportions with exact intervals.

use super::result::{Estimate, Interval};
use super::special::beta_quantile;
use crate::error::Error;

/// A proportion with Clopper and Pearson's interval.
///
/// ```text
/// low  = B(α/2;     k,     n − k + 1)    (0 where k = 0)
/// high = B(1 − α/2; k + 1, n − k)        (1 where k = n)
/// ```
///
/// B(q; a, b) is the q-quantile of the beta distribution, and `level` is 1 − α. The interval covers
/// at least `level` at every true proportion. Source: Clopper and Pearson 1934.
///
/// # Errors
/// [`Error::TooFew`] where `total` is 0; [`Error::OutOfRange`] where `count` exceeds it.
pub fn clopper_pearson(count: usize, total: usize, level: f64) -> Result<Estimate, Error> {
    if total == 0 {
        return Err(Error::TooFew {
            needed: 1,
            found: 0,
        });
    }
    if count > total {
        return Err(Error::OutOfRange {
            name: "count",
            value: count as f64,
            allowed: "0 up to the total",
        });
    }
    Ok(Estimate {
        value: count as f64 / total as f64,
        interval: Some(clopper_pearson_of(count as f64, total as f64, level)),
        n: total,
        method: "proportion",
    })
}

/// The interval for a count that may have halves.
pub(crate) fn clopper_pearson_of(count: f64, total: f64, level: f64) -> Interval {
    let tail = 0.5 * (1.0 - level);
    let low = if count <= 0.0 {
        0.0
    } else {
        beta_quantile(tail, count, total - count + 1.0)
    };
    let high = if count >= total {
        1.0
    } else {
        beta_quantile(1.0 - tail, count + 1.0, total - count)
    };
    Interval {
        low,
        high,
        level,
        method: "Clopper-Pearson",
    }
}
