//! How trials went: survival, failures, tuning, and every confirmation trial.

use super::row::{Rows, row};
use crate::analysis::{Analysis, Border, Failure, Survival, Task, Tuning};
use crate::records::{BudgetUnit, Outcome, Stage, TrialRow};
use crate::stats::Estimate;

row! {
    /// How the confirmation trials of one arm at one batch size ended.
    pub struct SurvivalRow {
        /// The task.
        task: String,
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// Trials that ended well.
        ok: usize,
        /// Trials that diverged.
        diverged: usize,
        /// Trials that failed otherwise.
        failed: usize,
        /// Trials that were stopped and can resume.
        preempted: usize,
        /// Share of those that ended well among those that ended.
        rate: Option<Estimate> as [rate, low, high],
    }
}

row! {
    /// One trial that did not end well.
    pub struct FailureRow {
        /// The task.
        task: String,
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// What it was run for.
        stage: Stage,
        /// Index of its setting.
        setting: i64,
        /// Its seed.
        seed: i64,
        /// How it ended.
        outcome: Outcome,
        /// Why.
        detail: Option<String>,
        /// Its id.
        trial_id: String,
    }
}

row! {
    /// How one arm was tuned at one batch size.
    pub struct TuningRow {
        /// The task.
        task: String,
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// Settings tried.
        settings: usize,
        /// Tuning trials run.
        trials: usize,
        /// Tuning trials that did not end well.
        failed: usize,
        /// Hours spent.
        hours: f64,
        /// Index of the confirmed setting, or where none was confirmed, of the best one.
        best_setting: Option<i64>,
        /// Its mean validation metric.
        validation_metric: Option<f64>,
        /// The values of the varied hyper-parameters at that setting.
        best_values: String,
        /// Those of them that lie on a border, or `no`.
        on_border: String,
    }
}

row! {
    /// One confirmation trial.
    pub struct ConfirmationRow {
        /// Its id.
        trial_id: String = detail,
        /// The task.
        task: String,
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// Its seed.
        seed: i64,
        /// How it ended.
        outcome: Outcome,
        /// Primary metric on test data.
        test_metric: Option<f64>,
        /// Primary metric on training data.
        train_metric: Option<f64>,
        /// Training loss of the last epoch.
        train_loss: Option<f64> = detail,
        /// What its budget counts.
        budget_unit: Option<BudgetUnit> = detail,
        /// How many of these units its schedule is made for.
        budget_amount: Option<i64> = detail,
        /// Epochs trained.
        epochs: f64 = detail,
        /// Optimizer steps taken.
        steps: i64 = detail,
        /// Seconds in all.
        seconds_total: f64 = detail,
        /// Training samples per second of training time.
        samples_per_second: Option<f64> = detail,
    }
}

impl From<&Survival> for SurvivalRow {
    fn from(found: &Survival) -> Self {
        Self {
            task: found.task.clone(),
            arm: found.arm.clone(),
            batch_size: found.batch_size,
            ok: found.ok,
            diverged: found.diverged,
            failed: found.failed,
            preempted: found.preempted,
            rate: found.rate,
        }
    }
}

impl From<&Failure> for FailureRow {
    fn from(failure: &Failure) -> Self {
        Self {
            task: failure.task.clone(),
            arm: failure.arm.clone(),
            batch_size: failure.batch_size,
            stage: failure.stage,
            setting: failure.setting,
            seed: failure.seed,
            outcome: failure.outcome,
            detail: failure.detail.clone(),
            trial_id: failure.trial_id.clone(),
        }
    }
}

impl From<&Tuning> for TuningRow {
    fn from(tuning: &Tuning) -> Self {
        let values = tuning.varied.iter();
        let values: Vec<String> = values
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let border = |border: &Border| {
            let end = if border.largest {
                "largest"
            } else {
                "smallest"
            };
            format!("{} ({end})", border.name)
        };
        let borders: Vec<String> = tuning.borders.iter().map(border).collect();
        Self {
            task: tuning.task.clone(),
            arm: tuning.arm.clone(),
            batch_size: tuning.batch_size,
            settings: tuning.settings,
            trials: tuning.trials,
            failed: tuning.failed,
            hours: tuning.seconds / 3600.0,
            best_setting: tuning.best,
            validation_metric: tuning.validation,
            best_values: values.join(", "),
            on_border: if borders.is_empty() {
                "no".to_owned()
            } else {
                borders.join(", ")
            },
        }
    }
}

impl From<&TrialRow> for ConfirmationRow {
    fn from(trial: &TrialRow) -> Self {
        Self {
            trial_id: trial.trial_id.clone(),
            task: trial.task.clone(),
            arm: trial.arm.clone(),
            batch_size: trial.batch_size,
            seed: trial.seed,
            outcome: trial.outcome,
            test_metric: trial.test_metric,
            train_metric: trial.train_metric,
            train_loss: trial.train_loss,
            budget_unit: trial.budget_unit,
            budget_amount: trial.budget_amount,
            epochs: trial.epochs,
            steps: trial.steps,
            seconds_total: trial.seconds_total,
            samples_per_second: trial.samples_per_second,
        }
    }
}

/// Survival of confirmation trials.
pub fn survival(analysis: &Analysis) -> Rows<SurvivalRow> {
    Rows::new(
        "survival",
        "Confirmation trials that ended well, as a share of those that ended, with its \
         Clopper–Pearson interval.",
        analysis.survival.iter().map(SurvivalRow::from).collect(),
    )
    .with_sections(1)
}

/// Trials that did not end well.
pub fn failures(analysis: &Analysis) -> Rows<FailureRow> {
    Rows::new(
        "failures",
        "Every trial that did not end well.",
        analysis.failures.iter().map(FailureRow::from).collect(),
    )
    .with_sections(1)
}

/// How each arm was tuned.
pub fn tuning(analysis: &Analysis) -> Rows<TuningRow> {
    Rows::new(
        "tuning",
        "Settings tried for each arm and batch size, and the one that was confirmed. Where the best \
         value lies on the border of the values tried, a better one may lie beyond.",
        analysis.tuning.iter().map(TuningRow::from).collect(),
    )
    .with_sections(1)
}

/// Every confirmation trial.
pub fn confirmations(tasks: &[Task]) -> Rows<ConfirmationRow> {
    let mut rows = Vec::new();
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                let trials = task.confirmations(arm, *batch_size);
                rows.extend(trials.map(ConfirmationRow::from));
            }
        }
    }
    Rows::new("confirmations", "Every confirmation trial.", rows).with_sections(1)
}
