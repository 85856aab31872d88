//! The nets of Simonyan and Zisserman 2015, arXiv 1409.1556.

use lawn_core::Layer;
use tch::Tensor;
use tch::nn::Path;

use super::conv_nets::ConvNetBuilder;
use super::init::Init;
use super::layers::{Conv2d, ConvNorm, ConvSizes, Dropout, Linear};
use super::model::{Mode, Model};

/// Layers of a [`Vgg`] with weights: configurations A, B, D and E of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VggDepth {
    /// 11 (A).
    D11,
    /// 13 (B).
    D13,
    /// 16 (D).
    D16,
    /// 19 (E).
    D19,
}

impl VggDepth {
    /// Convolutions of each of the five stages.
    fn convolutions(self) -> [usize; 5] {
        match self {
            Self::D11 => [1, 1, 2, 2, 2],
            Self::D13 => [2, 2, 2, 2, 2],
            Self::D16 => [2, 2, 3, 3, 3],
            Self::D19 => [2, 2, 4, 4, 4],
        }
    }
}

/// Channels of each stage.
const WIDTHS: [i64; 5] = [64, 128, 256, 512, 512];

/// What comes after the convolutions of a [`Vgg`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VggHead {
    /// A mean onto 7 × 7 pixels and three linear layers, the hidden ones with 4,096 features.
    #[default]
    Photographs,
    /// A mean over the picture and one linear layer: for pictures of about 32 × 32 pixels.
    Small,
}

/// Features of the hidden linear layers.
const HIDDEN: i64 = 4_096;

/// Side of the picture that the linear layers of [`VggHead::Photographs`] see.
const SIDE: i64 = 7;

/// Sizes of a [`Vgg`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VggConfig {
    /// Its layers.
    pub depth: VggDepth,
    /// Whether each convolution is normalized.
    pub batch_norm: bool,
    /// What comes after the convolutions.
    pub head: VggHead,
    /// Classes that are told apart.
    pub classes: i64,
    /// Channels of a picture.
    pub channels: i64,
    /// Rate of the dropout after the hidden linear layers.
    pub dropout: f64,
    /// Samples that one set of batch-normalization statistics is taken over.
    pub statistics_batch: u64,
    /// Whose rules the initial values follow.
    pub init: Init,
}

impl VggConfig {
    /// For photographs of three colours, with torchvision's initial values, dropout of half
    /// of the features, and statistics over 128 samples.
    pub fn new(depth: VggDepth, batch_norm: bool, classes: i64) -> Self {
        Self {
            depth,
            batch_norm,
            head: VggHead::Photographs,
            classes,
            channels: 3,
            dropout: 0.5,
            statistics_batch: 128,
            init: Init::Torchvision,
        }
    }
}

/// VGG-11, 13, 16 and 19: five stages of convolutions with filters of 3 × 3 pixels, each
/// followed by the greatest of 2 × 2, and linear layers.
///
/// ```text
/// stage(x) = maxpool(relu(norm(conv(… relu(norm(conv(x))) …))))      norm: identity or batch
/// y = W₃ d(relu(W₂ d(relu(W₁ x + b₁)) + b₂)) + b₃                    d: dropout
/// ```
/// With [`VggHead::Small`], y = W x + b of the mean over the picture.
///
/// It takes one input, `[N, channels, height, width]` f32 with sides of 32 or more, and gives
/// logits `[N, classes]` f32. Names and values are torchvision's: `features.0`,
/// `classifier.6`; the one layer of [`VggHead::Small`] is `classifier`.
///
/// Without normalization the final homogeneous sub-network is the whole net.
///
/// *Differs from* the paper: batch normalization is younger than it; initial values are those
/// of [`Init`]. Torchvision has the mean onto 7 × 7 pixels for photographs of other sizes.
///
/// ```
/// use lawn_models::models::{Mode, Model, Vgg, VggConfig, VggDepth, VggHead};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = VggConfig { head: VggHead::Small, ..VggConfig::new(VggDepth::D11, false, 10) };
/// let net = Vgg::new(&store.root(), &config, 0);
/// let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&[images], Mode::Evaluate).size(), [2, 10]);
/// assert!(net.layers().iter().all(|layer| layer.map == lawn_core::Map::Homogeneous));
/// ```
#[derive(Debug)]
pub struct Vgg {
    stages: Vec<Vec<VggLayer>>,
    head: Head,
    statistics_batch: u64,
}

/// A convolution with or without its normalization.
#[derive(Debug)]
enum VggLayer {
    Plain(Conv2d),
    Normed(ConvNorm),
}

#[derive(Debug)]
enum Head {
    Photographs([Linear; 3], [Dropout; 2]),
    Small(Linear),
}

impl Vgg {
    /// Makes the variables under `path`; `seed` alone decides their values, and what is
    /// dropped.
    pub fn new(path: &Path, config: &VggConfig, seed: u64) -> Self {
        let mut builder = ConvNetBuilder::new(config.init, None, config.statistics_batch, seed);
        let features = path / "features";
        let mut place = 0;
        let mut inputs = config.channels;
        let mut stages = Vec::new();
        for (count, outputs) in config.depth.convolutions().into_iter().zip(WIDTHS) {
            let mut stage = Vec::new();
            for _ in 0..count {
                let sizes = ConvSizes {
                    bias: true,
                    ..ConvSizes::new(inputs, outputs, 3)
                };
                let conv = &features / place;
                stage.push(if config.batch_norm {
                    let norm = &features / (place + 1);
                    VggLayer::Normed(builder.layer(&conv, &norm, sizes))
                } else {
                    VggLayer::Plain(builder.conv(&conv, sizes))
                });
                // The ReLU has a number as well.
                place += 2 + i32::from(config.batch_norm);
                inputs = outputs;
            }
            place += 1;
            stages.push(stage);
        }
        let path = path / "classifier";
        let mut linear = |path: &Path, sizes: [i64; 2]| {
            let initial = config.init.vgg_linear(sizes[0]);
            Linear::drawn(path, sizes, initial, &mut builder.rng)
        };
        let head = match config.head {
            VggHead::Photographs => Head::Photographs(
                [
                    linear(&(&path / 0), [inputs * SIDE * SIDE, HIDDEN]),
                    linear(&(&path / 3), [HIDDEN, HIDDEN]),
                    linear(&(&path / 6), [HIDDEN, config.classes]),
                ],
                [0, 1].map(|place| Dropout::of_elements(config.dropout, seed, place)),
            ),
            VggHead::Small => Head::Small(linear(&path, [inputs, config.classes])),
        };
        Self {
            stages,
            head,
            statistics_batch: match config.batch_norm {
                true => config.statistics_batch,
                false => 1,
            },
        }
    }
}

impl Model for Vgg {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let mut x = inputs[0].shallow_clone();
        for stage in &self.stages {
            for layer in stage {
                x = layer.forward(&x, mode).relu_();
            }
            x = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        }
        self.head.forward(&x, mode)
    }

    fn layers(&self) -> Vec<Layer> {
        let stages = self.stages.iter().flatten().flat_map(VggLayer::layers);
        let head = self.head.layers().iter().map(Linear::layer);
        stages.chain(head).collect()
    }

    fn statistics_batch(&self) -> u64 {
        self.statistics_batch
    }
}

impl VggLayer {
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        match self {
            Self::Plain(conv) => conv.forward(x),
            Self::Normed(layer) => layer.forward(x, mode),
        }
    }

    fn layers(&self) -> Vec<Layer> {
        match self {
            Self::Plain(conv) => vec![conv.layer()],
            Self::Normed(layer) => layer.layers().into(),
        }
    }
}

impl Head {
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        match self {
            Self::Photographs([first, second, last], [after_first, after_second]) => {
                // Of 224 pixels it is so large already, and the gradient of this pooling adds up in
                // any order on CUDA.
                let x = match x.size()[2..] == [SIDE, SIDE] {
                    true => x.shallow_clone(),
                    false => x.adaptive_avg_pool2d([SIDE, SIDE]),
                };
                let x = x.flatten(1, -1);
                let x = after_first.forward(&first.forward(&x).relu_(), mode);
                let x = after_second.forward(&second.forward(&x).relu_(), mode);
                last.forward(&x)
            }
            Self::Small(linear) => linear.forward(&x.adaptive_avg_pool2d([1, 1]).flatten(1, -1)),
        }
    }

    fn layers(&self) -> &[Linear] {
        match self {
            Self::Photographs(layers, _) => layers,
            Self::Small(layer) => std::slice::from_ref(layer),
        }
    }
}
