//! What a number of seeds can detect: power, detectable effects, and seeds needed.

use super::special::{bisect, noncentral_t_cdf, t_quantile};
use crate::error::Error;

/// The most seeds that [`seeds_needed`] tries.
const MOST_SEEDS: usize = 100_000;

/// Power of the two-sided paired t test.
///
/// ```text
/// P(|T| > t(1 − α/2; n − 1)),   T noncentral t, δ = d_z √n
/// ```
///
/// `effect` is the true d_z. Source: Cohen 1988, *Statistical Power Analysis*.
///
/// # Errors
/// [`Error::TooFew`] for a single pair; [`Error::OutOfRange`] for alpha outside (0, 1) or an
/// effect that is not finite.
pub fn power(effect: f64, n: usize, alpha: f64) -> Result<f64, Error> {
    if n < 2 {
        return Err(Error::TooFew {
            needed: 2,
            found: n,
        });
    }
    check_rate("alpha", alpha)?;
    if !effect.is_finite() {
        return Err(Error::OutOfRange {
            name: "effect",
            value: effect,
            allowed: "finite",
        });
    }
    let df = (n - 1) as f64;
    let critical = t_quantile(1.0 - 0.5 * alpha, df);
    let noncentrality = effect * (n as f64).sqrt();
    let above = 1.0 - noncentral_t_cdf(critical, df, noncentrality);
    let below = noncentral_t_cdf(-critical, df, noncentrality);
    Ok((above + below).clamp(0.0, 1.0))
}

/// The smallest true d_z that the two-sided paired t test detects with this power.
///
/// # Errors
/// As [`power`], and for a power outside (alpha, 1).
pub fn minimum_detectable_effect(n: usize, alpha: f64, wanted: f64) -> Result<f64, Error> {
    check_power(alpha, wanted)?;
    power(0.0, n, alpha)?;
    let mut high = 1.0;
    while power(high, n, alpha)? < wanted {
        high *= 2.0;
    }
    Ok(bisect(0.0, high, |effect| {
        // n and alpha were checked above.
        power(effect, n, alpha).unwrap_or(1.0) - wanted
    }))
}

/// Fewest pairs with which the two-sided paired t test detects a true d_z with this power.
///
/// # Errors
/// As [`power`]; [`Error::OutOfRange`] for an effect of zero, for a power outside (alpha, 1), and
/// where 100,000 pairs are too few.
pub fn seeds_needed(effect: f64, alpha: f64, wanted: f64) -> Result<usize, Error> {
    check_power(alpha, wanted)?;
    let too_small = Error::OutOfRange {
        name: "effect",
        value: effect,
        allowed: "large enough for 100,000 pairs to detect",
    };
    let (mut low, mut high) = (1, 2);
    while power(effect, high, alpha)? < wanted {
        low = high;
        high *= 2;
        if high > MOST_SEEDS {
            return Err(too_small);
        }
    }
    // `low` pairs are too few (or allow no test at all), `high` pairs are enough.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if power(effect, middle, alpha)? < wanted {
            low = middle
        } else {
            high = middle
        }
    }
    Ok(high)
}

fn check_rate(name: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(Error::OutOfRange {
        name,
        value,
        allowed: "above 0, below 1",
    })
}

fn check_power(alpha: f64, wanted: f64) -> Result<(), Error> {
    check_rate("alpha", alpha)?;
    if wanted > alpha && wanted < 1.0 {
        return Ok(());
    }
    Err(Error::OutOfRange {
        name: "power",
        value: wanted,
        allowed: "above alpha, below 1",
    })
}
