//! Bootstrap intervals from a counter-based generator.

use super::philox::Philox;
use super::result::Interval;
use super::sample::{Sample, quantile_of_sorted};
use super::special::{normal_cdf, normal_quantile};
use crate::error::Error;

/// With fewer values than this, a bootstrap interval covers less than its level.
pub const FEWEST_FOR_BOOTSTRAP: usize = 10;

/// How to resample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// How many resamples to draw.
    pub resamples: u32,
    /// Seed of the generator. Zero is as good as any.
    pub seed: u64,
    /// Nominal coverage.
    pub level: f64,
}

impl Default for Bootstrap {
    /// Ten thousand resamples with seed 0, at level 0.95.
    fn default() -> Self {
        Self {
            resamples: 10_000,
            seed: 0,
            level: 0.95,
        }
    }
}

/// A bootstrap interval, and how many values it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BootstrapInterval {
    interval: Interval,
    n: usize,
}

impl BootstrapInterval {
    /// The interval as the main one of an estimate.
    ///
    /// # Errors
    /// [`Error::TooFew`] below [`FEWEST_FOR_BOOTSTRAP`] values: use a t interval there.
    pub fn primary(self) -> Result<Interval, Error> {
        if self.n < FEWEST_FOR_BOOTSTRAP {
            return Err(Error::TooFew {
                needed: FEWEST_FOR_BOOTSTRAP,
                found: self.n,
            });
        }
        Ok(self.interval)
    }

    /// The interval for use beside another one, however few the values.
    pub fn secondary(self) -> Interval {
        self.interval
    }
}

impl Bootstrap {
    /// Percentile interval of a statistic.
    ///
    /// ```text
    /// [θ*(α/2), θ*(1 − α/2)]
    /// ```
    ///
    /// Source: Efron and Tibshirani 1993, §13.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a level outside (0, 1) or no resamples.
    pub fn percentile(
        &self,
        sample: &Sample,
        statistic: impl Fn(&[f64]) -> f64,
    ) -> Result<BootstrapInterval, Error> {
        let replicates = self.replicates(sample, &statistic)?;
        let tail = 0.5 * (1.0 - self.level);
        Ok(self.interval(
            &replicates,
            tail,
            1.0 - tail,
            sample.n(),
            "percentile bootstrap",
        ))
    }

    /// Bias-corrected and accelerated interval of a statistic.
    ///
    /// ```text
    /// z₀ = Φ⁻¹(#{θ* < θ̂}/B + ½ #{θ* = θ̂}/B)
    /// a  = Σ (θ̄ − θ₋ᵢ)³ / (6 (Σ (θ̄ − θ₋ᵢ)²)^(3/2))
    /// α₁ = Φ(z₀ + (z₀ + z(α/2)) / (1 − a (z₀ + z(α/2))))
    /// ```
    ///
    /// θ₋ᵢ leaves out value i. Where all resamples agree, both ends are that one value. Source:
    /// Efron 1987.
    ///
    /// # Errors
    /// As [`Self::percentile`]; [`Error::TooFew`] for a single value;
    /// [`Error::Undefined`] where every resample lies on one side of the estimate.
    pub fn bca(
        &self,
        sample: &Sample,
        statistic: impl Fn(&[f64]) -> f64,
    ) -> Result<BootstrapInterval, Error> {
        let n = sample.n();
        if n < 2 {
            return Err(Error::TooFew {
                needed: 2,
                found: n,
            });
        }
        let replicates = self.replicates(sample, &statistic)?;
        let method = "BCa bootstrap";
        if replicates[0] == replicates[replicates.len() - 1] {
            return Ok(self.interval(&replicates, 0.0, 1.0, n, method));
        }
        let estimate = statistic(sample.values());
        let below = replicates.partition_point(|value| *value < estimate);
        let up_to = replicates.partition_point(|value| *value <= estimate);
        let share = 0.5 * (below + up_to) as f64 / replicates.len() as f64;
        if share <= 0.0 || share >= 1.0 {
            return Err(Error::Undefined {
                statistic: "BCa interval",
                why: "every resample lies on one side of the estimate",
            });
        }
        let bias = normal_quantile(share);
        let acceleration = acceleration(sample, &statistic);
        let place = |z: f64| {
            let sum = bias + z;
            normal_cdf(bias + sum / (1.0 - acceleration * sum))
        };
        let z = normal_quantile(0.5 * (1.0 - self.level));
        Ok(self.interval(&replicates, place(z), place(-z), n, method))
    }

    fn interval(
        &self,
        sorted: &[f64],
        low: f64,
        high: f64,
        n: usize,
        method: &'static str,
    ) -> BootstrapInterval {
        let interval = Interval {
            low: quantile_of_sorted(sorted, low),
            high: quantile_of_sorted(sorted, high),
            level: self.level,
            method,
        };
        BootstrapInterval { interval, n }
    }

    /// The statistic of every resample, in rising order.
    fn replicates(
        &self,
        sample: &Sample,
        statistic: &impl Fn(&[f64]) -> f64,
    ) -> Result<Vec<f64>, Error> {
        self.check()?;
        let values = sample.values();
        let mut resample = vec![0.0; values.len()];
        let mut replicates: Vec<f64> = (0..self.resamples)
            .map(|index| {
                self.fill(index, 0, values, &mut resample);
                statistic(&resample)
            })
            .collect();
        replicates.sort_by(f64::total_cmp);
        Ok(replicates)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::OutOfRange {
                name: "level",
                value: self.level,
                allowed: "above 0, below 1",
            });
        }
        if self.resamples == 0 {
            return Err(Error::OutOfRange {
                name: "resamples",
                value: 0.0,
                allowed: "1 or more",
            });
        }
        Ok(())
    }

    /// Draws resample `index` of stratum `stratum` with replacement.
    pub(super) fn fill(&self, index: u32, stratum: u32, values: &[f64], resample: &mut [f64]) {
        let generator = Philox::new(self.seed);
        for (block, places) in resample.chunks_mut(4).enumerate() {
            let words = generator.block_of([index, block as u32, stratum, 0]);
            for (place, word) in places.iter_mut().zip(words) {
                *place = values[Philox::index(word, values.len())];
            }
        }
    }
}

fn acceleration(sample: &Sample, statistic: &impl Fn(&[f64]) -> f64) -> f64 {
    let values = sample.values();
    let left_out: Vec<f64> = (0..values.len())
        .map(|index| {
            let mut rest = values.to_vec();
            rest.remove(index);
            statistic(&rest)
        })
        .collect();
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let cubes: f64 = left_out.iter().map(|value| (mean - value).powi(3)).sum();
    let squares: f64 = left_out.iter().map(|value| (mean - value).powi(2)).sum();
    if squares == 0.0 {
        0.0
    } else {
        cubes / (6.0 * squares.powf(1.5))
    }
}
