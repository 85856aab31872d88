//! What a trial's process says while it runs: one JSON object a line.

use lawn_analysis::records::Outcome;
use lawn_models::{Beginning, EvaluationRecord, Notice};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

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
    /// So far has it come before its first step is taken.
    Reached {
        /// What is behind it.
        beginning: Beginning,
        /// When, in seconds since 1970-01-01 00:00 UTC.
        unix_seconds: f64,
    },
    /// So much of its GPU's memory has libtorch had in it, at the most.
    Reserved {
        /// In bytes.
        bytes: u64,
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

impl Event {
    /// That a trial has come so far now.
    pub(super) fn reached(beginning: Beginning) -> Self {
        Self::reached_at(beginning, SystemTime::now())
    }

    /// That it had come so far then.
    pub(super) fn reached_at(beginning: Beginning, when: SystemTime) -> Self {
        let since = when.duration_since(SystemTime::UNIX_EPOCH);
        Self::Reached {
            beginning,
            unix_seconds: since.map_or(0.0, |since| since.as_secs_f64()),
        }
    }
}

/// Prints `event` as a line. A launcher that is gone is no reason to fail: the
/// closed standard input stops the trial in order.
pub(super) fn emit(event: &Event) {
    let mut line = serde_json::to_string(event).unwrap_or_default();
    line.push('\n');
    streams::print(&line);
}
