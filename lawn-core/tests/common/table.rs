//! An embedding table whose gradients are of ids.

use super::Numbers;
use lawn_core::{Optimizer, OptimizerConfig, Parameter, Parameters, Role, RuleConfig};
use tch::{Kind, Tensor};

/// How its gradient is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    Dense,
    Sparse,
}

pub(crate) const LAYOUTS: [Layout; 2] = [Layout::Dense, Layout::Sparse];

/// A table, and its optimizer.
pub(crate) struct Table {
    pub(crate) optimizer: Optimizer,
    pub(crate) weight: Tensor,
}

impl Table {
    pub(crate) fn new(config: OptimizerConfig<RuleConfig>, weight: &Tensor) -> Self {
        let weight = weight.detach().copy().set_requires_grad(true);
        let table = Parameter {
            name: "table".into(),
            role: Role::Embedding,
            tensor: weight.shallow_clone(),
        };
        let parameters = Parameters::new(vec![table]).unwrap();
        Self {
            optimizer: config.build(parameters).unwrap(),
            weight,
        }
    }

    /// Gives each id this vector as the gradient of its row.
    pub(crate) fn backward(&self, ids: &Tensor, vectors: &Tensor, layout: Layout) {
        let sparse = layout == Layout::Sparse;
        let rows = Tensor::embedding(&self.weight, ids, -1, false, sparse);
        let kind = self.weight.kind();
        (rows * vectors.to_kind(kind)).sum(kind).backward();
    }

    /// A step of these ids, with vectors that only depend on `seed`.
    pub(crate) fn step(&mut self, ids: &[i64], seed: u64, layout: Layout) {
        let columns = self.weight.size()[1];
        let vectors = Numbers(seed).tensor(&[ids.len() as i64, columns], Kind::Double);
        self.optimizer.zero_grad();
        self.backward(&Tensor::from_slice(ids), &vectors, layout);
        assert!(!self.optimizer.step().unwrap().skipped());
    }

    /// A copy of its row, or of the row of a buffer.
    pub(crate) fn row(&self, of: &str, row: i64) -> Tensor {
        let tensor = match of {
            "weight" => self.weight.detach(),
            buffer => self.optimizer.state().tensors[&format!("{buffer}/table")].shallow_clone(),
        };
        tensor.get(row).copy()
    }
}

/// Numbers for a table of 8 rows and 4 columns.
pub(crate) fn start() -> Tensor {
    Numbers(3).tensor(&[8, 4], Kind::Float)
}
