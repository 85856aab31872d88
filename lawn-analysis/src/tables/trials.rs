//! Tables of how trials went: survival, failures, tuning.

use super::Table;
use crate::analysis::{Analysis, Task};

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
    )
    .with_sections(1);
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
    )
    .with_sections(1);
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
    )
    .with_sections(1);
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

/// Every confirmation trial.
pub fn confirmations(tasks: &[Task]) -> Table {
    let mut table = Table::new(
        "confirmations",
        "Every confirmation trial.",
        &[
            "trial_id",
            "task",
            "arm",
            "batch_size",
            "seed",
            "outcome",
            "test_metric",
            "train_metric",
            "train_loss",
            "budget_unit",
            "budget_amount",
            "epochs",
            "steps",
            "seconds_total",
            "samples_per_second",
        ],
    )
    .with_detail(&[
        "trial_id",
        "train_loss",
        "budget_unit",
        "budget_amount",
        "epochs",
        "steps",
        "seconds_total",
        "samples_per_second",
    ])
    .with_sections(1);
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                for trial in task.confirmations(arm, *batch_size) {
                    table.push(vec![
                        (&trial.trial_id).into(),
                        (&trial.task).into(),
                        arm.into(),
                        trial.batch_size.into(),
                        trial.seed.into(),
                        trial.outcome.to_string().into(),
                        trial.test_metric.into(),
                        trial.train_metric.into(),
                        trial.train_loss.into(),
                        trial.budget_unit.map(|unit| unit.to_string()).into(),
                        trial.budget_amount.into(),
                        trial.epochs.into(),
                        trial.steps.into(),
                        trial.seconds_total.into(),
                        trial.samples_per_second.into(),
                    ]);
                }
            }
        }
    }
    table
}
