//! What the trainer needs of a task: one interface for all kinds.

use lawn_core::Parameters;
use tch::Tensor;
use tch::nn::VarStore;

use crate::DataError;
use crate::config::Stage;
use crate::record::Measurement;

/// Leave to look at test data. Whatever reads a test split asks for one, and only a
/// confirm stage gives it: in a tune trial there is none, and nobody can make one.
///
/// ```compile_fail
/// let permit = lawn_models::TestPermit(());
/// ```
/// ```compile_fail
/// let permit = lawn_models::TestPermit::of(lawn_models::Stage::Confirm);
/// ```
/// ```compile_fail
/// let permit: lawn_models::TestPermit = Default::default();
/// ```
/// ```compile_fail
/// fn another(permit: &lawn_models::TestPermit) -> lawn_models::TestPermit {
///     permit.clone()
/// }
/// ```
/// It can be named, so that the examples above fail for what they should:
/// ```
/// fn reads_test_data(_permit: &lawn_models::TestPermit) {}
/// ```
#[derive(Debug)]
pub struct TestPermit(());

impl TestPermit {
    /// The permit of a stage, if it has one.
    pub(crate) fn of(stage: Stage) -> Option<Self> {
        match stage {
            Stage::Tune => None,
            Stage::Confirm => Some(Self(())),
        }
    }
}

/// A run of an epoch's samples on the device.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) targets: Tensor,
}

/// Measurements on train and validation data, with the sizes of the logits.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) logit_mean_abs: f64,
    pub(crate) logit_max_abs: f64,
}

/// A model with its data.
///
/// Samples of an epoch are numbered from 0. A task decides their order from
/// `(seed, epoch)` alone, so that batches of any size cut up the same sequence.
pub(crate) trait Task {
    /// All variables, running statistics included.
    fn store(&self) -> &VarStore;

    /// The same, to be overwritten from a checkpoint.
    fn store_mut(&mut self) -> &mut VarStore;

    /// Trainable variables in forward order with their roles.
    fn parameters(&self) -> Result<Parameters, lawn_core::Error>;

    /// Samples in one epoch.
    fn train_samples(&self) -> u64;

    /// A forward pass over a multiple of this many samples gives the same as
    /// passes over its parts.
    fn divisible_by(&self) -> u64;

    /// Puts the samples of `epoch` in order; `another` says that the next epoch
    /// will be asked for as well.
    fn start_epoch(&mut self, epoch: u64, another: bool);

    /// Samples `start .. start + count` of the epoch.
    fn batch(&self, start: u64, count: u64) -> Batch;

    /// Sum of the losses of a batch, a scalar.
    fn loss(&self, batch: &Batch) -> Tensor;

    /// Measures the train and validation splits.
    fn measure(&self) -> Measured;

    /// Loads and measures the test split.
    fn measure_test(&self, permit: &TestPermit) -> Result<Vec<Measurement>, DataError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tune_stage_gives_no_permit() {
        assert!(TestPermit::of(Stage::Tune).is_none());
        assert!(TestPermit::of(Stage::Confirm).is_some());
    }
}
