use lawn_core::Layer;
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::deep_part::{DeepConfig, DeepPart};
use super::first_order::FirstOrder;
use crate::models::Table;
use crate::models::model::{LookUps, Mode, Model};
use crate::models::ways::Ways;
use crate::random::{Purpose, stream};

/// A linear part beside an MLP.
///
/// ```text
/// logit = b + ⟨w, x⟩ + Σ_c v_c[row_c] + ⟨u, deep([E_1[row_1], …, E_C[row_C], x])⟩
/// ```
/// See [`FirstOrder`] and [`DeepFm`](super::DeepFm) for the symbols and the initial values, and
/// [`ctr`](super) for inputs and logits.
///
/// Source: Cheng et al. 2016, arXiv 1606.07792, equation 3. *Differs from* it in that both parts
/// have the same optimizer and that no columns are crossed by hand.
///
/// ```
/// use lawn_models::models::ctr::{DeepConfig, WideDeep};
/// use lawn_models::models::{CtrShape, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let shape = CtrShape { dense: 2, columns: vec![3, 5], ..CtrShape::default() };
/// let net = WideDeep::new(&store.root(), &DeepConfig::default(), &shape, 0);
/// let dense = Tensor::zeros([7, 2], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 2], (Kind::Int64, Device::Cpu));
/// assert_eq!(net.forward(&[dense, rows], Mode::Evaluate).size(), [7]);
/// ```
#[derive(Debug)]
pub struct WideDeep {
    wide: FirstOrder,
    deep: DeepPart,
}

impl WideDeep {
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

impl Model for WideDeep {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let (dense, rows) = (&inputs[0], &inputs[1]);
        let deep = self.deep.forward(dense, &self.deep.embed(rows), mode);
        self.wide.forward(dense, rows) + deep
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
