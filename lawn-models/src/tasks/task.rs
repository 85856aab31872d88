use std::sync::Arc;

use lawn_core::Parameters;
use tch::Tensor;
use tch::nn::VarStore;

use crate::data::{DataError, Dataset};
use crate::measure::{Measurement, Objective};
use crate::models::{Mode, Model};
use crate::trial::TestPermit;

/// What a trial trains: a model, what it learns from, and what for.
pub(crate) struct Task {
    /// The variables of the model, running statistics included.
    pub(crate) store: VarStore,
    pub(crate) model: Box<dyn Model>,
    pub(crate) dataset: Arc<dyn Dataset>,
    pub(crate) objective: Box<dyn Objective>,
    pub(crate) layout: Layout,
}

/// How what has channels lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[samples, channels, height, width]`, the last dimension closest.
    Contiguous,
    /// The channels closest; dimensions are named in the same order.
    ChannelsLast,
}

impl Layout {
    /// Lays the weights of a model with their channels last.
    pub(crate) fn channels_last(store: &VarStore) -> Self {
        for mut variable in store.variables().into_values() {
            if variable.dim() == 4 {
                let laid = Self::ChannelsLast.lay(&variable.detach());
                variable.set_data(&laid);
            }
        }
        Self::ChannelsLast
    }

    /// The same values in this layout.
    fn lay(self, tensor: &Tensor) -> Tensor {
        match self {
            Self::ChannelsLast if tensor.dim() == 4 => tensor
                .permute([0, 2, 3, 1])
                .contiguous()
                .permute([0, 3, 1, 2]),
            _ => tensor.shallow_clone(),
        }
    }
}

impl Task {
    /// The trainable variables in forward order, with their roles and layers.
    ///
    /// # Errors
    /// As [`Parameters::from_var_store`] and [`Parameters::set_layers`].
    pub(crate) fn parameters(&self) -> Result<Parameters, lawn_core::Error> {
        let mut parameters = Parameters::from_var_store(&self.store)?;
        parameters.set_layers(self.model.layers())?;
        Ok(parameters)
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
        match self.layout {
            Layout::Contiguous => self.model.forward(inputs, mode),
            layout => {
                let laid: Vec<Tensor> = inputs.iter().map(|input| layout.lay(input)).collect();
                self.model.forward(&laid, mode)
            }
        }
    }

    /// Logits as evaluation computes them.
    pub(crate) fn answer(&self, inputs: &[Tensor]) -> Tensor {
        self.forward(inputs, Mode::Evaluate)
    }
}
