//! What the convolutional nets have in common in the making.

use rand_chacha::ChaCha8Rng;
use tch::nn::Path;

use super::init::Init;
use super::layers::{Conv2d, ConvNorm, ConvSizes, GhostBatchNorm};
use crate::random::{Purpose, stream};

/// Makes the layers of one net, in order.
pub(super) struct ConvNetBuilder {
    pub(super) init: Init,
    pub(super) statistics_batch: i64,
    /// The γ that the last normalization of a block begins with.
    last_scale: f64,
    pub(super) rng: ChaCha8Rng,
}

impl ConvNetBuilder {
    pub(super) fn new(
        init: Init,
        zero_gamma: Option<bool>,
        statistics_batch: u64,
        seed: u64,
    ) -> Self {
        Self {
            init,
            statistics_batch: statistics_batch as i64,
            last_scale: init.last_scale(zero_gamma),
            rng: stream(seed, Purpose::Weights, 0),
        }
    }

    pub(super) fn conv(&mut self, path: &Path, sizes: ConvSizes) -> Conv2d {
        Conv2d::new(path, sizes, self.init.convolution(sizes), &mut self.rng)
    }

    pub(super) fn layer(&mut self, conv: &Path, norm: &Path, sizes: ConvSizes) -> ConvNorm {
        self.scaled(conv, norm, sizes, 1.0)
    }

    /// The last layer of a block.
    pub(super) fn last(&mut self, conv: &Path, norm: &Path, sizes: ConvSizes) -> ConvNorm {
        self.scaled(conv, norm, sizes, self.last_scale)
    }

    fn scaled(&mut self, conv: &Path, norm: &Path, sizes: ConvSizes, scale: f64) -> ConvNorm {
        ConvNorm {
            conv: self.conv(conv, sizes),
            norm: GhostBatchNorm::with_scale(norm, sizes.outputs, self.statistics_batch, scale),
        }
    }
}
