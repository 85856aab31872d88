use std::sync::Arc;

use lawn_core::Parameters;
use tch::Tensor;
use tch::nn::VarStore;

use crate::data::{DataError, Dataset};
use crate::measure::{Measurement, Objective};
use crate::models::{self, Layout, Mode, Model};
use crate::trial::TestPermit;

/// What a trial trains: a model, what it learns from, and what for.
pub(crate) struct Task {
    /// The variables of the model, running statistics included.
    pub(crate) store: VarStore,
    pub(crate) model: Box<dyn Model>,
    pub(crate) dataset: Arc<dyn Dataset>,
    pub(crate) objective: Box<dyn Objective>,
    /// How what the model is given lies in memory.
    pub(crate) layout: Layout,
    /// Whether batch normalization has a single value of a channel in a sample somewhere, so that
    /// it can take no variance over one sample.
    pub(crate) needs_two: bool,
}

impl Task {
    /// What the optimizer is built of.
    ///
    /// # Errors
    /// As [`models::parameters`].
    pub(crate) fn parameters(&self) -> Result<Parameters, lawn_core::Error> {
        models::parameters(&*self.model, &self.store)
    }

    /// Measures the test split.
    ///
    /// # Errors
    /// [`DataError`] where it cannot be read.
    pub(crate) fn measure_test(&self, permit: &TestPermit) -> Result<Vec<Measurement>, DataError> {
        self.objective
            .measure_test(&|inputs| self.answer(inputs), permit)
    }

    /// Logits of a batch.
    pub(crate) fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        if self.layout == Layout::Contiguous {
            return self.model.forward(inputs, mode);
        }
        let laid: Vec<Tensor> = inputs.iter().map(|input| self.layout.lay(input)).collect();
        self.model.forward(&laid, mode)
    }

    /// Logits as evaluation computes them.
    pub(crate) fn answer(&self, inputs: &[Tensor]) -> Tensor {
        self.forward(inputs, Mode::Evaluate)
    }
}
