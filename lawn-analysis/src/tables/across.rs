//! Tables over all tasks.

use super::row::{Named, Rows, of_arm, row};
use crate::analysis::{ArmRanks, ArmScores, Improvement};
use crate::stats::{Aggregate, Estimate, Interval};

/// How many thresholds a profile is read at.
const THRESHOLDS: usize = 101;

row! {
    /// Interquartile mean and probability of improvement of one arm.
    pub struct AggregateRow {
        /// The arm.
        arm: String,
        /// Its runs in all tasks.
        runs: usize,
        /// Interquartile mean of their scores.
        interquartile_mean: Estimate as [interquartile_mean, low, high],
        /// Probability that a run beats one of the baseline; none for the baseline.
        improvement: Option<Estimate>
            as [probability_of_improvement, improvement_low, improvement_high],
    }
}

row! {
    /// The share of the runs of one arm above one threshold.
    pub struct ProfileRow {
        /// The arm.
        arm: String,
        /// The threshold.
        threshold: f64,
        /// The share of the runs above it.
        share: f64,
        /// Its interval.
        band: Interval as [low, high],
    }
}

row! {
    /// The scores of one arm in one number.
    pub struct ScoreRow {
        /// What the number is.
        statistic: Aggregate,
        /// The arm.
        arm: String,
        /// Its runs in all tasks.
        runs: usize,
        /// The number.
        value: Estimate as [value, low, high],
    }
}

row! {
    /// The probability that a run of one treatment beats one of its baseline.
    pub struct ImprovementRow {
        /// The treatment.
        treatment: String,
        /// The baseline.
        baseline: String,
        /// Runs of both.
        runs: usize,
        /// The probability.
        probability: Estimate as [probability, low, high],
    }
}

row! {
    /// The mean rank of one arm.
    pub struct RankRow {
        /// The arm.
        arm: String,
        /// Its mean rank; 1 is the best.
        mean_rank: f64,
        /// Number of blocks that it rests on.
        blocks: usize,
        /// Two arms differ where their mean ranks are further apart than this.
        critical_difference: f64,
        /// p of Friedman's test.
        friedman_p: f64,
    }
}

of_arm!(ProfileRow, ScoreRow, RankRow);

impl Named for ImprovementRow {
    fn names(&self) -> Vec<&str> {
        vec![&self.treatment, &self.baseline]
    }
}

/// Interquartile mean and probability of improvement of every arm.
pub fn aggregates(arms: &[ArmScores]) -> Rows<AggregateRow> {
    let row = |arm: &ArmScores| AggregateRow {
        arm: arm.arm.clone(),
        runs: arm.interquartile_mean.n,
        interquartile_mean: arm.interquartile_mean,
        improvement: arm.improvement,
    };
    Rows::new(
        "aggregates",
        "All tasks together, at the largest batch size. Scores are test metrics divided by the \
         baseline's mean at the reference batch size. A diverged trial scores 0. Intervals are \
         stratified bootstrap intervals, which cover less than their level with fewer than ten \
         runs per task. Where all resamples agree they have no width. The interquartile mean then \
         has no interval, and the probability of improvement has the Clopper–Pearson interval for \
         disjoint pairs of runs.",
        arms.iter().map(row).collect(),
    )
}

/// The share of all runs of an arm above each threshold, with its band.
pub fn profile(arms: &[ArmScores], level: f64) -> Rows<ProfileRow> {
    let scores = || {
        let tasks = arms.iter().flat_map(|arm| arm.scores.tasks());
        tasks.flat_map(|task| task.values().iter().copied())
    };
    let low = scores().fold(f64::INFINITY, f64::min);
    let high = scores().fold(f64::NEG_INFINITY, f64::max);
    let room = 0.03 * (high - low);
    let at = |i: usize| low - room + (high - low + 2.0 * room) * i as f64 / (THRESHOLDS - 1) as f64;
    let thresholds: Vec<f64> = (0..THRESHOLDS).map(at).collect();
    let mut rows = Vec::new();
    for arm in arms {
        let shares = arm.scores.performance_profile(&thresholds);
        let band = arm.scores.profile_band(&thresholds, level);
        let points = thresholds.iter().zip(shares).zip(band);
        rows.extend(points.map(|((threshold, share), band)| ProfileRow {
            arm: arm.arm.clone(),
            threshold: *threshold,
            share,
            band,
        }));
    }
    Rows::new(
        "performance-profile",
        "The share of all runs with a score above a threshold, with its Clopper–Pearson interval.",
        rows,
    )
}

/// Median, interquartile mean, mean and optimality gap of every arm.
pub fn interval_estimates(arms: &[ArmScores]) -> Rows<ScoreRow> {
    let mut rows = Vec::new();
    let statistics = arms.first().map_or(0, |arm| arm.aggregates.len());
    for which in 0..statistics {
        rows.extend(arms.iter().map(|arm| {
            let (statistic, value) = arm.aggregates[which];
            ScoreRow {
                statistic,
                arm: arm.arm.clone(),
                runs: value.n,
                value,
            }
        }));
    }
    Rows::new(
        "interval-estimates",
        "Scores of all tasks in one number per arm, with stratified bootstrap intervals.",
        rows,
    )
}

/// The probability of improvement of every contrast.
pub fn improvement(found: &[Improvement]) -> Rows<ImprovementRow> {
    let row = |one: &Improvement| ImprovementRow {
        treatment: one.contrast.treatment.clone(),
        baseline: one.contrast.baseline.clone(),
        runs: one.probability.n,
        probability: one.probability,
    };
    Rows::new(
        "probability-of-improvement",
        "The probability that a run of the treatment beats one of the baseline.",
        found.iter().map(row).collect(),
    )
}

/// Mean rank of every arm.
pub fn ranks(ranks: &ArmRanks) -> Rows<RankRow> {
    let arms = ranks.arms.iter().zip(&ranks.ranking.mean_ranks);
    let row = |(arm, rank): (&String, &f64)| RankRow {
        arm: arm.clone(),
        mean_rank: *rank,
        blocks: ranks.ranking.blocks,
        critical_difference: ranks.critical_difference,
        friedman_p: ranks.friedman.p,
    };
    Rows::new(
        "mean-ranks",
        "Mean rank of every arm over tasks, batch sizes and seeds. Rank 1 is the best, and \
         diverged trials rank worst.",
        arms.map(row).collect(),
    )
}
