use std::fmt;

use serde::{Deserialize, Serialize};

/// So much training, in one of three units.
///
/// In JSON and TOML one key: `{ epochs = 20 }`, `{ steps = 2000 }` or
/// `{ samples = 1_000_000 }`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Amount {
    /// Passes over the train split.
    Epochs(u64),
    /// Optimizer steps.
    Steps(u64),
    /// Samples trained on, counted with repetition.
    Samples(u64),
}

/// What a budget comes to with a train split and a batch size.
///
/// A batch never crosses the end of an epoch: the last step of an epoch takes
/// what is left of it, and the last step of all takes what is left of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Optimizer steps in one epoch.
    pub steps_per_epoch: u64,
    /// Optimizer steps in all.
    pub steps: u64,
    /// Samples in one epoch.
    pub epoch_samples: u64,
    /// Samples in all, counted with repetition.
    pub samples: u64,
}

impl Amount {
    /// The names of the units, as they are written in a configuration.
    pub const UNITS: &[&str] = &["epochs", "steps", "samples"];

    /// The number, without its unit.
    pub fn count(self) -> u64 {
        match self {
            Self::Epochs(count) | Self::Steps(count) | Self::Samples(count) => count,
        }
    }

    /// The unit, as it is written in a configuration.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Epochs(_) => "epochs",
            Self::Steps(_) => "steps",
            Self::Samples(_) => "samples",
        }
    }

    /// What this budget comes to with `epoch_samples` in an epoch, in batches of
    /// `batch_size`; both are 1 or more.
    ///
    /// ```
    /// use lawn_models::Amount;
    /// // Epochs of 100 samples are cut into 30 + 30 + 30 + 10.
    /// let length = |amount: Amount| amount.length(100, 30);
    /// assert_eq!(length(Amount::Epochs(2)).steps, 8);
    /// assert_eq!(length(Amount::Steps(5)).samples, 130);
    /// assert_eq!(length(Amount::Samples(145)).steps, 6);
    /// ```
    pub fn length(self, epoch_samples: u64, batch_size: u64) -> Length {
        let steps_per_epoch = epoch_samples.div_ceil(batch_size);
        let (steps, samples) = match self {
            Self::Epochs(epochs) => (
                epochs.saturating_mul(steps_per_epoch),
                epochs.saturating_mul(epoch_samples),
            ),
            Self::Steps(steps) => {
                let (epochs, rest) = (steps / steps_per_epoch, steps % steps_per_epoch);
                (
                    steps,
                    epochs
                        .saturating_mul(epoch_samples)
                        .saturating_add(rest * batch_size),
                )
            }
            Self::Samples(samples) => {
                let (epochs, rest) = (samples / epoch_samples, samples % epoch_samples);
                (
                    epochs * steps_per_epoch + rest.div_ceil(batch_size),
                    samples,
                )
            }
        };
        Length {
            steps_per_epoch,
            steps,
            epoch_samples,
            samples,
        }
    }
}

impl Length {
    /// Epochs in all, fractions included.
    pub fn epochs(&self) -> f64 {
        self.samples as f64 / self.epoch_samples as f64
    }

    /// How many evaluations come within the first `steps` steps, one `every` so much, that at the
    /// end of all of them not counted where nothing else brings it about.
    ///
    /// ```
    /// use lawn_models::Amount;
    /// // Epochs of 100 samples in batches of 30 have 4 steps.
    /// let length = Amount::Epochs(3).length(100, 30);
    /// let within = |every, steps| length.evaluations(every, steps, 30);
    /// assert_eq!([3, 4, 11, 12].map(|steps| within(Amount::Epochs(1), steps)), [0, 1, 2, 3]);
    /// assert_eq!(within(Amount::Steps(5), 11), 2);
    /// ```
    #[must_use]
    pub fn evaluations(&self, every: Amount, steps: u64, batch_size: u64) -> u64 {
        let steps = steps.min(self.steps);
        let samples = Amount::Steps(steps)
            .length(self.epoch_samples, batch_size)
            .samples;
        let within = |length: u64| (samples.min(self.samples) / length.max(1)).min(steps);
        match every {
            Amount::Epochs(epochs) => within(epochs.saturating_mul(self.epoch_samples)),
            Amount::Steps(every) => steps / every.max(1),
            Amount::Samples(samples) => within(samples),
        }
    }

    /// Whether training from `before` samples to `after` samples, `step` steps in
    /// all by then, comes to a multiple of `every` or passes one.
    pub(crate) fn reaches(&self, every: Amount, step: u64, before: u64, after: u64) -> bool {
        let passes = |length: u64| before / length < after / length;
        match every {
            Amount::Epochs(epochs) => passes(epochs.saturating_mul(self.epoch_samples)),
            Amount::Steps(steps) => step.is_multiple_of(steps),
            Amount::Samples(samples) => passes(samples),
        }
    }
}

/// As in a sentence: `1 epoch`, `2000 steps`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = (self.count(), self.unit());
        let unit = if count == 1 {
            &unit[..unit.len() - 1]
        } else {
            unit
        };
        write!(f, "{count} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_counts_the_same_batches() {
        for batch_size in [1, 7, 10, 30, 100, 1000] {
            for samples in 1..=320 {
                let length = Amount::Samples(samples).length(100, batch_size);
                assert!(length.steps >= 1);
                // The batches, taken one by one.
                let (mut steps, mut done) = (0, 0);
                while done < samples {
                    done += batch_size.min(100 - done % 100).min(samples - done);
                    steps += 1;
                }
                assert_eq!((length.steps, length.samples), (steps, samples));
            }
            for steps in 1..=50 {
                let length = Amount::Steps(steps).length(100, batch_size);
                let mut done = 0;
                for _ in 0..steps {
                    done += batch_size.min(100 - done % 100);
                }
                assert_eq!((length.steps, length.samples), (steps, done));
            }
            let whole = Amount::Epochs(3).length(100, batch_size);
            assert_eq!(whole, Amount::Samples(300).length(100, batch_size));
            assert_eq!(whole.epochs(), 3.0);
        }
    }

    #[test]
    fn a_multiple_is_reached_once() {
        let length = Amount::Epochs(4).length(100, 30);
        let reached = |every: Amount| {
            let (mut step, mut done, mut found) = (0, 0, Vec::new());
            while done < 400 {
                let after = done + 30.min(100 - done % 100);
                step += 1;
                if length.reaches(every, step, done, after) {
                    found.push(after);
                }
                done = after;
            }
            found
        };
        assert_eq!(reached(Amount::Epochs(2)), [200, 400]);
        assert_eq!(reached(Amount::Steps(6)), [160, 300]);
        // At the first step's end that has them.
        assert_eq!(reached(Amount::Samples(150)), [160, 300]);
        assert_eq!(reached(Amount::Samples(1)).len(), 16);
    }

    #[test]
    fn an_amount_is_one_key() {
        let text = serde_json::to_string(&Amount::Steps(5)).unwrap();
        assert_eq!(text, r#"{"steps":5}"#);
        assert_eq!(
            serde_json::from_str::<Amount>(&text).unwrap(),
            Amount::Steps(5)
        );
        assert!(serde_json::from_str::<Amount>(r#"{"steps":5,"epochs":1}"#).is_err());
        assert_eq!(Amount::Epochs(1).to_string(), "1 epoch");
        assert_eq!(Amount::Samples(10).to_string(), "10 samples");
    }
}
