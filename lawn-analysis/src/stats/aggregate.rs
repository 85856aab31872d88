//! Scores of several tasks together, after rliable.

use super::bootstrap::Bootstrap;
use super::mann_whitney::probability_larger;
use super::proportion::clopper_pearson_of;
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

    /// A statistic of all scores with its stratified bootstrap interval.
    ///
    /// Resamples draw runs within each task. There is no interval where all resamples agree, as
    /// with a single run per task: the bootstrap then says nothing about other runs. Source:
    /// Agarwal et al. 2021, *Deep reinforcement learning at the edge of the statistical precipice*,
    /// §4.3.
    ///
    /// # Errors
    /// As [`Bootstrap::percentile`].
    pub fn aggregate(
        &self,
        statistic: Aggregate,
        bootstrap: &Bootstrap,
    ) -> Result<Estimate, Error> {
        bootstrap.check()?;
        let runs: Vec<usize> = self.0.iter().map(Sample::n).collect();
        let mut resample = self.all();
        let value = statistic.of(&mut resample, &runs);
        let replicates = (0..bootstrap.resamples).map(|index| {
            let mut start = 0;
            for (stratum, task) in self.0.iter().enumerate() {
                let places = &mut resample[start..start + task.n()];
                bootstrap.fill(index, stratum as u32, task.values(), places);
                start += task.n();
            }
            statistic.of(&mut resample, &runs)
        });
        let interval = percentiles(replicates.collect(), bootstrap.level);
        Ok(Estimate {
            value,
            interval: Some(interval).filter(Interval::has_width),
            n: resample.len(),
            method: statistic.name(),
        })
    }

    /// [`Self::aggregate`] of [`Aggregate::InterquartileMean`].
    ///
    /// # Errors
    /// As [`Bootstrap::percentile`].
    pub fn interquartile_mean(&self, bootstrap: &Bootstrap) -> Result<Estimate, Error> {
        self.aggregate(Aggregate::InterquartileMean, bootstrap)
    }

    /// The share of all runs with a score above each threshold.
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

    /// The band about each share of [`Self::performance_profile`].
    ///
    /// ```text
    /// Clopper and Pearson's interval of #{score > τ} out of all runs
    /// ```
    ///
    /// It has a width also where all runs lie on one side of a threshold, where a bootstrap has
    /// none. Runs of several tasks are treated as draws from one mixture. Their share varies more
    /// in a mixture than within tasks, so the band is wide enough. It holds at each single
    /// threshold, not at all of them at once.
    pub fn profile_band(&self, thresholds: &[f64], level: f64) -> Vec<Interval> {
        let n = self.all().len() as f64;
        let shares = self.performance_profile(thresholds).into_iter();
        let above = shares.map(|share| (share * n).round());
        above
            .map(|above| clopper_pearson_of(above, n, level))
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
    /// All resamples agree where every run of one arm beats every run of the other in every task,
    /// or where all runs are equal. The bootstrap then has no width, however many runs there are.
    /// The interval is then that of Clopper and Pearson for disjoint pairs. With k = min(n_m, k_m)
    /// over all tasks, each task gives k disjoint pairs. All M k pairs are independent, and P is
    /// the share of them that are won.
    ///
    /// ```text
    /// P = 1:  [(α/2)^(1 / (M k)), 1]
    /// ```
    ///
    /// It covers P averaged over tasks. The chance that all pairs are won is the product of P_m^k,
    /// which is at most P^(M k).
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
        let resampled = percentiles(replicates, bootstrap.level);
        let interval = if resampled.has_width() {
            resampled
        } else {
            let fewest = pairs().map(|(x, y)| x.n().min(y.n())).min().unwrap_or(0);
            let disjoint = (left * fewest) as f64;
            clopper_pearson_of(value * disjoint, disjoint, bootstrap.level)
        };
        Ok(Estimate {
            value,
            interval: Some(interval),
            n: pairs().map(|(x, y)| x.n() + y.n()).sum(),
            method: "probability of improvement",
        })
    }
}

/// One number for all scores of an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Median over tasks of their mean scores.
    Median,
    /// Mean of the middle half of all scores.
    InterquartileMean,
    /// Mean over tasks of their mean scores.
    Mean,
    /// Mean over tasks of how far scores fall short of 1. Less of it is better.
    OptimalityGap,
}

impl Aggregate {
    /// All of them, in the order of rliable's figure.
    pub const ALL: [Self; 4] = [
        Self::Median,
        Self::InterquartileMean,
        Self::Mean,
        Self::OptimalityGap,
    ];

    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::InterquartileMean => "interquartile mean",
            Self::Mean => "mean",
            Self::OptimalityGap => "optimality gap",
        }
    }

    /// The statistic of scores that lie task by task, with this many runs each.
    ///
    /// ```text
    /// optimality gap = mean over tasks of the mean of max(0, 1 − score)
    /// ```
    fn of(self, scores: &mut [f64], runs: &[usize]) -> f64 {
        let by_task = |value: fn(f64) -> f64| -> Vec<f64> {
            let mut start = 0;
            let mean = |n: &usize| {
                let runs = &scores[start..start + n];
                start += n;
                runs.iter().map(|score| value(*score)).sum::<f64>() / *n as f64
            };
            runs.iter().map(mean).collect()
        };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        match self {
            Self::InterquartileMean => interquartile_mean_in_place(scores),
            Self::Mean => mean(by_task(|score| score)),
            Self::OptimalityGap => mean(by_task(|score| (1.0 - score).max(0.0))),
            Self::Median => {
                let mut means = by_task(|score| score);
                means.sort_unstable_by(f64::total_cmp);
                quantile_of_sorted(&means, 0.5)
            }
        }
    }
}

/// Interquartile mean of a sample: the mean without the lowest and the highest quarter. Each
/// quarter is rounded down to whole values.
pub fn interquartile_mean(sample: &Sample) -> f64 {
    interquartile_mean_in_place(&mut sample.values().to_vec())
}

fn interquartile_mean_in_place(values: &mut [f64]) -> f64 {
    let cut = values.len() / 4;
    let kept = values.len() - 2 * cut;
    if cut > 0 {
        // Only the two borders need to be in place. The order between them does not matter.
        values.select_nth_unstable_by(cut, f64::total_cmp);
        values[cut..].select_nth_unstable_by(kept - 1, f64::total_cmp);
    }
    values[cut..cut + kept].iter().sum::<f64>() / kept as f64
}

/// Share of pairs in which the first is larger, ties counted half. It sorts `y`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(tasks: &[&[f64]]) -> Scores {
        let samples = tasks.iter().map(|task| Sample::new(task.to_vec()));
        Scores::new(samples.collect::<Result<_, _>>().unwrap()).unwrap()
    }

    fn improvement(x: &[&[f64]], y: &[&[f64]]) -> Interval {
        let found = scores(x).probability_of_improvement(&scores(y), &Bootstrap::default());
        found.unwrap().interval.unwrap()
    }

    #[test]
    fn improvement_beyond_doubt_has_the_doubt_of_few_runs() {
        for n in [1, 3, 8] {
            let low: Vec<f64> = (0..n).map(f64::from).collect();
            let high: Vec<f64> = low.iter().map(|x| x + 100.0).collect();
            let won = improvement(&[&high], &[&low]);
            let bound = 0.025_f64.powf(1.0 / f64::from(n));
            assert!(
                (won.low - bound).abs() < 1e-9 && won.high == 1.0,
                "{n}: {won:?}"
            );
            let lost = improvement(&[&low], &[&high]);
            assert!((lost.high - (1.0 - bound)).abs() < 1e-9 && lost.low == 0.0);
        }
        // Two tasks have three and five runs: three pairs of each are independent.
        let (x, y): (&[&[f64]], &[&[f64]]) = (&[&[9.0; 3], &[9.0; 5]], &[&[1.0; 3], &[1.0; 5]]);
        let bound = 0.025_f64.powf(1.0 / 6.0);
        assert!((improvement(x, y).low - bound).abs() < 1e-9);
        // All runs are equal: the probability is one half, and not certain.
        assert!(improvement(&[&[1.0; 4]], &[&[1.0; 4]]).has_width());
    }

    #[test]
    fn aggregates_are_those_of_rliable_and_have_no_interval_of_no_width() {
        let two = scores(&[&[0.5, 0.7, 1.1, 0.9], &[1.2, 1.0, 0.2, 0.8]]);
        let of = |statistic| two.aggregate(statistic, &Bootstrap::default()).unwrap();
        let expected = [0.8, 0.85, 0.8, (0.9 + 1.0) / 8.0];
        for (statistic, expected) in Aggregate::ALL.into_iter().zip(expected) {
            let found = of(statistic);
            assert!((found.value - expected).abs() < 1e-12, "{found:?}");
            assert!(found.interval.is_some_and(|interval| interval.has_width()));
        }
        let one = scores(&[&[0.5], &[0.7]]);
        for statistic in Aggregate::ALL {
            let found = one.aggregate(statistic, &Bootstrap::default()).unwrap();
            assert_eq!(found.interval, None);
        }
    }

    #[test]
    fn the_band_of_a_profile_has_width_where_all_runs_agree() {
        let runs = scores(&[&[0.5, 0.7, 0.9]]);
        let band = runs.profile_band(&[0.0, 0.6, 2.0], 0.95);
        assert!(band.iter().all(Interval::has_width));
        assert!((band[0].low - 0.025_f64.cbrt()).abs() < 1e-9 && band[0].high == 1.0);
        assert_eq!(band[2].low, 0.0);
    }
}
