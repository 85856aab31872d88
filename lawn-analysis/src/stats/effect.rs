//! Effect sizes, free of the metric's unit.

use super::exact::Differences;
use super::mann_whitney::probability_larger;
use super::proportion::clopper_pearson_of;
use super::result::{Estimate, Interval};
use super::sample::Sample;
use crate::error::Error;

/// Standardized mean difference of pairs.
///
/// ```text
/// d_z = d̄ / s_d
/// ```
///
/// Source: Cohen 1988, *Statistical Power Analysis*, §2.3.5.
///
/// # Errors
/// [`Error::TooFew`] for a single pair; [`Error::Undefined`] where all differences are equal.
pub fn d_z(differences: &Differences) -> Result<Estimate, Error> {
    let n = differences.n();
    let sample = differences.sample();
    let deviation = differences.deviation("d_z")?;
    Ok(Estimate {
        value: sample.mean() / deviation,
        interval: None,
        n,
        method: "d_z",
    })
}

/// Hedges' g of pairs: [`d_z`] without its bias for small n.
///
/// ```text
/// g = J(n − 1) d_z,   J(m) = Γ(m/2) / (√(m/2) Γ((m − 1)/2))
/// ```
///
/// Source: Hedges 1981, equation 6e, with exact gamma functions instead of their approximation.
/// With two pairs J is 0, so no unbiased estimate exists.
///
/// # Errors
/// [`Error::TooFew`] below three pairs; otherwise as [`d_z`].
pub fn hedges_g(differences: &Differences) -> Result<Estimate, Error> {
    let n = differences.n();
    if n < 3 {
        return Err(Error::TooFew {
            needed: 3,
            found: n,
        });
    }
    let d = d_z(differences)?;
    Ok(Estimate {
        value: hedges_j(n - 1) * d.value,
        interval: None,
        n,
        method: "Hedges g",
    })
}

/// Hedges' g of two independent samples, from the pooled deviation.
///
/// ```text
/// g = J(n + m − 2) (x̄ − ȳ) / s_pooled
/// ```
///
/// # Errors
/// [`Error::TooFew`] below two values each; [`Error::Undefined`] where neither sample varies.
pub fn hedges_g_independent(x: &Sample, y: &Sample) -> Result<Estimate, Error> {
    let spread = |sample: &Sample| {
        let found = sample.n();
        let deviation = sample
            .deviation()
            .ok_or(Error::TooFew { needed: 2, found })?;
        Ok::<f64, Error>(deviation * ((found - 1) as f64).sqrt())
    };
    let df = x.n() + y.n() - 2;
    let pooled = spread(x)?.hypot(spread(y)?) / (df as f64).sqrt();
    if pooled == 0.0 {
        return Err(Error::Undefined {
            statistic: "Hedges g",
            why: "neither sample has a variance",
        });
    }
    Ok(Estimate {
        value: hedges_j(df) * (x.mean() - y.mean()) / pooled,
        interval: None,
        n: x.n() + y.n(),
        method: "Hedges g",
    })
}

/// The correction J of Hedges 1981 for `df` degrees of freedom; 0 for one.
fn hedges_j(df: usize) -> f64 {
    if df < 2 {
        return 0.0;
    }
    let m = df as f64;
    (libm::lgamma(0.5 * m) - libm::lgamma(0.5 * (m - 1.0))).exp() / (0.5 * m).sqrt()
}

/// The share of pairs in which the treatment is larger, ties counted half.
///
/// ```text
/// P(A > B) = (#{dᵢ > 0} + ½ #{dᵢ = 0}) / n
/// ```
///
/// The interval is that of Clopper and Pearson, exact without ties. An advantage counts as
/// meaningful where the interval lies above ½ and the estimate above γ = 0.75
/// ([`ProbabilityOfSuperiority::meaningful`]).
///
/// Differs from the source, which asks that the upper end of the interval lie above γ. That alone
/// would call small advantages meaningful where few seeds make the interval wide. Source:
/// Bouthillier et al. 2021, *Accounting for variance in machine learning benchmarks*, §5.
pub fn probability_of_superiority(
    differences: &Differences,
    level: f64,
) -> ProbabilityOfSuperiority {
    let n = differences.n();
    let wins = differences.units().iter().filter(|unit| **unit > 0).count();
    let ties = differences
        .units()
        .iter()
        .filter(|unit| **unit == 0)
        .count();
    let won = wins as f64 + 0.5 * ties as f64;
    let interval = clopper_pearson_of(won, n as f64, level);
    let estimate = Estimate {
        value: won / n as f64,
        interval: Some(interval),
        n,
        method: "P(A>B)",
    };
    ProbabilityOfSuperiority {
        estimate,
        wins,
        ties,
        interval,
    }
}

/// P(A > B) of pairs, with the counts behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbabilityOfSuperiority {
    /// The share of pairs won, ties counted half.
    pub estimate: Estimate,
    /// Pairs won.
    pub wins: usize,
    /// Pairs tied.
    pub ties: usize,
    interval: Interval,
}

impl ProbabilityOfSuperiority {
    /// The share of pairs that Bouthillier et al. recommend to ask for.
    pub const GAMMA: f64 = 0.75;

    /// Whether the advantage is above chance, and above [`Self::GAMMA`].
    pub fn meaningful(&self) -> bool {
        self.interval.low > 0.5 && self.estimate.value > Self::GAMMA
    }
}

/// Cliff's δ of two independent samples.
///
/// ```text
/// δ = (#{(i, j) : xᵢ > yⱼ} − #{(i, j) : xᵢ < yⱼ}) / (n m) = 2 P(X > Y) − 1
/// ```
///
/// Source: Cliff 1993.
pub fn cliffs_delta(x: &Sample, y: &Sample) -> Estimate {
    Estimate {
        value: 2.0 * probability_larger(x, y) - 1.0,
        interval: None,
        n: x.n() + y.n(),
        method: "Cliff's delta",
    }
}
