//! The residual network for small images, He et al. 2016, arXiv 1512.03385,
//! section 4.2.

use rand_chacha::ChaCha8Rng;
use tch::nn::{Path, VarStore};
use tch::{Kind, Tensor};

use super::batch_norm::GhostBatchNorm;
use super::pixels::CHANNELS;
use crate::config::ImageConfig;
use crate::initial::normal;
use crate::random::{Purpose, stream};

/// `6n + 2` layers: a convolution, three stages of n blocks with `width`, twice
/// and four times as many channels, a mean over the picture, a linear layer.
///
/// ```text
/// block(x) = relu(norm₂(conv₂(relu(norm₁(conv₁(x))))) + shortcut(x))
/// ```
/// The shortcut has no parameters: where a stage halves the picture it takes
/// every second pixel and fills the new channels with zeros (option A).
///
/// Initial weights are N(0, 2 / inputs of one output) (He et al. 2015, arXiv
/// 1502.01852), the last layer's too; its bias is zero.
#[derive(Debug)]
pub(crate) struct ResNet {
    first: Tensor,
    norm: GhostBatchNorm,
    blocks: Vec<Block>,
    weight: Tensor,
    bias: Tensor,
}

#[derive(Debug)]
struct Block {
    conv1: Tensor,
    norm1: GhostBatchNorm,
    conv2: Tensor,
    norm2: GhostBatchNorm,
    stride: i64,
}

impl ResNet {
    /// Makes the variables in `store`; `seed` alone decides their values.
    pub(crate) fn new(store: &VarStore, config: &ImageConfig, classes: i64, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let statistics = config.statistics_batch as i64;
        let root = store.root();
        let mut channels = config.width;
        let first = filters(&(&root / "conv"), CHANNELS as i64, channels, &mut rng);
        let norm = GhostBatchNorm::new(&(&root / "norm"), channels, statistics);
        let mut blocks = Vec::new();
        for stage in 0..3 {
            let outputs = config.width << stage;
            for place in 0..(config.depth - 2) / 6 {
                let path = &root / format!("stage{}", stage + 1) / format!("block{}", place + 1);
                let stride = if stage > 0 && place == 0 { 2 } else { 1 };
                blocks.push(Block {
                    conv1: filters(&(&path / "conv1"), channels, outputs, &mut rng),
                    norm1: GhostBatchNorm::new(&(&path / "norm1"), outputs, statistics),
                    conv2: filters(&(&path / "conv2"), outputs, outputs, &mut rng),
                    norm2: GhostBatchNorm::new(&(&path / "norm2"), outputs, statistics),
                    stride,
                });
                channels = outputs;
            }
        }
        let output = &root / "output";
        let deviation = (2.0 / channels as f64).sqrt();
        let weight = normal(&[classes, channels], deviation, &mut rng);
        Self {
            first,
            norm,
            blocks,
            weight: output.var_copy("weight", &weight),
            bias: output.zeros("bias", &[classes]),
        }
    }

    /// `[N, 3, height, width]` to logits `[N, classes]`.
    pub(crate) fn forward(&self, images: &Tensor, train: bool) -> Tensor {
        let mut x = self
            .norm
            .forward(&conv(images, &self.first, 1), train)
            .relu_();
        for block in &self.blocks {
            x = block.forward(&x, train);
        }
        let features = x.mean_dim(&[2i64, 3][..], false, Kind::Float);
        features.linear(&self.weight, Some(&self.bias))
    }
}

impl Block {
    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let y = self
            .norm1
            .forward(&conv(x, &self.conv1, self.stride), train)
            .relu_();
        let y = self.norm2.forward(&conv(&y, &self.conv2, 1), train);
        (y + self.shortcut(x)).relu_()
    }

    fn shortcut(&self, x: &Tensor) -> Tensor {
        if self.stride == 1 {
            return x.shallow_clone();
        }
        let half = x.slice(2, None, None, 2).slice(3, None, None, 2);
        // As many zero channels before as after; the last dimensions come first.
        let missing = self.conv1.size()[0] - x.size()[1];
        half.pad(
            [0, 0, 0, 0, missing / 2, missing - missing / 2],
            "constant",
            None,
        )
    }
}

fn filters(path: &Path, inputs: i64, outputs: i64, rng: &mut ChaCha8Rng) -> Tensor {
    let deviation = (2.0 / (9 * inputs) as f64).sqrt();
    path.var_copy("weight", &normal(&[outputs, inputs, 3, 3], deviation, rng))
}

fn conv(x: &Tensor, weight: &Tensor, stride: i64) -> Tensor {
    x.conv2d::<Tensor>(weight, None, [stride, stride], [1, 1], [1, 1], 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_close, fill, golden, gradient_norm, values};
    use tch::{Device, Reduction};

    fn resnet(depth: i64, width: i64) -> (VarStore, ResNet) {
        let config = ImageConfig {
            depth,
            width,
            ..ImageConfig::default()
        };
        let store = VarStore::new(Device::Cpu);
        let model = ResNet::new(&store, &config, 10, 0);
        (store, model)
    }

    /// The paper's table 6 gives 0.27 M and 0.46 M; the exact counts are those
    /// of its usual PyTorch form.
    #[test]
    fn parameter_counts_are_those_of_the_paper() {
        for (depth, expected) in [(20, 269_722), (32, 464_154)] {
            let (store, _) = resnet(depth, 16);
            let found: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn logits_statistics_and_gradient_are_those_of_pytorch() {
        let golden = golden("resnet20");
        let (store, model) = resnet(20, 16);
        fill(&store);
        let place = Tensor::arange(4 * 3 * 16 * 16, (Kind::Double, Device::Cpu));
        let images = (place * 0.05)
            .sin()
            .to_kind(Kind::Float)
            .view([4, 3, 16, 16]);
        let labels = Tensor::from_slice(&[0i64, 3, 6, 9]);
        let evaluated = model.forward(&images, false);
        assert_close("evaluated", &values(&evaluated), &golden.evaluated);
        let logits = model.forward(&images, true);
        assert_close("logits", &values(&logits), &golden.logits);
        let variables = store.variables();
        for (name, expected) in [
            ("norm.running_mean", &golden.running_mean),
            ("norm.running_var", &golden.running_var),
        ] {
            assert_close(name, &values(&variables[name]), expected);
        }
        let loss = logits.cross_entropy_loss::<Tensor>(&labels, None, Reduction::Sum, -100, 0.0);
        loss.backward();
        assert_close("loss", &values(&loss), &[golden.loss]);
        assert_close(
            "gradient",
            &[gradient_norm(&store)],
            &[golden.gradient_norm],
        );
    }

    #[test]
    fn sides_that_are_odd_or_small_work() {
        let (_store, model) = resnet(8, 4);
        for side in [8, 15, 16] {
            let images = Tensor::ones([2, 3, side, side], (Kind::Float, Device::Cpu));
            assert_eq!(model.forward(&images, true).size(), [2, 10]);
        }
    }
}
