use lawn_core::Layer;
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::deep_part::{DeepConfig, DeepPart, pairs};
use super::first_order::FirstOrder;
use crate::models::Table;
use crate::models::model::{LookUps, Mode, Model};
use crate::models::ways::Ways;
use crate::random::{Purpose, stream};

/// A factorization machine and an MLP with the same embeddings.
///
/// ```text
/// logit = b + ⟨w, x⟩ + Σ_c v_c[row_c] + Σ_{c < d} ⟨e_c, e_d⟩ + ⟨u, deep([e_1, …, e_C, x])⟩
/// e_c   = E_c[row_c]              u: [1, features], E_c: [rows of column c, width], both f32
/// ```
/// See [`FirstOrder`] for the other symbols and [`ctr`](super) for inputs and logits. Dense
/// features have no part in the pairs.
///
/// Source: Guo et al. 2017, arXiv 1703.04247, equations 1 to 4. Initial values are those of the
/// code of Zheng et al. 2022, arXiv 2204.06240: N(0, 0.01²) embeddings, Glorot-normal layers, zeros
/// elsewhere.
///
/// ```
/// use lawn_models::models::ctr::{DeepConfig, DeepFm};
/// use lawn_models::models::{CtrShape, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let shape = CtrShape { dense: 2, columns: vec![3, 5], ..CtrShape::default() };
/// let net = DeepFm::new(&store.root(), &DeepConfig::default(), &shape, 0);
/// let dense = Tensor::zeros([7, 2], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 2], (Kind::Int64, Device::Cpu));
/// assert_eq!(net.forward(&[dense, rows], Mode::Evaluate).size(), [7]);
/// ```
#[derive(Debug)]
pub struct DeepFm {
    wide: FirstOrder,
    deep: DeepPart,
}

impl DeepFm {
    /// Makes its variables under `path`; `seed` alone decides their values, and what is dropped
    /// in training.
    pub fn new(path: &Path, config: &DeepConfig, shape: &CtrShape, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        Self {
            wide: FirstOrder::new(&(path / "wide"), shape, config.tables),
            deep: DeepPart::new(path, config, shape, seed, &mut rng),
        }
    }
}

impl Model for DeepFm {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let (dense, rows) = (&inputs[0], &inputs[1]);
        let embedded = self.deep.embed(rows);
        let deep = self.deep.forward(dense, &embedded, mode);
        self.wide.forward(dense, rows) + pairs(&embedded) + deep
    }

    fn look_ups(&self, inputs: &[Tensor]) -> Vec<LookUps> {
        let mut all = self.wide.look_ups(&inputs[1]);
        all.extend(self.deep.look_ups(&inputs[1]));
        all
    }

    fn tables(&self) -> Vec<&Table> {
        let mut all = self.wide.tables();
        all.extend(self.deep.tables());
        all
    }

    fn layers(&self) -> Vec<Layer> {
        let wide = self.wide.ways().into_iter();
        let deep = self.deep.layers().collect();
        Ways::default().part(wide.chain([deep])).layers()
    }
}
