//! Scores of several tasks taken together, after rliable.

use super::bootstrap::Bootstrap;
use super::mann_whitney::probability_larger;
use super::result::{Estimate, Interval};
use super::sample::{Sample, quantile_of_sorted};
use crate::error::Error;

/// Scores of one arm: the runs of each of one or more tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores(Vec<Sample>);

impl Scores {
    /// Scores by task; each task has its runs.
    ///
    /// # Errors
    /// [`Error::TooFew`] without tasks.
    pub fn new(tasks: Vec<Sample>) -> Result<Self, Error> {
        if tasks.is_empty() {
            return Err(Error::TooFew {
                needed: 1,
                found: 0,
            });
        }
        Ok(Self(tasks))
    }

    /// The tasks.
    pub fn tasks(&self) -> &[Sample] {
        &self.0
    }

    /// All scores of all tasks.
    fn all(&self) -> Vec<f64> {
        self.0
            .iter()
            .flat_map(|task| task.values().iter().copied())
            .collect()
    }

    /// Interquartile mean of all scores with its stratified bootstrap interval.
    ///
    /// Resamples draw runs within each task. Source: Agarwal et al. 2021, *Deep reinforcement
    /// learning at the edge of the statistical precipice*, §4.3.
    ///
    /// # Errors
    /// As [`Bootstrap::percentile`].
    pub fn interquartile_mean(&self, bootstrap: &Bootstrap) -> Result<Estimate, Error> {
        let interval = self.stratified(bootstrap, interquartile_mean_in_place)?;
        let mut all = self.all();
        Ok(Estimate {
            value: interquartile_mean_in_place(&mut all),
            interval: Some(interval),
            n: all.len(),
            method: "interquartile mean",
        })
    }

    /// Percentile interval of a statistic of all scores, runs resampled within tasks.
    fn stratified(
        &self,
        bootstrap: &Bootstrap,
        statistic: impl Fn(&mut [f64]) -> f64,
    ) -> Result<Interval, Error> {
        bootstrap.check()?;
        let mut resample = self.all();
        let replicates = (0..bootstrap.resamples).map(|index| {
            let mut start = 0;
            for (stratum, task) in self.0.iter().enumerate() {
                let places = &mut resample[start..start + task.n()];
                bootstrap.fill(index, stratum as u32, task.values(), places);
                start += task.n();
            }
            statistic(&mut resample)
        });
        Ok(percentiles(replicates.collect(), bootstrap.level))
    }

    /// The part of all runs with a score above each threshold.
    ///
    /// ```text
    /// F(τ) = mean of [score > τ] over all runs of all tasks
    /// ```
    ///
    /// Source: Dolan and Moré 2002; Agarwal et al. 2021, §4.2.
    pub fn performance_profile(&self, thresholds: &[f64]) -> Vec<f64> {
        let mut all = self.all();
        all.sort_by(f64::total_cmp);
        let above = |tau: &f64| all.len() - all.partition_point(|score| score <= tau);
        thresholds
            .iter()
            .map(|tau| above(tau) as f64 / all.len() as f64)
            .collect()
    }

    /// Probability that a run of this arm beats one of the other, averaged over tasks.
    ///
    /// ```text
    /// P = (1/M) Σ_m U(x_m, y_m) / (n_m k_m)
    /// ```
    ///
    /// The interval resamples runs of both arms within tasks. Source: Agarwal et al. 2021, §4.3.
    ///
    /// # Errors
    /// [`Error::Unpaired`] for arms with unequal numbers of tasks; as [`Bootstrap::percentile`].
    pub fn probability_of_improvement(
        &self,
        other: &Self,
        bootstrap: &Bootstrap,
    ) -> Result<Estimate, Error> {
        let (left, right) = (self.0.len(), other.0.len());
        if left != right {
            return Err(Error::Unpaired { left, right });
        }
        bootstrap.check()?;
        let pairs = || self.0.iter().zip(&other.0);
        let mean = |sum: f64| sum / left as f64;
        let value = mean(pairs().map(|(x, y)| probability_larger(x, y)).sum());
        let longest = pairs().map(|(x, y)| x.n().max(y.n())).max().unwrap_or(0);
        let (mut a, mut b) = (vec![0.0; longest], vec![0.0; longest]);
        let mut replicates = Vec::with_capacity(bootstrap.resamples as usize);
        for index in 0..bootstrap.resamples {
            let mut sum = 0.0;
            for (task, (x, y)) in pairs().enumerate() {
                let (a, b) = (&mut a[..x.n()], &mut b[..y.n()]);
                bootstrap.fill(index, 2 * task as u32, x.values(), a);
                bootstrap.fill(index, 2 * task as u32 + 1, y.values(), b);
                sum += superiority(a, b);
            }
            replicates.push(mean(sum));
        }
        Ok(Estimate {
            value,
            interval: Some(percentiles(replicates, bootstrap.level)),
            n: pairs().map(|(x, y)| x.n() + y.n()).sum(),
            method: "probability of improvement",
        })
    }
}

/// Interquartile mean of a sample: the mean of what remains without the lowest and the highest
/// quarter, each rounded down to whole values.
pub fn interquartile_mean(sample: &Sample) -> f64 {
    interquartile_mean_in_place(&mut sample.values().to_vec())
}

fn interquartile_mean_in_place(values: &mut [f64]) -> f64 {
    let cut = values.len() / 4;
    let kept = values.len() - 2 * cut;
    if cut > 0 {
        // Only the two borders need their place; within them the order does not matter.
        values.select_nth_unstable_by(cut, f64::total_cmp);
        values[cut..].select_nth_unstable_by(kept - 1, f64::total_cmp);
    }
    values[cut..cut + kept].iter().sum::<f64>() / kept as f64
}

/// Part of pairs in which the first is larger, ties half; `y` is sorted on the way.
fn superiority(x: &[f64], y: &mut [f64]) -> f64 {
    y.sort_unstable_by(f64::total_cmp);
    let doubled: usize = x
        .iter()
        .map(|a| y.partition_point(|b| b < a) + y.partition_point(|b| b <= a))
        .sum();
    doubled as f64 / (2 * x.len() * y.len()) as f64
}

fn percentiles(mut replicates: Vec<f64>, level: f64) -> Interval {
    replicates.sort_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - level);
    Interval {
        low: quantile_of_sorted(&replicates, tail),
        high: quantile_of_sorted(&replicates, 1.0 - tail),
        level,
        method: "stratified bootstrap",
    }
}
