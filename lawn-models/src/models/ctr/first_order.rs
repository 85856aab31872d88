use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::embeddings::{Embeddings, EmbeddingsConfig, Tables};
use crate::models::Table;
use crate::models::layers::Distribution;
use crate::models::model::LookUps;

/// The sum of one weight a feature: what is linear in a net.
///
/// ```text
/// y = b + ⟨w, x⟩ + Σ_c v_c[row_c]      w: [1, D], b: [1], v_c: [rows of column c, 1], all f32
/// ```
/// All begin with 0.
///
/// ```
/// use lawn_models::models::CtrShape;
/// use lawn_models::models::ctr::{FirstOrder, Tables};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let shape = CtrShape { dense: 2, columns: vec![3, 5], ..CtrShape::default() };
/// let term = FirstOrder::new(&(store.root() / "wide"), &shape, Tables::Joined);
/// let dense = Tensor::zeros([7, 2], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 2], (Kind::Int64, Device::Cpu));
/// assert_eq!(term.forward(&dense, &rows).size(), [7]);
/// ```
#[derive(Debug)]
pub struct FirstOrder {
    embeddings: Embeddings,
    weight: Option<Tensor>,
    bias: Tensor,
    names: Vec<String>,
}

impl FirstOrder {
    /// Makes its variables under `path`.
    pub fn new(path: &Path, shape: &CtrShape, tables: Tables) -> Self {
        let config = EmbeddingsConfig {
            width: 1,
            tables,
            initial: |_| Distribution::ZERO,
        };
        // Zeros are not drawn.
        let mut rng: ChaCha8Rng = rand::SeedableRng::seed_from_u64(0);
        let embeddings = Embeddings::new(&(path / "embedding"), shape, &config, &mut rng);
        let weight = (shape.dense > 0).then(|| path.zeros("weight", &[1, shape.dense]));
        let bias = path.zeros("bias", &[1]);
        let names = weight.iter().map(|_| path.path("weight"));
        Self {
            names: names.chain([path.path("bias")]).collect(),
            embeddings,
            weight,
            bias,
        }
    }

    /// `[N, D]` and `[N, C]` to `[N]`.
    pub fn forward(&self, dense: &Tensor, rows: &Tensor) -> Tensor {
        let of_columns = self.embeddings.forward(rows).flatten(1, 2);
        let of_columns = of_columns.sum_dim_intlist(1i64, false, None);
        match &self.weight {
            Some(weight) => of_columns + dense.linear(weight, Some(&self.bias)).squeeze_dim(1),
            None => of_columns + &self.bias,
        }
    }

    /// Which rows of which table it looks up.
    pub fn look_ups(&self, rows: &Tensor) -> Vec<LookUps> {
        self.embeddings.look_ups(rows)
    }

    /// The tables of these, in their order.
    pub fn tables(&self) -> Vec<&Table> {
        self.embeddings.tables()
    }

    /// Their descriptions: of two ways, which are added up.
    pub fn ways(&self) -> [Vec<Layer>; 2] {
        let dense = Layer::homogeneous(&self.names);
        [vec![self.embeddings.layer()], vec![dense]]
    }

    pub(super) fn parameters(shape: &CtrShape, tables: Tables) -> i64 {
        tables.rows(&shape.columns) + shape.dense + 1
    }
}
