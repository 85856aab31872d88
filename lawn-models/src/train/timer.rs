//! Where the time of a trial goes.

use std::time::Instant;

/// Tells the time of training from the time of waiting for samples.
pub(super) struct Timer {
    since: Instant,
    pub(super) waited: f64,
}

/// Seconds of one stretch of time.
pub(super) struct Lap {
    pub(super) elapsed: f64,
    /// How many of them were spent waiting for samples.
    pub(super) waited: f64,
}

impl Timer {
    pub(super) fn start() -> Self {
        Self {
            since: Instant::now(),
            waited: 0.0,
        }
    }

    /// The time since the last lap.
    pub(super) fn lap(&mut self) -> Lap {
        let lap = std::mem::replace(self, Self::start());
        Lap {
            elapsed: lap.since.elapsed().as_secs_f64(),
            waited: lap.waited,
        }
    }
}
