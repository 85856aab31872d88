use std::ops::Range;

use tch::{Device, Tensor};

use super::error::DataError;

/// The value of a task's `data` that stands for data made in the process.
pub(crate) const GENERATED: &str = "generated";

/// Samples that are next to each other in an epoch.
#[derive(Debug)]
pub struct Batch {
    /// What a model takes; the first dimension of each counts samples.
    pub inputs: Vec<Tensor>,
    /// What an objective compares the logits with, `[N]` or more.
    pub targets: Tensor,
}

impl Batch {
    /// The same on a device. Nothing is copied where it is there already.
    #[must_use]
    pub fn to_device(&self, device: Device) -> Self {
        Self {
            inputs: self
                .inputs
                .iter()
                .map(|one| one.to_device(device))
                .collect(),
            targets: self.targets.to_device(device),
        }
    }

    /// Several as one, in their order.
    ///
    /// # Panics
    /// If there are none.
    pub(crate) fn cat(all: &[Self]) -> Self {
        let column = |of: &dyn Fn(&Self) -> &Tensor| {
            let parts: Vec<&Tensor> = all.iter().map(of).collect();
            Tensor::cat(&parts, 0)
        };
        let columns = 0..all[0].inputs.len();
        Self {
            inputs: columns.map(|at| column(&|one| &one.inputs[at])).collect(),
            targets: column(&|one| &one.targets),
        }
    }

    /// A part of it, which shares its memory.
    #[must_use]
    pub fn narrow(&self, start: u64, count: u64) -> Self {
        let part = |of: &Tensor| of.narrow(0, start as i64, count as i64);
        Self {
            inputs: self.inputs.iter().map(part).collect(),
            targets: part(&self.targets),
        }
    }
}

/// Samples in an order that is new in each epoch.
///
/// The samples of an epoch are numbered from 0. Which one has a number, and how it is
/// shown, is decided by the seed, the epoch and the number alone: batches of any size cut
/// up one sequence, and it does not matter who asks for them, or in which order.
pub trait Dataset: Send + Sync {
    /// Samples in one epoch.
    fn len(&self) -> u64;

    /// Whether an epoch has no sample.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples of an epoch with these numbers, on the CPU.
    ///
    /// # Errors
    /// [`DataError`] naming the file that cannot be read.
    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError>;

    /// The same on a device: what can be computed there is.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    fn batch_on(
        &self,
        samples: Range<u64>,
        epoch: u64,
        device: Device,
    ) -> Result<Batch, DataError> {
        Ok(self.batch(samples, epoch)?.to_device(device))
    }

    /// Why samples that a device was to draw or to show by a kernel come about without it, once.
    fn take_reason(&self) -> Option<String> {
        None
    }

    /// Samples that are best brought to a device together, where a batch has fewer.
    fn together(&self) -> u64 {
        1
    }
}
