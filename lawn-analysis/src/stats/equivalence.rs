//! Tests that a difference is small, which a failed test against zero never shows.

use super::exact::Differences;
use super::grid::Scale;
use super::result::{Alternative, Interval, TestResult};
use super::sign_flip::sign_flip;
use super::special::t_quantile;
use super::t::t_p;
use crate::error::Error;

/// Two one-sided t tests of pairs against a margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equivalence {
    /// Test of a difference above −margin.
    pub above: TestResult,
    /// Test of a difference below +margin.
    pub below: TestResult,
    /// The larger p of the two, which is that of equivalence.
    pub p: f64,
    /// The interval of level 1 − 2α. It lies within the margin exactly where p < α. There is none
    /// where all differences are equal.
    pub interval: Option<Interval>,
    /// The largest difference that does not matter.
    pub margin: f64,
}

/// Two one-sided paired t tests (TOST): is the mean difference within ±margin?
///
/// ```text
/// t₁ = (d̄ + δ) / (s/√n)  tested above 0,   t₂ = (d̄ − δ) / (s/√n)  tested below 0
/// p = max(p₁, p₂)
/// ```
///
/// δ is `margin`, in the unit of the differences. Where all differences are equal there is no t.
/// Each of the two tests is then an exact sign-flip test of dᵢ ± δ, so that n equal differences
/// within the margin have p = 2⁻ⁿ. Source: Schuirmann 1987.
///
/// # Errors
/// [`Error::OutOfRange`] for a margin or alpha that is not positive; [`Error::TooFew`] for a
/// single pair.
pub fn equivalence(
    differences: &Differences,
    margin: f64,
    alpha: f64,
) -> Result<Equivalence, Error> {
    if !(alpha > 0.0 && alpha < 0.5) {
        return Err(Error::OutOfRange {
            name: "alpha",
            value: alpha,
            allowed: "above 0, below 0.5",
        });
    }
    let above = non_inferiority(differences, margin)?;
    let below = TestResult {
        alternative: Alternative::Less,
        ..non_inferiority(&differences.negated(), margin)?
    };
    let below = TestResult {
        statistic: -below.statistic,
        ..below
    };
    let sample = differences.sample();
    let n = differences.n() as f64;
    let deviation = sample.deviation().filter(|_| differences.varies());
    let interval = deviation.map(|deviation| {
        let half = t_quantile(1.0 - alpha, n - 1.0) * deviation / n.sqrt();
        Interval {
            low: sample.mean() - half,
            high: sample.mean() + half,
            level: 1.0 - 2.0 * alpha,
            method: "t",
        }
    });
    Ok(Equivalence {
        above,
        below,
        p: above.p.max(below.p),
        interval,
        margin,
    })
}

/// Paired t test that the mean difference is above −margin.
///
/// The statistic is t = (d̄ + δ) / (s/√n), with n − 1 degrees of freedom. Where all differences are
/// equal there is no t. The test is then the exact sign-flip test of dᵢ + δ, with the statistic d̄
/// + δ.
///
/// # Errors
/// As [`equivalence`].
pub fn non_inferiority(differences: &Differences, margin: f64) -> Result<TestResult, Error> {
    if !(margin > 0.0 && margin.is_finite()) {
        return Err(Error::OutOfRange {
            name: "margin",
            value: margin,
            allowed: "above 0",
        });
    }
    let n = differences.n();
    let sample = differences.sample();
    if n > 1 && !differences.varies() {
        return above(sample.mean(), margin, n);
    }
    let deviation = differences.deviation("non-inferiority")?;
    let statistic = (sample.mean() + margin) / (deviation / (n as f64).sqrt());
    Ok(TestResult {
        statistic,
        p: t_p(statistic, (n - 1) as f64, Alternative::Greater),
        exact: None,
        n,
        alternative: Alternative::Greater,
        method: "non-inferiority t",
    })
}

/// The exact sign-flip test that `n` equal differences are above −margin.
fn above(difference: f64, margin: f64, n: usize) -> Result<TestResult, Error> {
    // A difference equal to the margin is not within it, however it was rounded.
    let beyond = difference + margin;
    let rounding = 1e-12 * margin;
    let sign = i128::from(beyond > rounding) - i128::from(beyond < -rounding);
    let signs = Differences::from_units(vec![sign; n], Scale::Real(beyond.abs()))?;
    Ok(TestResult {
        statistic: beyond,
        ..sign_flip(&signs, Alternative::Greater)
    })
}
