use std::collections::BTreeMap;
use std::sync::Arc;

use lawn_core::Parameters;
use tch::Tensor;
use tch::nn::VarStore;

use crate::data::Dataset;
use crate::measure::Objective;
use crate::models::{self, Layout, Mode, Model};

/// Rows of tables by the names of their parameters.
pub(crate) type TableRows = BTreeMap<String, i64>;

/// A net by itself, before there is anything to learn from.
pub(crate) struct Net {
    /// The variables of the model, running statistics included.
    pub(crate) store: VarStore,
    pub(crate) model: Box<dyn Model>,
    /// Rows of the tables of which the model has a [few](crate::models::TablePart::few) only.
    pub(crate) rows: TableRows,
}

impl Net {
    /// As [`Task::parameters`].
    ///
    /// # Errors
    /// As [`models::parameters`].
    pub(crate) fn parameters(&self) -> Result<Parameters, lawn_core::Error> {
        models::parameters(&*self.model, &self.store)
    }
}

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
    /// Rows of the tables of which the model has a [few](crate::models::TablePart::few) only.
    pub(crate) rows: TableRows,
}

impl Task {
    /// What the optimizer is built of.
    ///
    /// # Errors
    /// As [`models::parameters`].
    pub(crate) fn parameters(&self) -> Result<Parameters, lawn_core::Error> {
        models::parameters(&*self.model, &self.store)
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
