//! The residual network for small images, He et al. 2016, arXiv 1512.03385,
//! section 4.2.

use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::nn::Path;
use tch::{Kind, Tensor};

use super::layers::{Conv3x3, GhostBatchNorm, Linear, normal};
use super::model::{Mode, Model};
use crate::random::{Purpose, stream};

/// Channels of a picture: red, green, blue.
const COLOURS: i64 = 3;

/// Sizes of a [`ResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Layers, `6n + 2` with n ≥ 1.
    pub depth: i64,
    /// Channels of the first stage; the second and third have two and four times as many.
    pub width: i64,
    /// Classes that are told apart.
    pub classes: i64,
    /// Samples that one set of batch-normalization statistics is taken over.
    pub statistics_batch: u64,
}

impl ResNetConfig {
    /// The width of the paper, 16, and statistics over 128 samples.
    pub fn new(depth: i64, classes: i64) -> Self {
        Self {
            depth,
            width: 16,
            classes,
            statistics_batch: 128,
        }
    }
}

/// `6n + 2` layers: a convolution, three stages of n blocks with `width`, twice
/// and four times as many channels, a mean over the picture, a linear layer.
///
/// ```text
/// block(x) = relu(norm₂(conv₂(relu(norm₁(conv₁(x))))) + shortcut(x))
/// ```
/// It takes one input, `[N, 3, height, width]` f32, and gives logits `[N, classes]` f32.
///
/// The shortcut has no parameters: where a stage halves the picture it takes
/// every second pixel and fills the new channels with zeros (option A).
///
/// Initial weights are N(0, 2 / inputs of one output) (He et al. 2015, arXiv
/// 1502.01852), the last layer's too; its bias is zero.
///
/// ```
/// use lawn_models::models::{Mode, Model, ResNet, ResNetConfig};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let net = ResNet::new(&store.root(), &ResNetConfig::new(20, 10), 0);
/// let parameters: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
/// assert_eq!(parameters, 269_722);
/// let images = Tensor::zeros([4, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&[images], Mode::Train).size(), [4, 10]);
/// ```
#[derive(Debug)]
pub struct ResNet {
    conv: Conv3x3,
    norm: GhostBatchNorm,
    blocks: Vec<Block>,
    output: Linear,
}

#[derive(Debug)]
struct Block {
    conv1: Conv3x3,
    norm1: GhostBatchNorm,
    conv2: Conv3x3,
    norm2: GhostBatchNorm,
}

impl ResNet {
    /// Makes the variables under `path`; `seed` alone decides their values.
    pub fn new(path: &Path, config: &ResNetConfig, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let statistics = config.statistics_batch as i64;
        let mut channels = config.width;
        let conv = Conv3x3::new(&(path / "conv"), [COLOURS, channels], 1, &mut rng);
        let norm = GhostBatchNorm::new(&(path / "norm"), channels, statistics);
        let mut blocks = Vec::new();
        for stage in 0..3 {
            let outputs = config.width << stage;
            for place in 0..(config.depth - 2) / 6 {
                let path = path / format!("stage{}", stage + 1) / format!("block{}", place + 1);
                let stride = if stage > 0 && place == 0 { 2 } else { 1 };
                let sizes = [channels, outputs];
                blocks.push(Block::new(&path, sizes, stride, statistics, &mut rng));
                channels = outputs;
            }
        }
        let deviation = (2.0 / channels as f64).sqrt();
        let weight = normal(&[config.classes, channels], deviation, &mut rng);
        Self {
            conv,
            norm,
            blocks,
            output: Linear::new(&(path / "output"), &weight),
        }
    }
}

impl Model for ResNet {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let x = self.conv.forward(&inputs[0]);
        let mut x = self.norm.forward(&x, mode).relu_();
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        let features = x.mean_dim(&[2i64, 3][..], false, Kind::Float);
        self.output.forward(&features)
    }

    fn layers(&self) -> Vec<Layer> {
        let first = [self.conv.layer(), self.norm.layer()];
        let blocks = self.blocks.iter().flat_map(Block::layers);
        let last = [self.output.layer()];
        first.into_iter().chain(blocks).chain(last).collect()
    }

    fn statistics_batch(&self) -> u64 {
        self.norm.statistics_batch() as u64
    }
}

impl Block {
    fn new(
        path: &Path,
        sizes: [i64; 2],
        stride: i64,
        statistics: i64,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let outputs = sizes[1];
        Self {
            conv1: Conv3x3::new(&(path / "conv1"), sizes, stride, rng),
            norm1: GhostBatchNorm::new(&(path / "norm1"), outputs, statistics),
            conv2: Conv3x3::new(&(path / "conv2"), [outputs, outputs], 1, rng),
            norm2: GhostBatchNorm::new(&(path / "norm2"), outputs, statistics),
        }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let y = self.norm1.forward(&self.conv1.forward(x), mode).relu_();
        let y = self.norm2.forward(&self.conv2.forward(&y), mode);
        (y + self.shortcut(x)).relu_()
    }

    fn shortcut(&self, x: &Tensor) -> Tensor {
        if self.conv1.stride() == 1 {
            return x.shallow_clone();
        }
        let half = x.slice(2, None, None, 2).slice(3, None, None, 2);
        // As many zero channels before as after; the last dimensions come first.
        let missing = self.conv1.outputs() - x.size()[1];
        half.pad(
            [0, 0, 0, 0, missing / 2, missing - missing / 2],
            "constant",
            None,
        )
    }

    fn layers(&self) -> [Layer; 4] {
        [
            self.conv1.layer(),
            self.norm1.layer(),
            self.conv2.layer(),
            self.norm2.layer(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::golden::{assert_close, fill, golden, gradient_norm, values};
    use tch::nn::VarStore;
    use tch::{Device, Reduction};

    fn resnet(depth: i64, width: i64) -> (VarStore, ResNet) {
        let config = ResNetConfig {
            width,
            ..ResNetConfig::new(depth, 10)
        };
        let store = VarStore::new(Device::Cpu);
        let model = ResNet::new(&store.root(), &config, 0);
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
        let images = [(place * 0.05)
            .sin()
            .to_kind(Kind::Float)
            .view([4, 3, 16, 16])];
        let labels = Tensor::from_slice(&[0i64, 3, 6, 9]);
        let evaluated = model.forward(&images, Mode::Evaluate);
        assert_close("evaluated", &values(&evaluated), &golden.evaluated);
        let logits = model.forward(&images, Mode::Train);
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
            let images = [Tensor::ones([2, 3, side, side], (Kind::Float, Device::Cpu))];
            assert_eq!(model.forward(&images, Mode::Train).size(), [2, 10]);
        }
    }

    #[test]
    fn its_layers_are_its_parameters_in_forward_order() {
        let (store, model) = resnet(14, 4);
        let layers = model.layers();
        let listed: Vec<String> = layers
            .iter()
            .flat_map(|one| one.parameters.clone())
            .collect();
        let parameters = lawn_core::Parameters::from_var_store(&store).unwrap();
        let made: Vec<String> = parameters.iter().map(|one| one.name.clone()).collect();
        assert_eq!(listed, made);
        let homogeneous = layers.last().unwrap();
        assert_eq!(homogeneous.parameters, ["output.weight", "output.bias"]);
        assert_eq!(layers[layers.len() - 2].map, lawn_core::Map::Normalization);
    }
}
