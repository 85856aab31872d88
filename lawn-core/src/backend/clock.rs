//! Counts of the steps that a device takes while the host goes on without knowing.

use tch::{Device, Kind, Tensor};

/// How many rates are kept, so that memory does not grow with the steps that the
/// host does not ask about: 512 KiB.
const RATES: u64 = 1 << 16;

/// Counts the steps that the device takes, and knows the learning rate after
/// each number of them.
///
/// ```text
/// host     rates[begun mod n] ← η of the schedule            begun ← begun + 1
/// device   η ← rates[max(taken, begun − n + 1) mod n]        taken ← taken + (g is finite)
/// ```
///
/// Both count from when the host last knew how many were skipped. As `taken ≤ begun`, the rate
/// that the device looks up has been written. It is that of the schedule while fewer than n steps
/// have been skipped since then. The device remembers no more than n rates, so after more skipped
/// steps the schedule moves on.
#[derive(Debug)]
pub(crate) struct Clock {
    begun: Counts,
    /// Steps and samples, `[2]`, i64.
    taken: Tensor,
    /// What one step adds to them.
    each: Tensor,
    /// The samples in it.
    samples: u64,
    /// Rates, f64. They grow to [`most`](Self::most), and are then written from the start
    /// again.
    rates: Tensor,
    /// How many of them there are at most; a power of two.
    most: u64,
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

    fn of_at_most(most: u64, device: Device) -> Self {
        let counts = (Kind::Int64, device);
        let each = Tensor::ones([2], counts);
        let _ = each.get(1).zero_();
        Self {
            begun: Counts::default(),
            taken: Tensor::zeros([2], counts),
            each,
            samples: 0,
            rates: Tensor::zeros([most.min(64) as i64], (Kind::Double, device)),
            most,
        }
    }

    pub(crate) fn device(&self) -> Device {
        self.taken.device()
    }

    /// The learning rate of the step that begins, `[1]`, f64, which is `rate`
    /// if none was skipped.
    pub(crate) fn rate(&mut self, rate: f64) -> Tensor {
        let (begun, most) = (self.begun.steps, self.most);
        if begun < most && begun as i64 == self.rates.size()[0] {
            self.rates = Tensor::cat(&[&self.rates, &self.rates.zeros_like()], 0);
        }
        let _ = self.rates.get((begun % most) as i64).fill_(rate);
        let taken = self.taken.get(0);
        if begun < most {
            return self.rates.index_select(0, &taken);
        }
        let oldest = (begun + 1 - most) as i64;
        let at = taken.clamp_min(oldest).remainder(most as i64);
        self.rates.index_select(0, &at)
    }

    /// Counts a step of so many samples that is taken if `finite`, a boolean
    /// scalar; returns how many were taken with it, scalar, i64.
    pub(crate) fn count(&mut self, samples: u64, finite: &Tensor) -> Tensor {
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
        // Not in place, as reports of earlier steps hold the old tensor.
        self.taken = self.taken.zeros_like();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 8;

    /// The rates that the device finds in so many steps, of which some are skipped,
    /// under the schedule η(t) = t; and what it keeps.
    fn rates(steps: u64, skipped: impl Fn(u64) -> bool) -> (Vec<f64>, Clock) {
        let mut clock = Clock::of_at_most(MOST, Device::Cpu);
        let mut found = Vec::new();
        for step in 0..steps {
            found.push(clock.rate(step as f64).double_value(&[0]));
            let _ = clock.count(1, &Tensor::from(!skipped(step)));
        }
        (found, clock)
    }

    #[test]
    fn the_rate_is_that_of_the_steps_taken_however_many_there_are() {
        // Seven skipped in a thousand, at the start, over all of it, at the end.
        for skipped in [
            |_| false,
            |step| step < 7,
            |step| step % 143 == 1,
            |step| step >= 993,
        ] as [fn(u64) -> bool; 4]
        {
            let (found, clock) = rates(1000, skipped);
            let mut taken = 0;
            for (step, rate) in (0..).zip(found) {
                assert_eq!(rate, f64::from(taken), "step {step}");
                taken += i32::from(!skipped(step));
            }
            assert_eq!(clock.skipped().steps, 1000 - taken as u64);
            assert_eq!(clock.rates.size(), [MOST as i64]);
        }
    }

    #[test]
    fn more_skipped_steps_than_it_remembers_move_the_schedule_on() {
        let (found, clock) = rates(100, |step| step < 20);
        // Those remembered end with the step that begins.
        let expected = |step: u64| (step + 1).saturating_sub(MOST).max(step.saturating_sub(20));
        let expected: Vec<f64> = (0..100).map(|step| expected(step) as f64).collect();
        assert_eq!(found, expected);
        assert_eq!(clock.skipped().steps, 20);
    }

    #[test]
    fn once_the_host_knows_it_remembers_as_many_anew() {
        let (_, mut clock) = rates(50, |step| step % 10 == 3);
        clock.reset();
        assert_eq!(clock.rate(0.5).double_value(&[0]), 0.5);
    }
}
