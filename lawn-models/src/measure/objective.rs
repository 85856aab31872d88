use tch::Tensor;

use super::measurement::{Measurement, Split};
use crate::data::DataError;
use crate::trial::TestPermit;

/// Logits of inputs of a split as evaluation computes them.
pub(crate) type Forward<'m> = dyn Fn(Split, &[Tensor]) -> Tensor + 'm;

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

    /// Measures the train and validation splits.
    ///
    /// # Errors
    /// [`DataError`] naming the file that cannot be read.
    fn measure(&self, forward: &Forward<'_>) -> Result<Assessment, DataError>;

    /// Loads and measures the test split.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn measure_test(
        &self,
        forward: &Forward<'_>,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, DataError>;
}
