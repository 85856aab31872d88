//! How far a running trial is, told by its process for `lawn status` in any other.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::run::trial_dir::TrialDir;
use crate::run::{document, files};

/// Schema of `pulse.json`.
pub const SCHEMA: u32 = 1;

/// Least time between two writes.
const EVERY: Duration = Duration::from_secs(1);

/// The content of `pulse.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    /// Steps taken.
    pub step: u64,
    /// Steps of the whole trial.
    pub steps: u64,
    /// Steps a second since the process began to train, once it has taken some.
    pub steps_per_second: Option<f64>,
}

impl Pulse {
    /// The last pulse of the trial in `dir`. It is for show: one that cannot be read is none.
    #[must_use]
    pub fn read(dir: &TrialDir) -> Option<Self> {
        document::read(&dir.pulse(), 1..=SCHEMA).ok()
    }
}

/// Writes a trial's pulse now and then.
#[derive(Debug)]
pub struct Pulses {
    dir: TrialDir,
    first: Option<(Instant, u64)>,
    written: Option<Instant>,
}

impl Pulses {
    /// Pulses of the trial in `dir`.
    #[must_use]
    pub fn new(dir: &TrialDir) -> Self {
        Self {
            dir: dir.clone(),
            first: None,
            written: None,
        }
    }

    /// Notes a step, and writes it if the last write is a while ago. Nothing depends on a pulse,
    /// so that a write may fail.
    pub fn beat(&mut self, step: u64, steps: u64) {
        let (since, first) = *self.first.get_or_insert((Instant::now(), step));
        if self
            .written
            .is_some_and(|written| written.elapsed() < EVERY)
        {
            return;
        }
        self.written = Some(Instant::now());
        let seconds = since.elapsed().as_secs_f64();
        let taken = step.saturating_sub(first) as f64;
        let pulse = Pulse {
            step,
            steps,
            steps_per_second: (taken > 0.0 && seconds > 0.0).then(|| taken / seconds),
        };
        let path = self.dir.pulse();
        let _ = document::to_bytes(&path, SCHEMA, &pulse)
            .and_then(|bytes| files::replace_unflushed(&path, &bytes));
    }
}
