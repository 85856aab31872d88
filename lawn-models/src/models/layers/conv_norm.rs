use lawn_core::Layer;
use tch::Tensor;

use super::batch_norm::GhostBatchNorm;
use super::conv::Conv2d;
use crate::models::model::Mode;

/// A convolution and the normalization of its channels.
///
/// ```
/// use lawn_models::models::{Mode, layers::*};
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let (store, mut rng) = (nn::VarStore::new(Device::Cpu), rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// let sizes = ConvSizes::new(3, 8, 3);
/// let initial = Initial::unbiased(Distribution::he(sizes.fan_in()));
/// let layer = ConvNorm {
///     conv: Conv2d::new(&(store.root() / "conv1"), sizes, initial, &mut rng),
///     norm: GhostBatchNorm::new(&(store.root() / "bn1"), 8, 128),
/// };
/// let images = Tensor::ones([2, 3, 8, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&images, Mode::Evaluate).size(), [2, 8, 8, 8]);
/// ```
#[derive(Debug)]
pub struct ConvNorm {
    /// The convolution.
    pub conv: Conv2d,
    /// What its channels are normalized by.
    pub norm: GhostBatchNorm,
}

impl ConvNorm {
    /// As [`Conv2d::forward`], normalized.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        self.norm.forward(&self.conv.forward(input), mode)
    }

    /// The descriptions of both.
    pub fn layers(&self) -> [Layer; 2] {
        [self.conv.layer(), self.norm.layer()]
    }
}
