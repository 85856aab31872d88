//! Trials that did not end well, listed and counted, and the rate of those that did.

use super::study::Task;
use crate::error::Error;
use crate::records::{Outcome, Records, Stage};
use crate::stats::{Estimate, clopper_pearson};

/// How many confirmation trials of an arm at a batch size ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct Survival {
    /// The task.
    pub task: String,
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// Trials that ended well.
    pub ok: usize,
    /// Trials that diverged.
    pub diverged: usize,
    /// Trials that failed for another reason.
    pub failed: usize,
    /// Trials stopped from outside. They neither ended well nor failed.
    pub preempted: usize,
    /// Rate of trials that ended well among those that ended, with its exact interval.
    pub rate: Option<Estimate>,
}

/// A trial that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The task.
    pub task: String,
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// What it was run for.
    pub stage: Stage,
    /// Its setting.
    pub setting: i64,
    /// Its seed.
    pub seed: i64,
    /// Its id.
    pub trial_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub detail: Option<String>,
}

/// Survival of every arm at every batch size that has a confirmation trial.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn survival(tasks: &[Task], level: f64) -> Result<Vec<Survival>, Error> {
    let mut rows = Vec::new();
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                let outcomes: Vec<Outcome> = task
                    .confirmations(arm, *batch_size)
                    .map(|trial| trial.outcome)
                    .collect();
                if outcomes.is_empty() {
                    continue;
                }
                let of = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
                let (ok, preempted) = (of(Outcome::Ok), of(Outcome::Preempted));
                let ended = outcomes.len() - preempted;
                let diverged = of(Outcome::Diverged);
                let rate = if ended > 0 {
                    Some(clopper_pearson(ok, ended, level)?)
                } else {
                    None
                };
                rows.push(Survival {
                    task: task.name.clone(),
                    arm: arm.clone(),
                    batch_size: *batch_size,
                    ok,
                    diverged,
                    failed: ended - ok - diverged,
                    preempted,
                    rate,
                });
            }
        }
    }
    Ok(rows)
}

/// Every trial, of any stage, that did not end well, in the order of the records.
pub fn failures(records: &Records) -> Vec<Failure> {
    let failed = records
        .trials
        .iter()
        .filter(|trial| trial.outcome != Outcome::Ok);
    failed
        .map(|trial| Failure {
            task: trial.task.clone(),
            arm: trial.arm.clone(),
            batch_size: trial.batch_size,
            stage: trial.stage,
            setting: trial.setting,
            seed: trial.seed,
            trial_id: trial.trial_id.clone(),
            outcome: trial.outcome,
            detail: trial.detail.clone(),
        })
        .collect()
}
