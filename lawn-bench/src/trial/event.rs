//! What a trial's process says while it runs: one JSON object a line.

use lawn_analysis::records::Outcome;
use lawn_models::{EvaluationRecord, Notice};
use serde::{Deserialize, Serialize};

use crate::process::streams;

/// What a trial's process says while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// Training begins, or goes on after `resumed_step`.
    Started {
        /// Last step of the checkpoint that training goes on from; 0 for a fresh start.
        resumed_step: u64,
        /// Steps of the whole trial.
        steps: u64,
    },
    /// So many steps of all have been taken.
    Progress {
        /// Steps taken.
        step: u64,
        /// Steps of the whole trial.
        steps: u64,
    },
    /// The trial has measured itself.
    Evaluated {
        /// What it measured, as in the log.
        record: Box<EvaluationRecord>,
    },
    /// The trial came through something out of the ordinary.
    Noticed {
        /// What it was.
        notice: Notice,
    },
    /// The trial is over or was stopped.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// Prints `event` as a line. A launcher that is gone is no reason to fail: the
/// closed standard input stops the trial in order.
pub(super) fn emit(event: &Event) {
    let mut line = serde_json::to_string(event).unwrap_or_default();
    line.push('\n');
    streams::print(&line);
}
