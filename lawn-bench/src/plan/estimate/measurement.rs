//! What the trials of a cell take.

use lawn_models::{Amount, Stage, Treatment};
use serde::{Deserialize, Serialize};

/// What the trials of one cell take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Samples in one epoch; negatives count.
    pub epoch_samples: u64,
    /// Seconds of one optimizer step, its samples included. None where this machine cannot take
    /// one.
    pub step_seconds: Option<f64>,
    /// Seconds of the last step of an epoch, which has the samples that are left.
    pub last_step_seconds: Option<f64>,
    /// Seconds of one evaluation.
    pub evaluation_seconds: f64,
    /// Seconds from the start of the process to the first step.
    pub start_seconds: f64,
    /// Greatest resident memory of the process, in bytes; 0 where the system does not say.
    pub peak_bytes: u64,
    /// What the optimizer does to each parameter, and why; empty where that was not measured.
    pub treatments: Vec<Treatment>,
    /// The parameters whose steps libtorch's operations take on CUDA, one by one.
    #[serde(default)]
    pub without_cuda_kernels: Vec<String>,
    /// What the seconds of a step are from.
    #[serde(default)]
    pub basis: Basis,
    /// The part of the time of measured steps that they waited for a core which other processes had.
    /// All seconds are without that: those of a quiet machine.
    #[serde(default)]
    pub waited: f64,
}

/// What the seconds of a step are from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Steps of the cell itself.
    #[default]
    Measured,
    /// Steps of the same rule and constraint in other batch sizes.
    OtherBatchSizes,
    /// Steps of the same rule and constraint in batches of at most so many samples, of which a step
    /// says little of this one's: a guess.
    SmallBatchSizes(u64),
    /// Steps of this arm, whose rule or constraint is another: a guess.
    OtherArm(String),
}

impl Measurement {
    /// Bytes of a model's parameters in f32, as they are written to a file.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let elements = |shape: &[i64]| shape.iter().product::<i64>().unsigned_abs();
        let parameters = self.treatments.iter();
        4 * parameters.map(|one| elements(&one.shape)).sum::<u64>()
    }

    /// Seconds of a trial over `part` of `budget` in batches of `batch_size`, where those of a step
    /// are known. A confirmation measures the test split at its end, too: as much again as one
    /// evaluation.
    #[must_use]
    pub fn trial_seconds(
        &self,
        [budget, every]: [Amount; 2],
        batch_size: u64,
        part: f64,
        stage: Stage,
    ) -> Option<f64> {
        let length = budget.length(self.epoch_samples, batch_size);
        let between = every.length(self.epoch_samples, batch_size);
        let steps = part * length.steps as f64;
        let evaluations = (part * length.samples as f64 / between.samples as f64).ceil();
        let evaluations = evaluations + f64::from(u8::from(stage == Stage::Confirm));
        let step = self.step_seconds?;
        let whole_epochs = (part * length.samples as f64 / self.epoch_samples as f64).floor();
        let spared = step - self.last_step_seconds.unwrap_or(step);
        let training = steps * step - whole_epochs * spared;
        Some(self.start_seconds + training + evaluations * self.evaluation_seconds)
    }
}
