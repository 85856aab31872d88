use std::ops::Range;

use tch::Tensor;

use super::measurement::{Measurement, Split};
use crate::data::DataError;
use crate::trial::TestPermit;

/// Logits of inputs of a split as evaluation computes them, in one process or in several that answer
/// together. A function of split and inputs is one of one process.
pub(crate) trait Forward {
    /// How many processes answer: as many times as many samples are best taken at once.
    fn ranks(&self) -> u64 {
        1
    }

    /// What this process has to do with samples that are taken at once.
    fn part(&self, samples: Range<u64>) -> Part {
        Part {
            own: samples.clone(),
            samples,
        }
    }

    /// The logits of all, where `inputs` are those of this process's part.
    fn answer(&self, split: Split, inputs: &[Tensor], part: &Part) -> Tensor;

    /// The rows of all, where `own` are those of this process's part.
    fn gather(&self, own: Tensor, _part: &Part) -> Tensor {
        own
    }
}

impl<F: Fn(Split, &[Tensor]) -> Tensor> Forward for F {
    fn answer(&self, split: Split, inputs: &[Tensor], _part: &Part) -> Tensor {
        self(split, inputs)
    }
}

/// Samples that are taken at once, and those of them that one process reads and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) samples: Range<u64>,
    pub(crate) own: Range<u64>,
}

impl Part {
    /// Of one of so many ranks; all of them have all samples where these are fewer.
    pub(crate) fn of_rank(samples: Range<u64>, rank: u64, ranks: u64) -> Self {
        let count = samples.end - samples.start;
        let own = match count < ranks {
            true => samples.clone(),
            false => {
                let [from, to] = [rank, rank + 1].map(|before| count * before / ranks);
                samples.start + from..samples.start + to
            }
        };
        Self { samples, own }
    }

    /// Whether other processes have the rest.
    pub(crate) fn is_shared(&self) -> bool {
        self.own != self.samples
    }
}

/// Measurements on train and validation data, with the sizes of the logits.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) measurements: Vec<Measurement>,
    /// Mean |logit| over the measured train samples.
    pub(crate) logit_mean_abs: f64,
    /// Greatest |logit| over them; NaN where one is.
    pub(crate) logit_max_abs: f64,
}

/// What the logits of a model are for.
pub(crate) trait Objective {
    /// Sum of the losses of a batch, a scalar.
    fn loss(&self, logits: &Tensor, targets: &Tensor) -> Tensor;

    /// Samples that [`measure`](Self::measure) asks for the logits of.
    fn samples(&self) -> u64;

    /// Measures the train and validation splits.
    ///
    /// # Errors
    /// [`DataError`] naming the file that cannot be read.
    fn measure(&self, forward: &dyn Forward) -> Result<Assessment, DataError>;

    /// Loads and measures the test split.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn measure_test(
        &self,
        forward: &dyn Forward,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, DataError>;
}

/// Ranges of samples that a data set was asked for.
#[cfg(test)]
pub(crate) type ReadRanges = std::sync::Arc<std::sync::Mutex<Vec<Range<u64>>>>;

/// One of four ranks of which no other answers: zeros stand for what they would.
#[cfg(test)]
pub(crate) struct Quarter<F> {
    pub(crate) rank: u64,
    pub(crate) answer: F,
}

#[cfg(test)]
impl<F: Fn(&[Tensor]) -> Tensor> Forward for Quarter<F> {
    fn ranks(&self) -> u64 {
        4
    }

    fn part(&self, samples: Range<u64>) -> Part {
        Part::of_rank(samples, self.rank, 4)
    }

    fn answer(&self, _split: Split, inputs: &[Tensor], part: &Part) -> Tensor {
        self.gather((self.answer)(inputs), part)
    }

    fn gather(&self, own: Tensor, part: &Part) -> Tensor {
        let mut shape = own.size();
        let per_sample = shape[0] / (part.own.end - part.own.start) as i64;
        shape[0] = per_sample * (part.samples.end - part.samples.start) as i64;
        let all = Tensor::zeros(&shape[..], (own.kind(), own.device()));
        let before = per_sample * (part.own.start - part.samples.start) as i64;
        all.narrow(0, before, own.size()[0]).copy_(&own);
        all
    }
}
