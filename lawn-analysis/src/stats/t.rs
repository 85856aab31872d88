//! Student's t: intervals, the paired test, Welch's test.

use super::exact::Differences;
use super::result::{Alternative, Estimate, Interval, TestResult};
use super::sample::Sample;
use super::special::{t_quantile, t_upper};
use crate::error::Error;

/// Mean with its t interval.
///
/// ```text
/// x̄ ± t(1 − α/2; n − 1) · s / √n
/// ```
///
/// `level` is 1 − α. A single value has no interval, and equal values have none either: that a few
/// values do not vary says that the scale is coarse, not that the mean is known. Source: Student
/// 1908.
///
/// ```
/// use lawn_analysis::stats::{Sample, mean_t};
///
/// let mean = mean_t(&Sample::new(vec![1.0, 2.0, 3.0])?, 0.95);
/// assert_eq!(mean.value, 2.0);
/// assert!((mean.interval.unwrap().high - 4.484137712).abs() < 1e-8);
/// # Ok::<(), lawn_analysis::Error>(())
/// ```
pub fn mean_t(sample: &Sample, level: f64) -> Estimate {
    let interval = sample
        .deviation()
        .filter(|_| sample.varies())
        .map(|deviation| {
            let n = sample.n() as f64;
            let half = t_quantile(0.5 + 0.5 * level, n - 1.0) * deviation / n.sqrt();
            Interval {
                low: sample.mean() - half,
                high: sample.mean() + half,
                level,
                method: "t",
            }
        });
    Estimate {
        value: sample.mean(),
        interval,
        n: sample.n(),
        method: "mean",
    }
}

/// Mean of differences with the t interval of [`mean_t`]. It is exactly zero where the differences
/// add up to zero, whatever rounding leaves.
pub fn mean_difference(differences: &Differences, level: f64) -> Estimate {
    let found = mean_t(differences.sample(), level);
    if differences.units().iter().sum::<i128>() != 0 {
        return found;
    }
    let around_zero = |interval: Interval| {
        let half = 0.5 * (interval.high - interval.low);
        Interval {
            low: -half,
            high: half,
            ..interval
        }
    };
    Estimate {
        value: 0.0,
        interval: found.interval.map(around_zero),
        ..found
    }
}

/// Paired t test of a mean difference of zero.
///
/// ```text
/// t = d̄ / (s / √n),  n − 1 degrees of freedom
/// ```
///
/// The statistic is t. Source: Student 1908.
///
/// # Errors
/// [`Error::TooFew`] for a single pair; [`Error::Undefined`] where all differences are equal.
pub fn paired_t(differences: &Differences, alternative: Alternative) -> Result<TestResult, Error> {
    let n = differences.n();
    let sample = differences.sample();
    let deviation = differences.deviation("paired t")?;
    let statistic = sample.mean() / (deviation / (n as f64).sqrt());
    Ok(TestResult {
        statistic,
        p: t_p(statistic, (n - 1) as f64, alternative),
        exact: None,
        n,
        alternative,
        method: "paired t",
    })
}

/// Welch's t test of equal means of two independent samples.
///
/// ```text
/// t = (x̄ − ȳ) / √(s²ₓ/n + s²ᵧ/m)
/// ν = (s²ₓ/n + s²ᵧ/m)² / ((s²ₓ/n)²/(n − 1) + (s²ᵧ/m)²/(m − 1))
/// ```
///
/// The statistic is t; `n` of the result is n + m. Source: Welch 1947.
///
/// # Errors
/// [`Error::TooFew`] for a sample of one; [`Error::Undefined`] where neither sample varies.
pub fn welch_t(x: &Sample, y: &Sample, alternative: Alternative) -> Result<TestResult, Error> {
    let welch = Welch::new(x, y)?;
    let statistic = (x.mean() - y.mean()) / welch.error;
    Ok(TestResult {
        statistic,
        p: t_p(statistic, welch.df, alternative),
        exact: None,
        n: x.n() + y.n(),
        alternative,
        method: "Welch t",
    })
}

/// Difference of two independent means with Welch's interval.
///
/// # Errors
/// As [`welch_t`].
pub fn difference_welch(x: &Sample, y: &Sample, level: f64) -> Result<Estimate, Error> {
    let welch = Welch::new(x, y)?;
    let value = x.mean() - y.mean();
    let half = t_quantile(0.5 + 0.5 * level, welch.df) * welch.error;
    let interval = Interval {
        low: value - half,
        high: value + half,
        level,
        method: "Welch t",
    };
    Ok(Estimate {
        value,
        interval: Some(interval),
        n: x.n() + y.n(),
        method: "difference of means",
    })
}

/// Standard error and degrees of freedom of a difference of means.
struct Welch {
    error: f64,
    df: f64,
}

impl Welch {
    fn new(x: &Sample, y: &Sample) -> Result<Self, Error> {
        let error = |sample: &Sample| {
            let n = sample.n();
            let deviation = sample.deviation().ok_or(Error::TooFew {
                needed: 2,
                found: n,
            })?;
            Ok::<f64, Error>(deviation / (n as f64).sqrt())
        };
        let (a, b) = (error(x)?, error(y)?);
        let error = a.hypot(b);
        if error == 0.0 {
            return Err(Error::Undefined {
                statistic: "Welch t",
                why: "neither sample has a variance",
            });
        }
        let part = |of: f64, n: usize| (of / error).powi(4) / (n - 1) as f64;
        Ok(Self {
            error,
            df: 1.0 / (part(a, x.n()) + part(b, y.n())),
        })
    }
}

/// p-value of a t statistic.
pub(crate) fn t_p(statistic: f64, df: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::TwoSided => (2.0 * t_upper(statistic.abs(), df)).min(1.0),
        Alternative::Greater => t_upper(statistic, df),
        Alternative::Less => t_upper(-statistic, df),
    }
}
