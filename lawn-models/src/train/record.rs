//! What a trial reports while it runs and when it ends.

use std::fmt;

use lawn_core::Phase;
use serde::{Deserialize, Serialize};

use crate::measure::Measurement;

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
    /// Mean over the steps of the raw gradient's global norm; those that f16 skipped are left
    /// out, and it is 0 where it skipped all.
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
    /// How far the net has moved as a function, as the mean total variation distance
    /// `½ Σ |p − p₀|` between what it answers for each measured input of the validation split and
    /// what it answered at `w₀`: 0 where no answer has changed, 1 where none has anything in common.
    /// `p` is the probability of each class, or of yes and no. Measured where
    /// [`Diagnostics::distance_from`](crate::Diagnostics::distance_from) is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_distance: Option<f64>,
    /// Steps before the freeze, from the evaluation on whose numbers brought it about; none where
    /// [`freeze_when`](crate::OptimizerSettings::freeze_when) has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_at_step: Option<u64>,
    /// Samples over `seconds.train + seconds.data`.
    pub samples_per_second: f64,
    /// Where the time went.
    pub seconds: Seconds,
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

/// When the norms of a trial were fixed, or bounded, and by what.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Steps before it.
    pub step: u64,
    /// What brought it about.
    pub by: FreezeCause,
}

/// What brings a freeze about.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FreezeCause {
    /// An evaluation that met [`freeze_when`](crate::OptimizerSettings::freeze_when).
    Condition,
    /// The end of the free phase; the start, where there is none.
    FreePhase,
}

/// As in a sentence.
impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.by, self.step) {
            (FreezeCause::Condition, step) => write!(f, "after step {step}, by freeze_when"),
            (FreezeCause::FreePhase, 0) => f.write_str("from the first step on"),
            (FreezeCause::FreePhase, step) => {
                write!(f, "after step {step}, at the end of the free phase")
            }
        }
    }
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
    /// Steps before the freeze, where [`freeze_when`](crate::OptimizerSettings::freeze_when) has
    /// brought it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_at_step: Option<u64>,
    /// When the norms were fixed, whatever brought it about; none where no constraint has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
}
