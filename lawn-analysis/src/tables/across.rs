//! Tables over all tasks.

use super::Table;
use crate::analysis::{ArmRanks, ArmScores, Improvement};

/// How many thresholds a profile is read at.
const THRESHOLDS: usize = 101;

/// Interquartile mean and probability of improvement of every arm.
pub fn aggregates(arms: &[ArmScores]) -> Table {
    let mut table = Table::new(
        "aggregates",
        "All tasks together, at the largest batch size: scores are test metrics as shares of the \
         baseline's mean at the reference batch size, 0 where a trial diverged. Intervals are \
         stratified bootstrap intervals, \
         which cover too little with fewer than ten runs a task. Where all resamples agree they have \
         no width: none is given then for the interquartile mean, and for the probability of \
         improvement that of Clopper and Pearson for disjoint pairs of runs.",
        &[
            "arm",
            "runs",
            "interquartile_mean",
            "low",
            "high",
            "probability_of_improvement",
            "improvement_low",
            "improvement_high",
        ],
    );
    for arm in arms {
        let iqm = &arm.interquartile_mean;
        let improvement = arm.improvement;
        let improved = improvement.and_then(|estimate| estimate.interval);
        table.push(vec![
            (&arm.arm).into(),
            iqm.n.into(),
            iqm.value.into(),
            iqm.interval.map(|interval| interval.low).into(),
            iqm.interval.map(|interval| interval.high).into(),
            improvement.map(|estimate| estimate.value).into(),
            improved.map(|interval| interval.low).into(),
            improved.map(|interval| interval.high).into(),
        ]);
    }
    table
}

/// The part of all runs of an arm above each threshold, with its band.
pub fn profile(arms: &[ArmScores], level: f64) -> Table {
    let mut table = Table::new(
        "performance-profile",
        "The part of all runs with a score above a threshold, with Clopper and Pearson's interval.",
        &["arm", "threshold", "share", "low", "high"],
    );
    let scores = || {
        let tasks = arms.iter().flat_map(|arm| arm.scores.tasks());
        tasks.flat_map(|task| task.values().iter().copied())
    };
    let low = scores().fold(f64::INFINITY, f64::min);
    let high = scores().fold(f64::NEG_INFINITY, f64::max);
    let room = 0.03 * (high - low);
    let at = |i: usize| low - room + (high - low + 2.0 * room) * i as f64 / (THRESHOLDS - 1) as f64;
    let thresholds: Vec<f64> = (0..THRESHOLDS).map(at).collect();
    for arm in arms {
        let shares = arm.scores.performance_profile(&thresholds);
        let band = arm.scores.profile_band(&thresholds, level);
        for ((threshold, share), band) in thresholds.iter().zip(shares).zip(band) {
            table.push(vec![
                (&arm.arm).into(),
                (*threshold).into(),
                share.into(),
                band.low.into(),
                band.high.into(),
            ]);
        }
    }
    table
}

/// Median, interquartile mean, mean and optimality gap of every arm.
pub fn interval_estimates(arms: &[ArmScores]) -> Table {
    let mut table = Table::new(
        "interval-estimates",
        "Scores of all tasks in one number an arm, with stratified bootstrap intervals.",
        &["statistic", "arm", "runs", "value", "low", "high"],
    );
    let statistics = arms.first().map_or(0, |arm| arm.aggregates.len());
    for which in 0..statistics {
        for arm in arms {
            let (statistic, estimate) = &arm.aggregates[which];
            table.push(vec![
                statistic.name().into(),
                (&arm.arm).into(),
                estimate.n.into(),
                estimate.value.into(),
                estimate.interval.map(|interval| interval.low).into(),
                estimate.interval.map(|interval| interval.high).into(),
            ]);
        }
    }
    table
}

/// The probability of improvement of every contrast.
pub fn improvement(found: &[Improvement]) -> Table {
    let mut table = Table::new(
        "probability-of-improvement",
        "How probable it is that a run of the treatment beats one of the baseline.",
        &[
            "treatment",
            "baseline",
            "runs",
            "probability",
            "low",
            "high",
        ],
    );
    for one in found {
        let interval = one.probability.interval;
        table.push(vec![
            (&one.contrast.treatment).into(),
            (&one.contrast.baseline).into(),
            one.probability.n.into(),
            one.probability.value.into(),
            interval.map(|interval| interval.low).into(),
            interval.map(|interval| interval.high).into(),
        ]);
    }
    table
}

/// Mean rank of every arm.
pub fn ranks(ranks: &ArmRanks) -> Table {
    let mut table = Table::new(
        "mean-ranks",
        "Mean rank of every arm over tasks, batch sizes and seeds; 1 is the best, diverged trials \
         are worst.",
        &[
            "arm",
            "mean_rank",
            "blocks",
            "critical_difference",
            "friedman_p",
        ],
    );
    for (arm, rank) in ranks.arms.iter().zip(&ranks.ranking.mean_ranks) {
        table.push(vec![
            arm.into(),
            (*rank).into(),
            ranks.ranking.blocks.into(),
            ranks.critical_difference.into(),
            ranks.friedman.p.into(),
        ]);
    }
    table
}
