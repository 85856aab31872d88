use lawn_core::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::embeddings::Tables;
use super::first_order::FirstOrder;
use crate::models::Table;
use crate::models::model::{LookUps, Mode, Model};
use crate::models::ways::Ways;

/// Settings of a [`Logistic`].
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticConfig {
    /// How the weights of the columns lie.
    pub tables: Tables,
}

/// Logistic regression on dense features and on the rows of the columns.
///
/// ```text
/// logit = b + ⟨w, x⟩ + Σ_c v_c[row_c]
/// ```
/// See [`FirstOrder`] for the symbols and [`ctr`](super) for inputs and logits. All weights begin
/// with 0.
///
/// ```
/// use lawn_models::models::ctr::{Logistic, LogisticConfig};
/// use lawn_models::models::{CtrShape, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let shape = CtrShape { dense: 2, columns: vec![3, 5], ..CtrShape::default() };
/// let net = Logistic::new(&store.root(), &LogisticConfig::default(), &shape);
/// let dense = Tensor::zeros([7, 2], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 2], (Kind::Int64, Device::Cpu));
/// assert_eq!(net.forward(&[dense, rows], Mode::Evaluate).size(), [7]);
/// ```
#[derive(Debug)]
pub struct Logistic {
    wide: FirstOrder,
}

impl Logistic {
    /// Makes its variables under `path`.
    pub fn new(path: &Path, config: &LogisticConfig, shape: &CtrShape) -> Self {
        Self {
            wide: FirstOrder::new(&(path / "wide"), shape, config.tables),
        }
    }
}

impl LogisticConfig {
    pub(super) fn parameters(&self, shape: &CtrShape) -> i64 {
        FirstOrder::parameters(shape, self.tables)
    }
}

impl Model for Logistic {
    fn forward(&self, inputs: &[Tensor], _mode: Mode) -> Tensor {
        self.wide.forward(&inputs[0], &inputs[1])
    }

    fn look_ups(&self, inputs: &[Tensor]) -> Vec<LookUps> {
        self.wide.look_ups(&inputs[1])
    }

    fn tables(&self) -> Vec<&Table> {
        self.wide.tables()
    }

    fn layers(&self) -> Vec<Layer> {
        Ways::default().part(self.wide.ways()).layers()
    }
}
