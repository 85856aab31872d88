//! How far a trial has come: what a checkpoint has to know besides tensors.

use serde::{Deserialize, Serialize};

use crate::config::Length;
use crate::record::{EvaluationRecord, Seconds};

/// How far a trial has come.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    /// Whole epochs done.
    pub(super) epoch: u64,
    /// Steps done in the epoch under way.
    pub(super) step_in_epoch: u64,
    /// Samples trained on.
    pub(super) samples: u64,
    /// What happened since the last evaluation.
    pub(super) since: Interval,
    /// The last evaluation.
    pub(super) last: Option<EvaluationRecord>,
    /// Samples that fit in memory at once, where fewer did than were asked for.
    pub(super) micro_batch_size: Option<u64>,
}

/// What happened from one evaluation to the next.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(super) struct Interval {
    /// Steps taken.
    pub(super) steps: u64,
    /// Samples trained on.
    pub(super) samples: u64,
    /// Sum of their losses.
    pub(super) loss_sum: f64,
    /// Sum over the steps of the gradient norm.
    pub(super) gradient_norm_sum: f64,
    /// Where the time went.
    pub(super) seconds: Seconds,
}

impl Progress {
    /// Where in its epoch the next batch starts, and how many samples it has: what
    /// is left of the epoch or of the budget ends it early.
    pub(super) fn next_batch(&self, length: &Length, batch_size: u64) -> (u64, u64) {
        let start = self.step_in_epoch * batch_size;
        let count = batch_size
            .min(length.epoch_samples - start)
            .min(length.samples - self.samples);
        (start, count)
    }

    /// Counts one step over `samples`.
    pub(super) fn advance(&mut self, length: &Length, samples: u64) {
        self.samples += samples;
        self.since.steps += 1;
        self.since.samples += samples;
        self.step_in_epoch += 1;
        if self.step_in_epoch == length.steps_per_epoch {
            self.epoch += 1;
            self.step_in_epoch = 0;
        }
    }
}
