//! Counts of the steps that a device takes while the host goes on without knowing.

use tch::{Device, Kind, Tensor};

/// How many rates are kept, so that memory does not grow with the steps that the
/// host does not ask about: 512 KiB.
const RATES: u64 = 1 << 16;

/// Counts the steps that the device takes, and knows the learning rate after
/// each number of them.
///
/// ```text
/// host     begun ← begun + 1
/// device   rates[begun mod n] ← η of the schedule
///          η ← rates[max(taken, begun − n + 1) mod n]        taken ← taken + (g is finite)
/// ```
///
/// Both count from when the host last knew how many were skipped. As `taken ≤ begun`, the rate
/// that the device looks up has been written. It is that of the schedule while fewer than n steps
/// have been skipped since then. The device remembers no more than n rates, so after more skipped
/// steps the schedule moves on. The device's half is in `cuda/passes.h`.
#[derive(Debug)]
pub(crate) struct Clock {
    begun: Counts,
    /// Steps and samples, `[2]`, i64.
    taken: Tensor,
    /// The samples in the last step.
    samples: u64,
    /// Rates, f64, which are written from the start again once they are full.
    rates: Tensor,
}

/// Steps, and the samples in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) steps: u64,
    pub(crate) samples: u64,
}

impl Clock {
    pub(crate) fn new(device: Device) -> Self {
        Self::of_at_most(RATES, device)
    }

    /// One that remembers so many rates.
    pub(crate) fn of_at_most(most: u64, device: Device) -> Self {
        Self {
            begun: Counts::default(),
            taken: Tensor::zeros([2], (Kind::Int64, device)),
            samples: 0,
            rates: Tensor::zeros([most as i64], (Kind::Double, device)),
        }
    }

    /// What the device counts in.
    pub(crate) fn taken(&self) -> &Tensor {
        &self.taken
    }

    /// Where it keeps the rates.
    pub(crate) fn rates(&self) -> &Tensor {
        &self.rates
    }

    /// Counts a step of so many samples, of which the device decides whether it is taken.
    pub(crate) fn count(&mut self, samples: u64) {
        self.samples = samples;
        self.begun.steps += 1;
        self.begun.samples += samples;
    }

    /// Steps since the host last knew.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.steps
    }

    /// The samples of the last step.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// How many steps since the host last knew were skipped; waits for the device
    /// if there are any.
    pub(crate) fn skipped(&self) -> Counts {
        if self.begun.steps == 0 {
            return Counts::default();
        }
        let taken = |index| self.taken.int64_value(&[index]) as u64;
        Counts {
            steps: self.begun.steps - taken(0),
            samples: self.begun.samples - taken(1),
        }
    }

    /// Counts anew: the host knows.
    pub(crate) fn reset(&mut self) {
        self.begun = Counts::default();
        let _ = self.taken.zero_();
    }
}
