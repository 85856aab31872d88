use lawn_core::Layer;
use tch::Tensor;

use super::conv_norm::ConvNorm;
use crate::models::model::Mode;

/// The block that residual networks consist of.
///
/// ```text
/// y = relu(f(x) + shortcut(x)),   f = normₖ ∘ convₖ ∘ relu ∘ … ∘ relu ∘ norm₁ ∘ conv₁
/// ```
/// Source: He et al. 2016, arXiv 1512.03385, section 3.2.
///
/// ```
/// use lawn_models::models::{Mode, layers::*};
/// use tch::{Device, Kind, Tensor};
///
/// let block = Residual { branch: Vec::new(), shortcut: Shortcut::Padding { channels: 4 } };
/// let images = Tensor::ones([1, 2, 8, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(block.shortcut(&images, Mode::Evaluate).size(), [1, 4, 4, 4]);
/// ```
#[derive(Debug)]
pub struct Residual {
    /// What is added to the shortcut, in order.
    pub branch: Vec<ConvNorm>,
    /// The way around it.
    pub shortcut: Shortcut,
}

/// The way around the branch of a [`Residual`] block.
#[derive(Debug)]
pub enum Shortcut {
    /// The input as it is.
    Identity,
    /// Every second pixel, and as many zero channels before as after (option A).
    Padding {
        /// Channels that it gives.
        channels: i64,
    },
    /// A convolution with filters of one pixel, normalized (option B).
    Projection(ConvNorm),
}

impl Residual {
    /// `[N, channels, height, width]` to what the branch and the shortcut give.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut y = x.shallow_clone();
        for (place, layer) in self.branch.iter().enumerate() {
            if place > 0 {
                y = y.relu_();
            }
            y = layer.forward(&y, mode);
        }
        (y + self.shortcut(x, mode)).relu_()
    }

    /// What is added to the branch.
    pub fn shortcut(&self, x: &Tensor, mode: Mode) -> Tensor {
        match &self.shortcut {
            Shortcut::Identity => x.shallow_clone(),
            Shortcut::Padding { channels } => {
                let half = x.slice(2, None, None, 2).slice(3, None, None, 2);
                let missing = channels - x.size()[1];
                // The last dimensions come first.
                let around = [0, 0, 0, 0, missing / 2, missing - missing / 2];
                half.pad(around, "constant", None)
            }
            Shortcut::Projection(layer) => layer.forward(x, mode),
        }
    }

    /// The descriptions of its layers in forward order, of the branch and of the shortcut beside it.
    pub fn ways(&self) -> [Vec<Layer>; 2] {
        let projection = match &self.shortcut {
            Shortcut::Projection(layer) => layer.layers().into(),
            Shortcut::Identity | Shortcut::Padding { .. } => Vec::new(),
        };
        let branch = self.branch.iter().flat_map(ConvNorm::layers);
        [branch.collect(), projection]
    }
}
