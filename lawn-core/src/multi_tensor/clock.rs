//! Which of the steps that the host has begun the device has taken.

use tch::{Device, Kind, Tensor};

/// Counts the steps that the device takes, and knows the learning rate after
/// each number of them.
///
/// ```text
/// host     rates[begun] ← η of the schedule      begun ← begun + 1
/// device   η ← rates[taken]                      taken ← taken + (g is finite)
/// ```
///
/// Both count from when the host last knew how many were skipped. As `taken ≤
/// begun`, the rate that the device looks up has been written.
#[derive(Debug)]
pub(super) struct Clock {
    begun: Counts,
    /// Steps and samples, `[2]`, i64.
    taken: Tensor,
    /// What one step adds to them.
    each: Tensor,
    /// The samples in it.
    samples: u64,
    /// f64; 8 bytes for each step begun.
    rates: Tensor,
}

/// Steps, and the samples in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) steps: u64,
    pub(crate) samples: u64,
}

impl Clock {
    pub(super) fn new(device: Device) -> Self {
        let counts = (Kind::Int64, device);
        let each = Tensor::ones([2], counts);
        let _ = each.get(1).zero_();
        Self {
            begun: Counts::default(),
            taken: Tensor::zeros([2], counts),
            each,
            samples: 0,
            rates: Tensor::zeros([64], (Kind::Double, device)),
        }
    }

    pub(super) fn device(&self) -> Device {
        self.taken.device()
    }

    /// The learning rate of the step that begins, `[1]`, f64, which is `rate`
    /// if none was skipped.
    pub(super) fn rate(&mut self, rate: f64) -> Tensor {
        let at = self.begun.steps as i64;
        if at == self.rates.size()[0] {
            self.rates = Tensor::cat(&[&self.rates, &self.rates.zeros_like()], 0);
        }
        let _ = self.rates.get(at).fill_(rate);
        self.rates.index_select(0, &self.taken.get(0))
    }

    /// Counts a step of so many samples that is taken if `finite`, a boolean
    /// scalar; answers how many were taken with it, scalar, i64.
    pub(super) fn count(&mut self, samples: u64, finite: &Tensor) -> Tensor {
        if samples != self.samples {
            let _ = self.each.get(1).fill_(samples as i64);
            self.samples = samples;
        }
        self.begun.steps += 1;
        self.begun.samples += samples;
        self.taken = &self.taken + &self.each * finite;
        self.taken.get(0)
    }

    /// Steps since the host last knew.
    pub(super) fn begun(&self) -> u64 {
        self.begun.steps
    }

    /// The samples of the last step.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// How many steps since the host last knew were skipped; waits for the device
    /// if there are any.
    pub(super) fn skipped(&self) -> Counts {
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
    pub(super) fn reset(&mut self) {
        self.begun = Counts::default();
        // Not in place: reports of earlier steps look at what it was.
        self.taken = self.taken.zeros_like();
    }
}
