//! The residual networks for photographs, He et al. 2016, arXiv 1512.03385, section 4.1.

use lawn_core::Layer;
use tch::Tensor;
use tch::nn::Path;

use super::conv_nets::ConvNetBuilder;
use super::init::Init;
use super::layers::{ConvNorm, ConvSizes, Linear, Residual, Shortcut};
use super::model::{Mode, Model};
use super::ways::Ways;

/// Layers of a [`ResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResNetDepth {
    /// 18, in blocks of two.
    D18,
    /// 34, in blocks of two.
    D34,
    /// 50, in blocks of three (bottlenecks).
    D50,
    /// 101, in blocks of three.
    D101,
    /// 152, in blocks of three.
    D152,
}

impl ResNetDepth {
    /// Blocks of each stage.
    fn blocks(self) -> [i64; 4] {
        match self {
            Self::D18 => [2, 2, 2, 2],
            Self::D34 | Self::D50 => [3, 4, 6, 3],
            Self::D101 => [3, 4, 23, 3],
            Self::D152 => [3, 8, 36, 3],
        }
    }

    /// Channels that a block gives for each of its width.
    fn expansion(self) -> i64 {
        match self {
            Self::D18 | Self::D34 => 1,
            Self::D50 | Self::D101 | Self::D152 => 4,
        }
    }
}

/// What comes before the first block of a [`ResNet`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stem {
    /// Filters of 7 × 7 pixels with stride 2, then the greatest of 3 × 3 with stride 2.
    #[default]
    Photographs,
    /// Filters of 3 × 3 pixels, for pictures of about 32 × 32.
    Small,
}

/// Sizes of a [`ResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Its layers.
    pub depth: ResNetDepth,
    /// Classes that are told apart.
    pub classes: i64,
    /// Channels of a picture.
    pub channels: i64,
    /// What comes before the first block.
    pub stem: Stem,
    /// Samples that one set of batch-normalization statistics is taken over.
    pub statistics_batch: u64,
    /// Whose rules the initial values follow.
    pub init: Init,
    /// Whether the last normalization of each block begins with γ = 0; as the preset has it
    /// where nothing is said.
    pub zero_gamma: Option<bool>,
}

impl ResNetConfig {
    /// For photographs of three colours, with torchvision's initial values and statistics
    /// over 128 samples.
    pub fn new(depth: ResNetDepth, classes: i64) -> Self {
        Self {
            depth,
            classes,
            channels: 3,
            stem: Stem::Photographs,
            statistics_batch: 128,
            init: Init::Torchvision,
            zero_gamma: None,
        }
    }
}

/// ResNet-18, 34, 50, 101 and 152, the latter three in the form v1.5: a stem, four stages of
/// blocks with 64, 128, 256 and 512 channels, a mean over the picture, a linear layer.
///
/// ```text
/// block(x) = relu(bn₂(conv₂(relu(bn₁(conv₁(x))))) + shortcut(x))                 18, 34
/// block(x) = relu(bn₃(conv₃(relu(bn₂(conv₂(relu(bn₁(conv₁(x))))))) + shortcut(x))   50 on
/// ```
/// conv₁ and conv₂ of the first, and conv₂ of the second kind have filters of 3 × 3 pixels,
/// the others of one; the last of the second kind has four times as many channels. The first
/// block of a stage, but for the first stage, halves the picture; a shortcut that changes the
/// size of anything is a convolution with filters of one pixel, normalized (option B).
///
/// It takes one input, `[N, channels, height, width]` f32 of any height and width, and gives
/// logits `[N, classes]` f32. Names and values are torchvision's: `conv1`, `bn1`,
/// `layer1.0.conv1`, `layer1.0.downsample.0`, `fc`.
///
/// *Differs from* the paper: v1.5 halves the picture in the convolution of 3 × 3 pixels, not
/// in the first of one pixel. [`Stem::Small`] is the usual form for CIFAR.
///
/// ```
/// use lawn_models::models::{Mode, Model, ResNet, ResNetConfig, ResNetDepth, Stem};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = ResNetConfig { stem: Stem::Small, ..ResNetConfig::new(ResNetDepth::D18, 10) };
/// let net = ResNet::new(&store.root(), &config, 0);
/// let parameters: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
/// assert_eq!(parameters, 11_173_962);
/// let images = Tensor::zeros([2, 3, 16, 16], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&[images], Mode::Evaluate).size(), [2, 10]);
/// ```
#[derive(Debug)]
pub struct ResNet {
    stem: ConvNorm,
    pools: bool,
    blocks: Vec<Residual>,
    fc: Linear,
}

impl ResNet {
    /// Makes the variables under `path`; `seed` alone decides their values.
    pub fn new(path: &Path, config: &ResNetConfig, seed: u64) -> Self {
        let mut builder = ConvNetBuilder::new(
            config.init,
            config.zero_gamma,
            config.statistics_batch,
            seed,
        );
        let sizes = match config.stem {
            Stem::Photographs => ConvSizes {
                stride: 2,
                ..ConvSizes::new(config.channels, 64, 7)
            },
            Stem::Small => ConvSizes::new(config.channels, 64, 3),
        };
        let stem = builder.layer(&(path / "conv1"), &(path / "bn1"), sizes);
        let mut channels = 64;
        let mut blocks = Vec::new();
        for (stage, count) in config.depth.blocks().into_iter().enumerate() {
            let width = 64 << stage;
            for place in 0..count {
                let path = path / format!("layer{}", stage + 1) / place;
                let stride = if stage > 0 && place == 0 { 2 } else { 1 };
                blocks.push(config.block(&path, [channels, width], stride, &mut builder));
                channels = width * config.depth.expansion();
            }
        }
        let initial = config.init.residual_head(channels);
        let sizes = [channels, config.classes];
        Self {
            stem,
            pools: config.stem == Stem::Photographs,
            blocks,
            fc: Linear::drawn(&(path / "fc"), sizes, initial, &mut builder.rng),
        }
    }
}

impl ResNetConfig {
    /// A block of `[inputs, width]`.
    fn block(
        &self,
        path: &Path,
        sizes: [i64; 2],
        stride: i64,
        builder: &mut ConvNetBuilder,
    ) -> Residual {
        let [inputs, width] = sizes;
        let outputs = width * self.depth.expansion();
        let strided = |sizes| ConvSizes { stride, ..sizes };
        let branch = match self.depth.expansion() {
            1 => vec![
                strided(ConvSizes::new(inputs, width, 3)),
                ConvSizes::new(width, width, 3),
            ],
            _ => vec![
                ConvSizes::new(inputs, width, 1),
                strided(ConvSizes::new(width, width, 3)),
                ConvSizes::new(width, outputs, 1),
            ],
        };
        let last = branch.len();
        let layer = |(number, sizes): (usize, ConvSizes)| {
            let [conv, norm] = ["conv", "bn"].map(|word| path / format!("{word}{number}"));
            match number == last {
                true => builder.last(&conv, &norm, sizes),
                false => builder.layer(&conv, &norm, sizes),
            }
        };
        let branch = (1..).zip(branch).map(layer).collect();
        let shortcut = if stride == 1 && inputs == outputs {
            Shortcut::Identity
        } else {
            let path = path / "downsample";
            let sizes = strided(ConvSizes::new(inputs, outputs, 1));
            Shortcut::Projection(builder.layer(&(&path / 0), &(&path / 1), sizes))
        };
        Residual { branch, shortcut }
    }
}

impl Model for ResNet {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let mut x = self.stem.forward(&inputs[0], mode).relu_();
        if self.pools {
            x = x.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        }
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        let features = x.mean_dim(&[2i64, 3][..], false, x.kind());
        self.fc.forward(&features)
    }

    fn layers(&self) -> Vec<Layer> {
        let first = Ways::default().then(self.stem.layers());
        let blocks = self.blocks.iter().map(Residual::ways);
        let all = blocks.fold(first, Ways::part);
        all.then([self.fc.layer()]).layers()
    }

    fn statistics_batch(&self) -> u64 {
        self.stem.norm.statistics_batch() as u64
    }
}
