//! One mean of estimates from several studies that may truly differ.

use super::result::{Estimate, Interval};
use super::special::t_quantile;
use crate::error::Error;

/// Steps of the iteration at most. It takes some ten.
const MOST_STEPS: usize = 10_000;

/// The mean of estimates, and how much the studies truly differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomEffects {
    /// The mean with its interval; `n` is the number of studies.
    pub mean: Estimate,
    /// Standard deviation τ of the true values between studies, in the unit of the estimates.
    pub deviation: f64,
}

/// The random-effects mean by restricted maximum likelihood, with the interval of Hartung and Knapp.
///
/// ```text
/// y_i ~ N(μ, v_i + τ²),   w_i = 1 / (v_i + τ²),   μ̂ = Σ w y / Σ w
/// τ²  = Σ w² ((y − μ̂)² − v) / Σ w²  +  1 / Σ w            (iterated; 0 where it falls below 0)
/// q   = Σ w (y − μ̂)² / (k − 1)
/// μ̂ ± t(1 − α/2; k − 1) · √(max(q, 1) / Σ w)
/// ```
///
/// `values` are the y, `errors` their standard errors √v, and `level` is 1 − α. With two studies the t
/// quantile is 12.7, so the interval says how little two studies say about others. Estimates without a
/// standard error cannot take part.
///
/// Sources: Viechtbauer 2005 (REML); Hartung and Knapp 2001; max(q, 1) is Knapp and Hartung 2003, and
/// keeps the interval from being narrower than that of a fixed effect (Röver et al. 2015).
///
/// # Errors
/// [`Error::TooFew`] for fewer than two studies; [`Error::Unpaired`] for another number of errors than
/// values; [`Error::OutOfRange`] for an error that is not above 0 or a level outside (0, 1);
/// [`Error::NotFinite`].
pub fn random_effects(values: &[f64], errors: &[f64], level: f64) -> Result<RandomEffects, Error> {
    check(values, errors, level)?;
    // Everything is measured in the largest error, so that numbers of any size keep their digits.
    let unit = errors.iter().copied().fold(0.0, f64::max);
    let y: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let v: Vec<f64> = errors.iter().map(|error| (error / unit).powi(2)).collect();
    let mut variance = 0.0;
    for _ in 0..MOST_STEPS {
        let fit = Fit::new(&y, &v, variance);
        let squares = fit.weights.iter().map(|w| w * w);
        let excess = y.iter().zip(&v).map(|(y, v)| (y - fit.mean).powi(2) - v);
        let above: f64 = squares.clone().zip(excess).map(|(w, e)| w * e).sum();
        let next = (above / squares.sum::<f64>() + 1.0 / fit.total()).max(0.0);
        let moved = (next - variance).abs();
        variance = next;
        if moved <= 1e-14 * (1.0 + variance) {
            break;
        }
    }
    let fit = Fit::new(&y, &v, variance);
    let freedom = y.len() as f64 - 1.0;
    let spread = fit
        .weights
        .iter()
        .zip(&y)
        .map(|(w, y)| w * (y - fit.mean).powi(2));
    let scale = (spread.sum::<f64>() / freedom).max(1.0);
    let half = t_quantile(0.5 + 0.5 * level, freedom) * (scale / fit.total()).sqrt();
    Ok(RandomEffects {
        mean: Estimate {
            value: unit * fit.mean,
            interval: Some(Interval {
                low: unit * (fit.mean - half),
                high: unit * (fit.mean + half),
                level,
                method: "Hartung–Knapp",
            }),
            n: y.len(),
            method: "random effects (REML)",
        },
        deviation: unit * variance.sqrt(),
    })
}

fn check(values: &[f64], errors: &[f64], level: f64) -> Result<(), Error> {
    if values.len() != errors.len() {
        return Err(Error::Unpaired {
            left: values.len(),
            right: errors.len(),
        });
    }
    if values.len() < 2 {
        return Err(Error::TooFew {
            needed: 2,
            found: values.len(),
        });
    }
    let infinite = |(_, value): &(usize, &f64)| !value.is_finite();
    if let Some((index, value)) = values.iter().enumerate().find(infinite) {
        return Err(Error::NotFinite {
            index,
            value: *value,
        });
    }
    let out_of_range = |name, value, allowed| Error::OutOfRange {
        name,
        value,
        allowed,
    };
    if let Some(error) = errors
        .iter()
        .find(|error| !(**error > 0.0 && error.is_finite()))
    {
        return Err(out_of_range("standard error", *error, "above 0"));
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(out_of_range("level", level, "above 0, below 1"));
    }
    Ok(())
}

/// The weighted mean at a variance between studies.
struct Fit {
    weights: Vec<f64>,
    mean: f64,
}

impl Fit {
    fn new(y: &[f64], v: &[f64], variance: f64) -> Self {
        let weights: Vec<f64> = v.iter().map(|v| 1.0 / (v + variance)).collect();
        let sum: f64 = weights.iter().zip(y).map(|(w, y)| w * y).sum();
        let mean = sum / weights.iter().sum::<f64>();
        Self { weights, mean }
    }

    fn total(&self) -> f64 {
        self.weights.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Philox, Sample, mean_t, normal_draw};

    /// Log risk ratios and their variances of thirteen trials of the BCG vaccine (Colditz et al.
    /// 1994), as `escalc` of the R package metafor prints them.
    const BCG: [(f64, f64); 13] = [
        (-0.8893, 0.3256),
        (-1.5854, 0.1946),
        (-1.3481, 0.4154),
        (-1.4416, 0.0200),
        (-0.2175, 0.0512),
        (-0.7861, 0.0069),
        (-1.6209, 0.2230),
        (0.0120, 0.0040),
        (-0.4694, 0.0564),
        (-1.3713, 0.0730),
        (-0.3394, 0.0124),
        (0.4459, 0.5325),
        (-0.0173, 0.0714),
    ];

    #[test]
    fn vaccine_trials_give_what_metafor_publishes() {
        let (y, errors): (Vec<f64>, Vec<f64>) = BCG.iter().map(|(y, v)| (*y, v.sqrt())).unzip();
        let found = random_effects(&y, &errors, 0.95).unwrap();
        // `rma(yi, vi, data = dat)` prints tau^2 0.3132 and -0.7145.
        assert!((found.deviation.powi(2) - 0.3132).abs() < 2e-4, "{found:?}");
        assert!((found.mean.value + 0.7145).abs() < 2e-4, "{found:?}");
        // The unit of the estimates changes nothing else.
        let scaled = |by: f64| {
            let of = |all: &[f64]| all.iter().map(|one| one * by).collect::<Vec<_>>();
            let found = random_effects(&of(&y), &of(&errors), 0.95).unwrap();
            (found.mean.value / by, found.deviation / by)
        };
        for by in [1e-8, 1e8] {
            let (mean, deviation) = scaled(by);
            assert!((mean - found.mean.value).abs() < 1e-9);
            assert!((deviation - found.deviation).abs() < 1e-9);
        }
    }

    #[test]
    fn studies_that_agree_have_no_deviation_and_the_interval_of_one_effect() {
        let found = random_effects(&[0.1, 0.1, 0.1], &[0.05; 3], 0.95).unwrap();
        assert_eq!(found.deviation, 0.0);
        let interval = found.mean.interval.unwrap();
        let expected = t_quantile(0.975, 2.0) * 0.05 / 3_f64.sqrt();
        assert!((interval.high - 0.1 - expected).abs() < 1e-12);
        // Two studies say little about others.
        let two = random_effects(&[0.1, 0.2], &[0.05; 2], 0.95).unwrap();
        assert!(two.mean.interval.unwrap().contains(0.0));
    }

    #[test]
    fn what_has_no_mean_is_refused() {
        for (values, errors, level) in [
            (&[0.1][..], &[0.1][..], 0.95),
            (&[0.1, 0.2], &[0.1], 0.95),
            (&[0.1, 0.2], &[0.1, 0.0], 0.95),
            (&[0.1, f64::NAN], &[0.1, 0.1], 0.95),
            (&[0.1, 0.2], &[0.1, 0.1], 1.0),
        ] {
            assert!(random_effects(values, errors, level).is_err(), "{values:?}");
        }
    }

    /// Each study has eight seeds, whose standard error is estimated as that of a claim is.
    #[test]
    fn the_interval_covers_the_mean_of_the_studies() {
        for (studies, between) in [(3, 0.0), (3, 1.0), (5, 1.0), (8, 0.3)] {
            let random = Philox::new(7);
            let mut counter = (studies as u64) << 32;
            let mut draw = || {
                counter += 1;
                let [high, low, ..] = random.block(counter);
                normal_draw(high, low)
            };
            let (mut covered, rounds) = (0, 2_000);
            for _ in 0..rounds {
                let (mut values, mut errors) = (Vec::new(), Vec::new());
                for _ in 0..studies {
                    let truth = between * draw();
                    let seeds = (0..8).map(|_| truth + draw());
                    let found = mean_t(&Sample::new(seeds.collect()).unwrap(), 0.95);
                    let interval = found.interval.unwrap();
                    values.push(found.value);
                    errors.push((interval.high - found.value) / t_quantile(0.975, 7.0));
                }
                let found = random_effects(&values, &errors, 0.95).unwrap();
                covered += usize::from(found.mean.interval.unwrap().contains(0.0));
            }
            let share = f64::from(covered as u32) / f64::from(rounds);
            assert!(
                (0.935..=1.0).contains(&share),
                "{studies} {between}: {share}"
            );
        }
    }
}
