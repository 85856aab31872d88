//! All tasks taken together: profiles of scores, mean ranks.

use super::study::Task;
use crate::error::Error;
use crate::records::Outcome;
use crate::request::{Contrast, ReportRequest};
use crate::stats::{Aggregate, Bootstrap, Estimate, Ranking, Sample, Scores, TestResult};

/// Scores of one arm over all tasks.
#[derive(Clone, Debug)]
pub struct ArmScores {
    /// The arm.
    pub arm: String,
    /// By task, the score of each run: its test metric at the largest batch size as a share of the
    /// baseline's mean at the reference batch size. Where less of the metric is better, the score
    /// is the inverse of that share. A diverged trial scores 0.
    pub scores: Scores,
    /// Their interquartile mean with its stratified bootstrap interval.
    pub interquartile_mean: Estimate,
    /// The value of each of [`Aggregate::ALL`] with its interval.
    pub aggregates: Vec<(Aggregate, Estimate)>,
    /// Probability that a run of this arm beats one of the baseline, averaged over tasks.
    pub improvement: Option<Estimate>,
}

/// How often a run of the treatment beats one of its baseline, at the largest batch size.
#[derive(Clone, Debug)]
pub struct Improvement {
    /// The two arms.
    pub contrast: Contrast,
    /// The probability, averaged over tasks.
    pub probability: Estimate,
}

/// The probability of improvement of every registered contrast whose arms have scores.
///
/// # Errors
/// As [`Scores::probability_of_improvement`].
pub fn improvements(
    scores: &[ArmScores],
    request: &ReportRequest,
) -> Result<Vec<Improvement>, Error> {
    let of = |arm: &String| scores.iter().find(|scores| scores.arm == *arm);
    let both = request
        .contrasts
        .iter()
        .filter_map(|contrast| Some((contrast, of(&contrast.treatment)?, of(&contrast.baseline)?)));
    both.map(|(contrast, treatment, baseline)| {
        let bootstrap = bootstrap(request);
        let (treatment, baseline) = (&treatment.scores, &baseline.scores);
        Ok(Improvement {
            contrast: contrast.clone(),
            probability: treatment.probability_of_improvement(baseline, &bootstrap)?,
        })
    })
    .collect()
}

fn bootstrap(request: &ReportRequest) -> Bootstrap {
    Bootstrap {
        level: 1.0 - request.alpha,
        ..Bootstrap::default()
    }
}

/// The scores of every arm that has a trial in every task.
///
/// Scores are shares of the mean of one baseline, that of the first contrast. There are no scores
/// where this baseline has no trial at the reference batch size of some task, or where its mean
/// there is not positive, since a share would then mean nothing.
///
/// # Errors
/// As [`Scores::interquartile_mean`].
pub fn arm_scores(tasks: &[Task], request: &ReportRequest) -> Result<Vec<ArmScores>, Error> {
    let (Some(contrast), Some(first)) = (request.contrasts.first(), tasks.first()) else {
        return Ok(Vec::new());
    };
    let bootstrap = bootstrap(request);
    let mut found: Vec<(String, Scores)> = Vec::new();
    for arm in &first.arms {
        let by_task: Option<Vec<Sample>> = tasks
            .iter()
            .map(|task| shares(task, arm, &contrast.baseline, request.reference_batch_size))
            .collect();
        if let Some(by_task) = by_task {
            found.push((arm.clone(), Scores::new(by_task)?));
        }
    }
    let baseline = found
        .iter()
        .find(|(arm, _)| *arm == contrast.baseline)
        .cloned();
    found
        .into_iter()
        .map(|(arm, scores)| {
            let improvement = match &baseline {
                Some((name, other)) if *name != arm => {
                    Some(scores.probability_of_improvement(other, &bootstrap)?)
                }
                _ => None,
            };
            let aggregates = Aggregate::ALL
                .into_iter()
                .map(|which| Ok((which, scores.aggregate(which, &bootstrap)?)))
                .collect::<Result<Vec<_>, Error>>()?;
            Ok(ArmScores {
                arm,
                interquartile_mean: scores.interquartile_mean(&bootstrap)?,
                scores,
                aggregates,
                improvement,
            })
        })
        .collect()
}

fn shares(task: &Task, arm: &str, baseline: &str, reference: i64) -> Option<Sample> {
    let tests = |arm: &str, batch: i64, diverged: Option<f64>| -> Vec<f64> {
        task.confirmations(arm, batch)
            .filter_map(|trial| match trial.outcome {
                Outcome::Ok => trial.test_metric,
                Outcome::Diverged => diverged,
                _ => None,
            })
            .collect()
    };
    let unit = Sample::new(tests(baseline, reference, None)).ok()?.mean();
    if unit <= 0.0 {
        return None;
    }
    // A diverged trial gets the metric whose score is 0: none of it where more is better, and
    // infinitely much of it where less is.
    let worst = if task.higher_is_better {
        0.0
    } else {
        f64::INFINITY
    };
    let values = tests(arm, *task.batch_sizes.last()?, Some(worst));
    let share = |value: f64| {
        if task.higher_is_better {
            value / unit
        } else {
            unit / value
        }
    };
    Sample::new(values.into_iter().map(share).collect()).ok()
}

/// Mean ranks of the arms over blocks. A block is one task, batch size and seed.
#[derive(Clone, Debug)]
pub struct ArmRanks {
    /// The arms, in the order of the first task.
    pub arms: Vec<String>,
    /// Their ranks; 1 is the best.
    pub ranking: Ranking,
    /// Friedman's test.
    pub friedman: TestResult,
    /// Two arms differ where their mean ranks are further apart than this.
    pub critical_difference: f64,
}

/// Ranks of three or more arms, over blocks in which each of them ended well or diverged.
///
/// Diverged trials share the worst ranks of their block. Fewer than two such blocks give no ranks.
pub fn arm_ranks(tasks: &[Task], alpha: f64) -> Option<ArmRanks> {
    let arms = tasks.first()?.arms.clone();
    let mut blocks = Vec::new();
    for task in tasks {
        for batch in &task.batch_sizes {
            for seed in task.seeds(arms.first()?) {
                let block: Option<Vec<f64>> = arms
                    .iter()
                    .map(|arm| {
                        let trial = task.confirmation(arm, *batch, seed)?;
                        // The ranking gives rank 1 to the smallest value, and rank 1 must mean the
                        // best.
                        match trial.outcome {
                            Outcome::Ok => Some(-task.sign() * trial.test_metric?),
                            Outcome::Diverged => Some(f64::MAX),
                            _ => None,
                        }
                    })
                    .collect();
                blocks.extend(block);
            }
        }
    }
    let ranking = Ranking::new(&blocks).ok()?;
    Some(ArmRanks {
        arms,
        friedman: ranking.friedman(),
        critical_difference: ranking.critical_difference(alpha),
        ranking,
    })
}
