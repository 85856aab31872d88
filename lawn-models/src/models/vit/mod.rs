//! The vision transformer, Dosovitskiy et al. 2021, arXiv 2010.11929.

mod block;
mod config;
mod initial;
mod names;
mod positions;

use lawn_core::Layer;
use tch::Tensor;
use tch::nn::Path;

use super::layers::{Conv2d, ConvSizes, Dropout, LayerNorm, Linear};
use super::model::{Mode, Model};
use crate::random::{Purpose, stream};
use block::Block;
use names::module;
use positions::sines_and_cosines;

pub use config::{VitConfig, VitForm};
pub(crate) use names::is_attention_output;

/// Patches of a picture as tokens, blocks of attention and perceptrons, and a linear layer.
///
/// ```text
/// x₀ = [class, E patch₁ + b, …] + positions
/// xₗ = block(xₗ₋₁)
/// y  = W norm(x_L)[class] + c                                       timm and torchvision
/// y  = W tanh(V mean over tokens of norm(x_L) + a) + c              AlgoPerf
/// ```
/// It takes one input, `[N, channels, image_size, image_size]` f32, and gives logits
/// `[N, classes]` f32. What the parameters are called, see [`VitForm`].
///
/// Initial values, where biases are 0 unless they are given:
///
/// | | `torchvision` | `timm` | `paper` |
/// |---|---|---|---|
/// | patches | N(0, 1 / inputs) | U(±1 / √inputs), bias too | the same, cut at ±2 s |
/// | class token | 0 | N(0, 10⁻¹²) | 0 |
/// | positions | N(0, 0.02²) | N(0, 0.02²) | N(0, 0.02²) |
/// | queries, keys, values | Glorot, as one matrix | N(0, 0.02²) | Glorot |
/// | output of the attention | U(±1 / √width) | N(0, 0.02²) | Glorot |
/// | perceptrons | Glorot, biases N(0, 10⁻¹²) | N(0, 0.02²) | as torchvision |
/// | before the head | N(0, 1 / width) | N(0, 0.02²) | N(0, 1 / width), cut at ±2 s |
/// | head | 0 | N(0, 0.02²) | 0 |
///
/// The class token and the positions have the role of biases: no weight decay and no constraint
/// by default, as in timm (`no_weight_decay`) and in the authors' code, which decays kernels
/// alone. torchvision's recipe decays them.
///
/// `paper` is the authors' code in Flax, which AlgoPerf follows. PyTorch's functions cut
/// normal values at ±2, which none of these reaches.
///
/// ```
/// use lawn_models::models::{Mode, Model, Vit, VitConfig};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = VitConfig { image_size: 32, depth: 2, ..VitConfig::small(10) };
/// let net = Vit::new(&store.root(), &config, 0);
/// let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&[images], Mode::Evaluate).size(), [2, 10]);
/// assert_eq!(store.variables()["blocks.1.attn.qkv.weight"].size(), [1152, 384]);
/// ```
#[derive(Debug)]
pub struct Vit {
    patches: Conv2d,
    tokens: Tokens,
    /// After the positions.
    dropout: Dropout,
    blocks: Vec<Block>,
    norm: LayerNorm,
    pre_logits: Option<Linear>,
    head: Linear,
}

/// What is known of a picture beside its patches.
#[derive(Debug)]
enum Tokens {
    /// A token that the logits are read from, and the positions of all.
    Learned {
        names: [String; 2],
        /// `[1, 1, width]`
        class: Tensor,
        /// `[1, 1 + patches, width]`
        positions: Tensor,
    },
    /// Fixed positions, `[1, patches, width]`.
    Fixed(Tensor),
}

impl Vit {
    /// Makes the variables under `path`; `seed` alone decides their values, and what is
    /// dropped.
    ///
    /// # Panics
    /// If the sizes do not fit each other.
    pub fn new(path: &Path, config: &VitConfig, seed: u64) -> Self {
        assert!(config.image_size % config.patch == 0, "{config:?}");
        assert!(config.width % config.heads == 0, "{config:?}");
        let mut rng = stream(seed, Purpose::Weights, 0);
        let width = config.width;
        let names = config.form.names();
        let sizes = ConvSizes {
            stride: config.patch,
            border: 0,
            bias: true,
            ..ConvSizes::new(config.channels, width, config.patch)
        };
        let initial = config.initial_patch(sizes);
        let patches = Conv2d::new(&module(path, names.patch), sizes, initial, &mut rng);
        let tokens = match config.form {
            VitForm::AlgoPerf => {
                let fixed = sines_and_cosines(config.grid(), width);
                Tokens::Fixed(fixed.to_device(path.device()))
            }
            VitForm::Timm | VitForm::Torchvision => {
                let count = 1 + config.grid() * config.grid();
                let class = config.initial_class_token().draw(&[1, 1, width], &mut rng);
                let positions = config.initial_positions();
                let positions = positions.draw(&[1, count, width], &mut rng);
                // The module that has them, if it is not the whole net, and the last part.
                let [of_class, of_positions] = [names.class_token, names.positions]
                    .map(|name| name.rsplit_once('.').unwrap_or(("", name)));
                let variable = |(of, last): (&str, &str), values: &Tensor| match of {
                    "" => (path.path(last), path.var_copy(last, values)),
                    of => {
                        let path = module(path, of);
                        (path.path(last), path.var_copy(last, values))
                    }
                };
                let (class_name, class) = variable(of_class, &class);
                let (positions_name, positions) = variable(of_positions, &positions);
                Tokens::Learned {
                    names: [class_name, positions_name],
                    class,
                    positions,
                }
            }
        };
        let blocks = (0..config.depth).map(|place| Block::new(path, config, place, seed, &mut rng));
        let blocks = blocks.collect();
        let norm = LayerNorm::new(&module(path, names.norm), width);
        let pre_logits = (config.form == VitForm::AlgoPerf).then(|| {
            let initial = config.initial_pre_logits();
            Linear::drawn(
                &module(path, names::PRE_LOGITS),
                [width, width],
                initial,
                &mut rng,
            )
        });
        let sizes = [width, config.classes];
        let head = Linear::drawn(
            &module(path, names.head),
            sizes,
            config.initial_head(),
            &mut rng,
        );
        Self {
            patches,
            tokens,
            dropout: Dropout::of_elements(config.dropout, seed, 0),
            blocks,
            norm,
            pre_logits,
            head,
        }
    }
}

impl Tokens {
    /// Patches `[N, patches, width]` to tokens.
    fn forward(&self, patches: &Tensor) -> Tensor {
        match self {
            Self::Learned {
                class, positions, ..
            } => {
                let class = class.expand([patches.size()[0], -1, -1], false);
                Tensor::cat(&[&class, patches], 1) + positions
            }
            Self::Fixed(positions) => patches + positions,
        }
    }
}

impl Model for Vit {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let patches = self.patches.forward(&inputs[0]).flatten(2, 3);
        let x = self.tokens.forward(&patches.transpose(1, 2));
        let mut x = self.dropout.forward(&x, mode);
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        let x = self.norm.forward(&x);
        let x = match &self.tokens {
            Tokens::Learned { .. } => x.select(1, 0),
            Tokens::Fixed(_) => x.mean_dim(1, false, x.kind()),
        };
        match &self.pre_logits {
            Some(layer) => self.head.forward(&layer.forward(&x).tanh()),
            None => self.head.forward(&x),
        }
    }

    fn layers(&self) -> Vec<Layer> {
        let mut layers = vec![self.patches.layer()];
        if let Tokens::Learned { names, .. } = &self.tokens {
            layers.push(Layer::homogeneous(names));
        }
        layers.extend(self.blocks.iter().flat_map(Block::layers));
        layers.push(self.norm.layer());
        let tanh = self.pre_logits.iter();
        layers.extend(tanh.map(|layer| Layer::other(layer.names())));
        layers.push(self.head.layer());
        layers
    }

    fn biases(&self) -> Vec<String> {
        match &self.tokens {
            Tokens::Learned { names, .. } => names.to_vec(),
            Tokens::Fixed(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::parameters;
    use lawn_core::{
        AdamConfig, Constraint, LawnConfig, OptimizerConfig, RuleConfig, Schedule, Scope,
        WeightDecay,
    };
    use tch::nn::VarStore;
    use tch::{Device, Tensor};

    /// timm's `param_groups_weight_decay` leaves out what has one dimension and what the net's
    /// `no_weight_decay` names.
    #[test]
    fn matrices_and_filters_alone_are_decayed_and_constrained() {
        for (config, added) in [
            (VitConfig::small(10), &["cls_token", "pos_embed"][..]),
            (
                VitConfig::base(10),
                &["class_token", "encoder.pos_embedding"],
            ),
            (VitConfig::algoperf_small(10), &[]),
        ] {
            let config = VitConfig {
                image_size: 32,
                width: 16,
                heads: 2,
                hidden: 32,
                depth: 2,
                ..config
            };
            let store = VarStore::new(Device::Cpu);
            let net = Vit::new(&store.root(), &config, 0);
            let of = |config: OptimizerConfig| {
                let optimizer = config.build(parameters(&net, &store).unwrap()).unwrap();
                optimizer.treatments().to_vec()
            };
            let rule = RuleConfig::from(AdamConfig::default());
            let base = OptimizerConfig::new(rule, Schedule::constant(1e-3));
            let variables = store.variables();
            let expected = |name: &str| {
                let variable: &Tensor = &variables[name];
                variable.dim() > 1 && !added.contains(&name)
            };
            for one in of(base
                .clone()
                .with_decay(WeightDecay::Decoupled { rate: 0.1 }))
            {
                let decayed = one.decay != WeightDecay::None;
                assert_eq!(decayed, expected(&one.parameter), "{}", one.parameter);
            }
            let all = LawnConfig {
                scope: Scope::AllWeights,
                ..LawnConfig::new(1)
            };
            for one in of(base.with_lawn(all)) {
                let constrained = one.constraint == Constraint::Constrained;
                assert_eq!(constrained, expected(&one.parameter), "{}", one.parameter);
            }
            assert_eq!(net.biases(), added);
        }
    }
}
