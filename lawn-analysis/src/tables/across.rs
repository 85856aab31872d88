//! Tables over all tasks.

use super::Table;
use crate::analysis::{ArmRanks, ArmScores};

/// How many thresholds a profile is read at.
const THRESHOLDS: usize = 101;

/// Interquartile mean and probability of improvement of every arm.
pub fn aggregates(arms: &[ArmScores]) -> Table {
    let mut table = Table::new(
        "aggregates",
        "All tasks together, at the largest batch size: scores are test metrics as shares of the \
         baseline's mean at the reference batch size, 0 where a trial diverged; intervals are \
         stratified bootstrap intervals, \
         which cover too little with fewer than ten runs a task.",
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

/// The part of all runs of an arm above each threshold.
pub fn profile(arms: &[ArmScores]) -> Table {
    let mut table = Table::new(
        "performance-profile",
        "The part of all runs with a score above a threshold.",
        &["arm", "threshold", "share"],
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
        for (threshold, share) in thresholds.iter().zip(shares) {
            table.push(vec![(&arm.arm).into(), (*threshold).into(), share.into()]);
        }
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
