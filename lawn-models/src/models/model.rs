use std::fmt::Debug;

use lawn_core::Layer;
use tch::Tensor;

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Normalization takes its statistics from the batch, and its running averages move;
    /// dropout drops.
    Train {
        /// Number of the first sample of the batch among all that are trained on, from 0 and
        /// with repetition: what is dropped of a sample depends on it.
        first: u64,
    },
    /// Normalization uses its running averages.
    Evaluate,
}

impl Mode {
    /// Whether it is for training.
    pub fn is_train(self) -> bool {
        matches!(self, Self::Train { .. })
    }
}

/// A net from inputs to logits.
///
/// ```
/// use lawn_models::models::{Mode, Model, NeuMf, NeuMfConfig};
/// use tch::{Device, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let model: Box<dyn Model> = Box::new(NeuMf::new(&store.root(), &NeuMfConfig::new(50, 30), 0));
/// let (users, items) = (Tensor::from_slice(&[4i64, 7]), Tensor::from_slice(&[0i64, 29]));
/// assert_eq!(model.forward(&[users, items], Mode::Train { first: 0 }).size(), [2]);
/// // No layer is a normalization: the final homogeneous sub-network is the whole net.
/// assert!(model.layers().iter().all(|layer| layer.map == lawn_core::Map::Homogeneous));
/// ```
pub trait Model: Debug {
    /// Logits of a batch. What the inputs are, and the shape of the logits, is said by each
    /// model; the first dimension of all of them counts samples.
    ///
    /// # Panics
    /// If the inputs are not those that the model takes.
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor;

    /// Its layers with parameters in forward order. What follows the last one that is not
    /// positively homogeneous is the final homogeneous sub-network.
    fn layers(&self) -> Vec<Layer>;

    /// Samples that share their normalization statistics in training, from the start of a
    /// batch on; 1 where each sample is computed by itself.
    fn statistics_batch(&self) -> u64 {
        1
    }
}
