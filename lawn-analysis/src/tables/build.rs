//! The tables of a report.

use std::collections::{BTreeMap, HashMap};

use super::{Table, Value};
use crate::analysis::{Analysis, Answer, Task};
use crate::error::Error;
use crate::records::{Outcome, Phase, Records, Stage, TrialRow};
use crate::stats::{Feasibility, Sample, mean_t};
use crate::text::slug;

fn answers(analysis: &Analysis) -> impl Iterator<Item = &Answer> {
    analysis.families.iter().flat_map(|family| &family.answers)
}

/// What each family can reach, before any p-value: one row a family.
pub fn feasibility(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "feasibility",
        "What exact tests can reach with the seeds at hand, family by family.",
        &[
            "task",
            "question",
            "tests",
            "paired_seeds",
            "smallest_p",
            "smallest_adjusted_p",
            "reachable",
            "seeds_needed",
        ],
    );
    for family in &analysis.families {
        // The place with the fewest seeds says whether every test of the family can decide.
        let fewest: Option<Feasibility> = family
            .answers
            .iter()
            .map(|answer| answer.comparison.feasibility)
            .min_by_key(|feasibility| feasibility.n);
        let Some(fewest) = fewest else { continue };
        table.push(vec![
            (&family.task).into(),
            family.question.name().into(),
            fewest.family.into(),
            fewest.n.into(),
            fewest.smallest_p.into(),
            fewest.smallest_adjusted_p.into(),
            if fewest.feasible() { "yes" } else { "no" }.into(),
            fewest.seeds_needed.into(),
        ]);
    }
    table
}

/// Every comparison with its estimates, tests and verdict.
pub fn comparisons(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "comparisons",
        "Every registered comparison. The advantage is the mean paired difference, positive where \
         the treatment is better, with its t interval; p-values are two-sided, adjusted by Holm \
         over the family (one question, one task).",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "n",
            "baseline_mean",
            "treatment_mean",
            "advantage",
            "low",
            "high",
            "d_z",
            "hedges_g",
            "p_superior",
            "sign_flip_p",
            "sign_flip_adjusted_p",
            "t_p",
            "t_adjusted_p",
            "worst_rank_adjusted_p",
            "equivalence_adjusted_p",
            "verdict",
        ],
    );
    for answer in answers(analysis) {
        let (comparison, adjusted) = (&answer.comparison, &answer.adjusted);
        let place = &comparison.place;
        let interval = comparison
            .advantage
            .and_then(|advantage| advantage.interval);
        table.push(vec![
            (&place.task).into(),
            place.question.name().into(),
            (&place.contrast.baseline).into(),
            (&place.contrast.treatment).into(),
            place.batch_size.into(),
            comparison.seeds.len().into(),
            comparison.baseline.map(|mean| mean.value).into(),
            comparison.treatment.map(|mean| mean.value).into(),
            comparison.advantage.map(|advantage| advantage.value).into(),
            interval.map(|interval| interval.low).into(),
            interval.map(|interval| interval.high).into(),
            comparison.d_z.map(|d| d.value).into(),
            comparison.hedges_g.map(|g| g.value).into(),
            comparison
                .superiority
                .map(|superiority| superiority.estimate.value)
                .into(),
            comparison.sign_flip.map(|test| test.p).into(),
            adjusted.sign_flip.into(),
            comparison.paired_t.map(|test| test.p).into(),
            adjusted.paired_t.into(),
            adjusted.worst_rank.into(),
            adjusted.equivalence.into(),
            answer.verdict.as_str().into(),
        ]);
    }
    table
}

/// The advantage of every pair of trials.
pub fn pairs(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "pairs",
        "The advantage of the treatment in every pair of trials of one seed.",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "seed",
            "advantage",
        ],
    );
    for answer in answers(analysis) {
        let comparison = &answer.comparison;
        let place = &comparison.place;
        for (seed, advantage) in comparison.seeds.iter().zip(&comparison.advantages) {
            table.push(vec![
                (&place.task).into(),
                place.question.name().into(),
                (&place.contrast.baseline).into(),
                (&place.contrast.treatment).into(),
                place.batch_size.into(),
                (*seed).into(),
                (*advantage).into(),
            ]);
        }
    }
    table
}

/// Seeds that could not be paired, and why.
pub fn unmatched(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "unmatched",
        "Seeds left out of a comparison, and why.",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "seed",
            "arm",
            "why",
        ],
    );
    for answer in answers(analysis) {
        let place = &answer.comparison.place;
        for unmatched in &answer.comparison.unmatched {
            table.push(vec![
                (&place.task).into(),
                place.question.name().into(),
                (&place.contrast.baseline).into(),
                (&place.contrast.treatment).into(),
                place.batch_size.into(),
                unmatched.seed.into(),
                (&unmatched.arm).into(),
                (&unmatched.why).into(),
            ]);
        }
    }
    table
}

/// Survival of confirmation trials.
pub fn survival(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "survival",
        "Confirmation trials that ended well, of those that ended, with Clopper and Pearson's \
         interval.",
        &[
            "task",
            "arm",
            "batch_size",
            "ok",
            "diverged",
            "failed",
            "preempted",
            "rate",
            "low",
            "high",
        ],
    );
    for row in &analysis.survival {
        let interval = row.rate.and_then(|rate| rate.interval);
        table.push(vec![
            (&row.task).into(),
            (&row.arm).into(),
            row.batch_size.into(),
            row.ok.into(),
            row.diverged.into(),
            row.failed.into(),
            row.preempted.into(),
            row.rate.map(|rate| rate.value).into(),
            interval.map(|interval| interval.low).into(),
            interval.map(|interval| interval.high).into(),
        ]);
    }
    table
}

/// Trials that did not end well.
pub fn failures(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "failures",
        "Every trial that did not end well.",
        &[
            "task",
            "arm",
            "batch_size",
            "stage",
            "setting",
            "seed",
            "outcome",
            "detail",
            "trial_id",
        ],
    );
    for failure in &analysis.failures {
        table.push(vec![
            (&failure.task).into(),
            (&failure.arm).into(),
            failure.batch_size.into(),
            failure.stage.to_string().into(),
            failure.setting.into(),
            failure.seed.into(),
            failure.outcome.to_string().into(),
            failure.detail.clone().into(),
            (&failure.trial_id).into(),
        ]);
    }
    table
}

/// How each arm was tuned.
pub fn tuning(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "tuning",
        "Settings tried for each arm and batch size, and the one that was confirmed. A best value \
         on the border of what was tried may not be the best there is.",
        &[
            "task",
            "arm",
            "batch_size",
            "settings",
            "trials",
            "failed",
            "hours",
            "best_setting",
            "validation_metric",
            "best_values",
            "on_border",
        ],
    );
    for row in &analysis.tuning {
        let values: Vec<String> = row
            .varied
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let borders: Vec<String> = row
            .borders
            .iter()
            .map(|border| {
                let end = if border.largest {
                    "largest"
                } else {
                    "smallest"
                };
                format!("{} ({end})", border.name)
            })
            .collect();
        table.push(vec![
            (&row.task).into(),
            (&row.arm).into(),
            row.batch_size.into(),
            row.settings.into(),
            row.trials.into(),
            row.failed.into(),
            (row.seconds / 3600.0).into(),
            row.best.into(),
            row.validation.into(),
            values.join(", ").into(),
            if borders.is_empty() {
                "no".to_owned()
            } else {
                borders.join(", ")
            }
            .into(),
        ]);
    }
    table
}

/// Test metric of every arm and batch size: a row a seed, and a row for their mean.
///
/// A row with a seed is a trial; a row without one is the mean with its t interval.
///
/// # Errors
/// As [`Sample::new`].
pub fn metric_by_batch(task: &Task, level: f64) -> Result<Table, Error> {
    let mut table = Table::new(
        format!("{}-test-metric", slug(&task.name)),
        format!("Test {} of {} by batch size.", task.metric, task.name),
        &[
            "arm",
            "batch_size",
            "kind",
            "seed",
            "n",
            "value",
            "low",
            "high",
        ],
    );
    for arm in &task.arms {
        for batch_size in &task.batch_sizes {
            let trials: Vec<(i64, f64)> = task
                .confirmations(arm, *batch_size)
                .filter(|trial| trial.outcome == Outcome::Ok)
                .filter_map(|trial| Some((trial.seed, trial.test_metric?)))
                .collect();
            if trials.is_empty() {
                continue;
            }
            for (seed, value) in &trials {
                table.push(vec![
                    arm.into(),
                    (*batch_size).into(),
                    "seed".into(),
                    (*seed).into(),
                    Value::Absent,
                    (*value).into(),
                    Value::Absent,
                    Value::Absent,
                ]);
            }
            let sample = Sample::new(trials.iter().map(|(_, value)| *value).collect())?;
            let mean = mean_t(&sample, level);
            table.push(vec![
                arm.into(),
                (*batch_size).into(),
                "mean".into(),
                Value::Absent,
                mean.n.into(),
                mean.value.into(),
                mean.interval.map(|interval| interval.low).into(),
                mean.interval.map(|interval| interval.high).into(),
            ]);
        }
    }
    Ok(table)
}

/// Mean and range over seeds of what is recorded each epoch, for confirmation trials.
pub fn curves(task: &Task, records: &Records) -> Table {
    let mut table = Table::new(
        format!("{}-norms", slug(&task.name)),
        format!(
            "Mean magnitude of the logits and global weight norm of {} by epoch: mean over seeds, \
             and their range.",
            task.name
        ),
        &[
            "arm",
            "batch_size",
            "epoch",
            "n",
            "phase",
            "logit_mean_abs",
            "logit_low",
            "logit_high",
            "weight_norm",
            "weight_norm_low",
            "weight_norm_high",
        ],
    );
    let trials: HashMap<&str, &TrialRow> = records
        .trials
        .iter()
        .filter(|trial| trial.task == task.name && trial.stage == Stage::Confirm)
        .map(|trial| (trial.trial_id.as_str(), trial))
        .collect();
    let place = |trial: &TrialRow| {
        let arm = task
            .arms
            .iter()
            .position(|arm| *arm == trial.arm)
            .unwrap_or(usize::MAX);
        (arm, trial.batch_size)
    };
    let mut cells: BTreeMap<(usize, i64, i64), Cell> = BTreeMap::new();
    for epoch in &records.epochs {
        let Some(trial) = trials.get(epoch.trial_id.as_str()) else {
            continue;
        };
        let (arm, batch_size) = place(trial);
        let cell = cells.entry((arm, batch_size, epoch.epoch)).or_default();
        // An epoch that diverged has no place on an axis; `n` says that it is not in the mean.
        if epoch.logit_mean_abs.is_finite() && epoch.weight_norm.is_finite() {
            cell.logits.push(epoch.logit_mean_abs);
            cell.norms.push(epoch.weight_norm);
        }
        cell.constrained |= epoch.phase == Phase::Constrained;
    }
    for ((arm, batch_size, epoch), cell) in cells {
        if cell.logits.is_empty() {
            continue;
        }
        let phase = if cell.constrained {
            Phase::Constrained
        } else {
            Phase::Free
        };
        let mut row = vec![
            (&task.arms[arm]).into(),
            batch_size.into(),
            epoch.into(),
            cell.logits.len().into(),
            phase.to_string().into(),
        ];
        for values in [&cell.logits, &cell.norms] {
            row.push((values.iter().sum::<f64>() / values.len() as f64).into());
            row.push(values.iter().copied().fold(f64::INFINITY, f64::min).into());
            row.push(
                values
                    .iter()
                    .copied()
                    .fold(f64::NEG_INFINITY, f64::max)
                    .into(),
            );
        }
        table.push(row);
    }
    table
}

#[derive(Default)]
struct Cell {
    logits: Vec<f64>,
    norms: Vec<f64>,
    constrained: bool,
}
