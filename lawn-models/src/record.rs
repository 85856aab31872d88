//! What a trial reports while it runs and when it ends.

use std::fmt;

use lawn_core::{Phase, Treatment};
use serde::{Deserialize, Serialize};

/// Part of a data set.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the gradients come from.
    Train,
    /// Held out from train, to choose settings.
    Validation,
    /// Measured once, at the end of a confirm trial.
    Test,
}

/// One metric on one split.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Where it was measured.
    pub split: Split,
    /// The metric's name, one of [`TaskMetrics::all`](crate::TaskMetrics::all).
    pub metric: String,
    /// Its value; `count / total` where both are given.
    pub value: f64,
    /// Hits, where the metric counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Cases that could have been hits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// Norm of one parameter at an evaluation.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct UnitNorm {
    /// Name of the parameter.
    pub parameter: String,
    /// ‖w‖₂ of the whole tensor, accumulated in f64.
    pub weight_norm: f64,
    /// Whether its norm is fixed now.
    pub constrained: bool,
}

/// What the last step before an evaluation did to the units of one parameter.
///
/// Norms are of the parameter as a whole, the other numbers over those of its units
/// that had a gradient.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ParameterDiagnostics {
    /// Name of the parameter.
    pub parameter: String,
    /// Its units.
    pub units: u64,
    /// Units whose norm was fixed.
    pub constrained: u64,
    /// ‖w‖₂ before the step.
    pub weight_norm: f64,
    /// ‖g‖₂, raw.
    pub gradient_norm: f64,
    /// Mean of cos(g, w).
    pub cosine: f64,
    /// Mean angle between the weights before and after the step, in radians.
    pub rotation: f64,
    /// Greatest such angle.
    pub rotation_max: f64,
    /// Mean trust ratio of LAMB and LARS; 1 for other rules.
    pub trust_ratio: f64,
    /// Greatest |‖w‖₂ / r − 1| before the step; 0 where no norm is fixed.
    pub radius_drift: f64,
}

/// Where the wall time went since the evaluation before.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// Forward, backward and optimizer, the device synchronized.
    pub train: f64,
    /// Waiting for samples and putting batches together.
    pub data: f64,
    /// Measuring on train and validation data.
    pub evaluate: f64,
    /// Writing the checkpoint before this record.
    pub checkpoint: f64,
}

/// One evaluation of one trial: a line of its log. Means and times are over the
/// steps since the evaluation before.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct EvaluationRecord {
    /// Epochs done, fractions included.
    pub epoch: f64,
    /// Optimizer steps done.
    pub step: u64,
    /// Samples trained on, counted with repetition.
    pub samples: u64,
    /// Phase of the last step.
    pub phase: Phase,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean loss of the samples, each at the time it was trained on.
    pub train_loss: f64,
    /// Every metric on the train and validation splits, and on the test split
    /// where a confirm trial has a test curve.
    pub measurements: Vec<Measurement>,
    /// Mean |logit| over the measured train samples.
    pub logit_mean_abs: f64,
    /// Greatest |logit| over the measured train samples.
    pub logit_max_abs: f64,
    /// Mean over the steps of the raw gradient's global norm.
    pub gradient_norm: f64,
    /// ‖·‖₂ of all trainable parameters together.
    pub weight_norm: f64,
    /// Norm of each parameter.
    pub units: Vec<UnitNorm>,
    /// What the last step did to each parameter, where that is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<ParameterDiagnostics>,
    /// ‖w − w₀‖₂ over the weights that LAWN constrains, or in a trial without LAWN
    /// would constrain by default; w₀ are the weights at the freeze, or where
    /// [`Diagnostics::distance_from`](crate::Diagnostics::distance_from) says. None
    /// up to there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_from_freeze: Option<f64>,
    /// Samples over `seconds.train + seconds.data`.
    pub samples_per_second: f64,
    /// Where the time went.
    pub seconds: Seconds,
}

/// Something out of the ordinary that a trial came through.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(tag = "notice", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Notice {
    /// A checkpoint was not as it was written; training went on from the one before
    /// it, or from the start.
    CheckpointDamaged {
        /// Name of the file.
        file: String,
        /// The name that it has now.
        kept_as: String,
        /// What was wrong.
        reason: String,
    },
    /// The log was not as it was written; training began again.
    LogDamaged {
        /// The name that it has now.
        kept_as: String,
        /// What was wrong.
        reason: String,
    },
    /// Memory ran out; training went on from the last checkpoint with fewer samples
    /// in memory at once. The result is the same up to rounding.
    MicroBatchReduced {
        /// Samples in memory at once before.
        from: u64,
        /// And after.
        to: u64,
        /// What was said of memory.
        reason: String,
    },
}

/// As in a sentence.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckpointDamaged {
                file,
                kept_as,
                reason,
            } => write!(f, "{file} was damaged ({reason}), kept as {kept_as}"),
            Self::LogDamaged { kept_as, reason } => {
                write!(
                    f,
                    "the log was damaged ({reason}), kept as {kept_as}; began again"
                )
            }
            Self::MicroBatchReduced { from, to, reason } => {
                write!(f, "micro-batch reduced from {from} to {to}: {reason}")
            }
        }
    }
}

/// What is known once a trial has been set up.
#[derive(Clone, Debug)]
pub struct TrialInfo {
    /// Optimizer steps in one epoch.
    pub steps_per_epoch: u64,
    /// Optimizer steps in all.
    pub steps: u64,
    /// Samples in one epoch; negatives count.
    pub train_samples: u64,
    /// Steps that an earlier run has done; 0 for a fresh start. Records of later
    /// steps are from work that was lost and is done again.
    pub resumed_step: u64,
    /// The last of them that has a record; 0 where none has.
    pub recorded_step: u64,
    /// What the optimizer will do to each parameter, and why.
    pub treatments: Vec<Treatment>,
}

/// Listens to a trial.
pub trait Observer {
    /// The trial is set up and about to train; called again where it had to begin
    /// again, or to go on from a checkpoint, for want of memory.
    fn started(&mut self, info: &TrialInfo);
    /// `step` of `steps` optimizer steps are done.
    fn progress(&mut self, step: u64, steps: u64);
    /// The trial has measured itself. Called before the next checkpoint is
    /// written, so that a log never lacks a record that a resumed trial skips.
    fn evaluated(&mut self, record: &EvaluationRecord);
    /// The trial came through something out of the ordinary. May be called before
    /// [`started`](Self::started), and before it is called again.
    fn notice(&mut self, _notice: &Notice) {}
    /// Polled at each step; the trial stops soon after it turns true.
    fn stop_requested(&self) -> bool;
    /// Asked before each checkpoint: false where another process trains this trial now,
    /// whose checkpoints must not be touched.
    fn may_save(&self) -> bool {
        true
    }
}

/// Hears nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn started(&mut self, _info: &TrialInfo) {}
    fn progress(&mut self, _step: u64, _steps: u64) {}
    fn evaluated(&mut self, _record: &EvaluationRecord) {}
    fn stop_requested(&self) -> bool {
        false
    }
}

/// How a trial ended that was set up without error.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "end", rename_all = "lowercase")]
pub enum TrialEnd {
    /// The budget is used up.
    Finished(TrialSummary),
    /// Loss, gradient, logits or parameters stopped being finite.
    Diverged {
        /// The epoch in which it was noticed, from 1.
        epoch: u64,
        /// Optimizer steps done by then.
        step: u64,
        /// What was not finite.
        reason: String,
    },
    /// Stopped on request; running it again resumes it.
    Preempted {
        /// Whole epochs done.
        epoch: u64,
        /// Optimizer steps done and kept in the checkpoint.
        step: u64,
    },
}

/// Result of a finished trial.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct TrialSummary {
    /// Epochs done, fractions included.
    pub epochs: f64,
    /// Optimizer steps done.
    pub steps: u64,
    /// Samples trained on, counted with repetition.
    pub samples: u64,
    /// Every metric on train and validation, and in a confirm trial on test.
    pub measurements: Vec<Measurement>,
    /// Mean loss of the samples since the evaluation before the last.
    pub train_loss: f64,
}
