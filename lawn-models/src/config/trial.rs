use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tch::Device;

use super::error::{SettingsError, require};
use super::{OptimizerSettings, TaskConfig};

/// Everything that decides the result of one trial, and how it is cut up.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TrialConfig {
    /// What to learn.
    pub task: TaskConfig,
    /// How to learn it.
    pub optimizer: OptimizerSettings,
    /// Samples per optimizer step. The last step of an epoch takes what is left.
    pub batch_size: u64,
    /// Passes over the train split.
    pub epochs: u64,
    /// Seeds initial weights, data order, negatives and augmentation.
    pub seed: u64,
    /// Whether the test split may be measured.
    pub stage: Stage,
    /// Largest number of samples in memory at once; gradients of the parts are
    /// summed. Not part of a trial's identity: it changes the result by rounding
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<u64>,
}

/// What a trial is for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Scored on validation data, to choose a setting. Never sees test data.
    Tune,
    /// A chosen setting with a fresh seed: the only stage that measures the
    /// test split, once, at its end.
    Confirm,
}

/// Where a trial runs: nothing here is part of its identity.
#[derive(Clone, Debug)]
pub struct TrialContext {
    /// Where tensors live.
    pub device: Device,
    /// Folder of the data sets; needed unless the data are generated.
    pub data_root: Option<PathBuf>,
    /// Checkpoint file. The trial resumes from it when it exists.
    pub checkpoint: PathBuf,
    /// Least time between two checkpoints; one is written at an epoch's end
    /// only, and when the trial stops on request.
    pub checkpoint_every: Duration,
}

impl TrialConfig {
    /// Checks all settings, each alone and against the others, without libtorch.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.task.validate()?;
        self.optimizer.validate()?;
        for (name, value) in [
            ("batch_size", self.batch_size),
            ("epochs", self.epochs),
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
        if let Some(free_epochs) = self.optimizer.free_epochs {
            require(
                free_epochs < self.epochs as f64,
                "free_epochs",
                free_epochs,
                &format!(
                    "less than epochs = {}, or nothing is ever constrained",
                    self.epochs
                ),
            )?;
        }
        Ok(())
    }
}
