use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::diagnostics::Diagnostics;
use super::error::{SettingsError, require};
use super::optimizer::OptimizerSettings;
use super::precision::Precision;

/// Everything that decides the result of one trial, and how it is cut up.
///
/// `T` is what there is to learn. This room knows no kind of task.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TrialConfig<T> {
    /// What to learn.
    pub task: T,
    /// How to learn it.
    pub optimizer: OptimizerSettings,
    /// Samples per optimizer step. The last step of an epoch takes what is left.
    pub batch_size: u64,
    /// How long to train.
    pub budget: Amount,
    /// Seeds initial weights, data order, negatives and augmentation.
    pub seed: u64,
    /// Whether the test split may be measured.
    pub stage: Stage,
    /// Kind of numbers that training computes in.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Largest number of samples in memory at once; gradients of the parts are
    /// summed. Not part of a trial's identity: it changes the result by rounding
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<u64>,
    /// Part of the budget after which a tune trial ends, at the first evaluation
    /// from there on; none for all of it. Schedules and phases stay those of the
    /// whole budget, so that a longer trial goes on from its checkpoint as if it
    /// had never ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<f64>,
    /// When and what to measure on the way.
    #[serde(default)]
    pub evaluation: Evaluation,
    /// What else to measure then.
    #[serde(default)]
    pub diagnostics: Diagnostics,
}

/// When a trial measures itself on the way, and on what.
///
/// It is measured at the end of every budget as well.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluation {
    /// The distance from one evaluation to the next, counted from the start. In
    /// samples or epochs: at the end of the first step that comes to a multiple
    /// of it, or passes one.
    pub every: Amount,
    /// Whether confirm trials measure the test split each time too, not only at
    /// their end. Tune trials never do.
    pub test_curve: bool,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self {
            every: Amount::Epochs(1),
            test_curve: false,
        }
    }
}

/// What a trial is for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Scored on validation data, to choose a setting. Never sees test data.
    Tune,
    /// A chosen setting with a fresh seed: the only stage that measures the
    /// test split.
    Confirm,
}

impl<T> TrialConfig<T> {
    /// A tuning trial with seed 0, everything else left at its default.
    #[must_use]
    pub fn new(task: T, optimizer: OptimizerSettings, batch_size: u64, budget: Amount) -> Self {
        Self {
            task,
            optimizer,
            batch_size,
            budget,
            seed: 0,
            stage: Stage::Tune,
            precision: Precision::default(),
            micro_batch_size: None,
            stop_after: None,
            evaluation: Evaluation::default(),
            diagnostics: Diagnostics::default(),
        }
    }

    /// Checks all settings but those of the task.
    pub(crate) fn validate_training(&self) -> Result<(), SettingsError> {
        self.optimizer.validate_all(Some(self.budget))?;
        for (name, value) in [
            ("batch_size", self.batch_size),
            ("micro_batch_size", self.micro_batch_size.unwrap_or(1)),
        ] {
            // Sizes become i64 in tensors, and their product counts samples.
            require(
                (1..=u64::from(u32::MAX)).contains(&value),
                name,
                value,
                "1 to 4294967295",
            )?;
        }
        for (name, amount) in [("budget", self.budget), ("every", self.evaluation.every)] {
            let most = match amount {
                Amount::Epochs(_) => u64::from(u32::MAX),
                // Counts are kept as i64 in the records.
                Amount::Steps(_) | Amount::Samples(_) => i64::MAX as u64,
            };
            require(
                (1..=most).contains(&amount.count()),
                name,
                amount,
                &format!("1 to {most} {}", amount.unit()),
            )?;
        }
        if let Some(part) = self.stop_after {
            require(
                part > 0.0 && part <= 1.0,
                "stop_after",
                part,
                "above 0 and up to 1",
            )?;
            if self.stage == Stage::Confirm {
                return Err(SettingsError::NotApplicable {
                    setting: "stop_after".to_owned(),
                    context: "a confirm trial".to_owned(),
                    allowed: "leave it out: what is confirmed trains to its end".to_owned(),
                });
            }
        }
        if let Some(phase) = self.diagnostics.distance_from {
            phase.validate("distance_from", self.budget)?;
        }
        self.optimizer.validate_free_phase(self.budget)
    }
}
