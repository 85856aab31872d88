//! The residual networks for small images, He et al. 2016, arXiv 1512.03385,
//! section 4.2.

use lawn_core::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::conv_nets::ConvNetBuilder;
use super::init::Init;
use super::layers::{ConvNorm, ConvSizes, Linear, Residual, Shortcut};
use super::model::{Mode, Model};
use super::ways::Ways;

/// Sizes of a [`CifarResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CifarResNetConfig {
    /// Layers, `6n + 2` with n ≥ 1.
    pub depth: i64,
    /// Channels of the first stage; the second and third have two and four times as many.
    pub width: i64,
    /// Classes that are told apart.
    pub classes: i64,
    /// Channels of a picture.
    pub channels: i64,
    /// The way around a block that halves the picture.
    pub shortcut: CifarShortcut,
    /// Samples that one set of batch-normalization statistics is taken over.
    pub statistics_batch: u64,
    /// Whose rules the initial values follow.
    pub init: Init,
    /// Whether the last normalization of each block begins with γ = 0; as the preset has it
    /// where nothing is said.
    pub zero_gamma: Option<bool>,
}

/// The way around a block that halves the picture.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum CifarShortcut {
    /// Every second pixel, and zeros in the new channels: no parameters.
    #[default]
    A,
    /// A convolution with filters of one pixel, normalized.
    B,
}

impl CifarResNetConfig {
    /// The width of the paper, 16, its shortcuts and initial values, pictures of three
    /// colours, and statistics over 128 samples.
    pub fn new(depth: i64, classes: i64) -> Self {
        Self {
            depth,
            width: 16,
            classes,
            channels: 3,
            shortcut: CifarShortcut::A,
            statistics_batch: 128,
            init: Init::Paper,
            zero_gamma: None,
        }
    }
}

/// `6n + 2` layers: a convolution, three stages of n blocks with `width`, twice
/// and four times as many channels, a mean over the picture, a linear layer.
///
/// ```text
/// block(x) = relu(norm₂(conv₂(relu(norm₁(conv₁(x))))) + shortcut(x))
/// ```
/// It takes one input, `[N, channels, height, width]` f32, and gives logits `[N, classes]`
/// f32.
///
/// Where a stage halves the picture, the shortcut takes every second pixel and fills the new
/// channels with zeros (option A), or is a convolution with filters of one pixel and its
/// normalization (option B).
///
/// Initial weights are N(0, 2 / inputs of one output) (He et al. 2015, arXiv
/// 1502.01852), the last layer's too; its bias is zero.
///
/// ```
/// use lawn_models::models::{CifarResNet, CifarResNetConfig, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let net = CifarResNet::new(&store.root(), &CifarResNetConfig::new(20, 10), 0);
/// let parameters: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
/// assert_eq!(parameters, 269_722);
/// let images = Tensor::zeros([4, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&[images], Mode::Train { first: 0 }).size(), [4, 10]);
/// ```
#[derive(Debug)]
pub struct CifarResNet {
    stem: ConvNorm,
    blocks: Vec<Residual>,
    output: Linear,
}

impl CifarResNet {
    /// Makes the variables under `path`; `seed` alone decides their values.
    pub fn new(path: &Path, config: &CifarResNetConfig, seed: u64) -> Self {
        let mut builder = ConvNetBuilder::new(
            config.init,
            config.zero_gamma,
            config.statistics_batch,
            seed,
        );
        let mut channels = config.width;
        let sizes = ConvSizes::new(config.channels, channels, 3);
        let stem = builder.layer(&(path / "conv"), &(path / "norm"), sizes);
        let mut blocks = Vec::new();
        for stage in 0..3 {
            let outputs = config.width << stage;
            for place in 0..(config.depth - 2) / 6 {
                let path = path / format!("stage{}", stage + 1) / format!("block{}", place + 1);
                let stride = if stage > 0 && place == 0 { 2 } else { 1 };
                blocks.push(config.block(&path, [channels, outputs], stride, &mut builder));
                channels = outputs;
            }
        }
        let sizes = [channels, config.classes];
        let initial = config.init.residual_head(channels);
        Self {
            stem,
            blocks,
            output: Linear::drawn(&(path / "output"), sizes, initial, &mut builder.rng),
        }
    }
}

impl CifarResNetConfig {
    fn block(
        &self,
        path: &Path,
        sizes: [i64; 2],
        stride: i64,
        builder: &mut ConvNetBuilder,
    ) -> Residual {
        let [inputs, outputs] = sizes;
        let [first, second] = [[inputs, outputs], [outputs, outputs]].map(|sizes| {
            let [inputs, outputs] = sizes;
            ConvSizes::new(inputs, outputs, 3)
        });
        let first = ConvSizes { stride, ..first };
        let branch = vec![
            builder.layer(&(path / "conv1"), &(path / "norm1"), first),
            builder.last(&(path / "conv2"), &(path / "norm2"), second),
        ];
        let shortcut = match self.shortcut {
            _ if stride == 1 => Shortcut::Identity,
            CifarShortcut::A => Shortcut::Padding { channels: outputs },
            CifarShortcut::B => {
                let path = path / "shortcut";
                let one = ConvSizes::new(inputs, outputs, 1);
                let sizes = ConvSizes { stride, ..one };
                Shortcut::Projection(builder.layer(&(&path / "conv"), &(&path / "norm"), sizes))
            }
        };
        Residual { branch, shortcut }
    }
}

impl Model for CifarResNet {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let mut x = self.stem.forward(&inputs[0], mode).relu_();
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        let features = x.mean_dim(&[2i64, 3][..], false, x.kind());
        self.output.forward(&features)
    }

    fn layers(&self) -> Vec<Layer> {
        let first = Ways::default().then(self.stem.layers());
        let blocks = self.blocks.iter().map(Residual::ways);
        let all = blocks.fold(first, Ways::part);
        all.then([self.output.layer()]).layers()
    }

    fn statistics_batch(&self) -> u64 {
        self.stem.norm.statistics_batch() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::models::golden::{assert_close, fill, golden, gradient_norm, values};
    use tch::nn::VarStore;
    use tch::{Device, Kind, Reduction};

    const TRAIN: Mode = Mode::Train { first: 0 };

    fn resnet(depth: i64, width: i64) -> (VarStore, CifarResNet) {
        let config = CifarResNetConfig {
            width,
            ..CifarResNetConfig::new(depth, 10)
        };
        let store = VarStore::new(Device::Cpu);
        let model = CifarResNet::new(&store.root(), &config, 0);
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
        let logits = model.forward(&images, TRAIN);
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

    /// Published results hang on these numbers: initial values of a seed, logits, and the
    /// gradient of each parameter, in f64 and rounded to nine digits, so that processors agree.
    #[test]
    fn a_seed_gives_the_numbers_that_it_always_gave() {
        let found = [CifarShortcut::A, CifarShortcut::B].map(|shortcut| {
            let config = CifarResNetConfig {
                shortcut,
                statistics_batch: 3,
                ..CifarResNetConfig::new(20, 10)
            };
            let mut store = VarStore::new(Device::Cpu);
            let model = CifarResNet::new(&store.root(), &config, 11);
            store.set_kind(Kind::Double);
            let place = Tensor::arange(6 * 3 * 16 * 16, (Kind::Double, Device::Cpu));
            let images = [(place * 0.05).sin().view([6, 3, 16, 16])];
            let logits = model.forward(&images, TRAIN);
            logits.square().sum(Kind::Double).backward();
            let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
            let of_store = variables.values().map(|one| match one.requires_grad() {
                true => one.grad().norm(),
                false => one.norm(),
            });
            let mut numbers = values(&logits);
            numbers.extend(of_store.map(|one| one.double_value(&[])));
            numbers.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, one| {
                format!("{one:.8e}").bytes().fold(hash, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
                })
            })
        });
        assert_eq!(
            found,
            [2_846_336_272_409_610_705, 11_892_299_682_653_998_472]
        );
    }

    #[test]
    fn sides_that_are_odd_or_small_work() {
        let (_store, model) = resnet(8, 4);
        for side in [8, 15, 16] {
            let images = [Tensor::ones([2, 3, side, side], (Kind::Float, Device::Cpu))];
            assert_eq!(model.forward(&images, TRAIN).size(), [2, 10]);
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
