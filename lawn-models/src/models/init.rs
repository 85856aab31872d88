use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layers::{ConvSizes, Distribution, Initial};

/// Whose rules the initial values of a net follow.
///
/// | | convolutions | hidden linear layers of VGG | last layer | γ of a block's last normalization |
/// |---|---|---|---|---|
/// | `torchvision` | N(0, 2 / outputs of one input), VGG and ResNets | N(0, 0.01²) | ResNets U(±1 / √inputs), bias too; VGG N(0, 0.01²) | 1 |
/// | `timm` | as `torchvision` | as `torchvision` | as `torchvision` | 0 |
/// | `paper` | N(0, 2 / inputs of one output) (He et al. 2015, arXiv 1502.01852) | the same | the same | 1 |
/// | `zeros` | 0 | 0 | 0 | 1 |
///
/// Biases are 0 where nothing else is said. Those of [`Vit`](super::Vit) are in its own
/// table. `zeros` is for weights that come from a file: nothing is drawn.
///
/// ```
/// use lawn_models::models::{Init, ResNet, ResNetConfig, ResNetDepth};
/// use tch::{Device, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = ResNetConfig { init: Init::Timm, ..ResNetConfig::new(ResNetDepth::D18, 10) };
/// ResNet::new(&store.root(), &config, 0);
/// assert_eq!(store.variables()["layer1.0.bn2.weight"].max().double_value(&[]), 0.0);
/// ```
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// Those of torchvision 0.26.
    Torchvision,
    /// Those of timm 1.0.
    Timm,
    /// Those of the papers that the nets are from.
    Paper,
    /// Zeros.
    Zeros,
}

impl Init {
    /// Of a convolution that a ReLU follows.
    pub(super) fn convolution(self, sizes: ConvSizes) -> Initial {
        Initial::unbiased(match self {
            Self::Torchvision | Self::Timm => Distribution::he(sizes.fan_out()),
            Self::Paper => Distribution::he(sizes.fan_in()),
            Self::Zeros => Distribution::ZERO,
        })
    }

    /// Of the last layer of a residual network.
    pub(super) fn residual_head(self, inputs: i64) -> Initial {
        match self {
            Self::Torchvision | Self::Timm => Initial::pytorch(inputs),
            Self::Paper => Initial::unbiased(Distribution::he(inputs)),
            Self::Zeros => Initial::unbiased(Distribution::ZERO),
        }
    }

    /// Of the linear layers of a VGG.
    pub(super) fn vgg_linear(self, inputs: i64) -> Initial {
        Initial::unbiased(match self {
            Self::Torchvision | Self::Timm => Distribution::Normal { deviation: 0.01 },
            Self::Paper => Distribution::he(inputs),
            Self::Zeros => Distribution::ZERO,
        })
    }

    /// The γ that the last normalization of a residual block begins with; `zero_gamma` says
    /// otherwise than the preset.
    pub(super) fn last_scale(self, zero_gamma: Option<bool>) -> f64 {
        match zero_gamma.unwrap_or(self == Self::Timm) {
            true => 0.0,
            false => 1.0,
        }
    }
}
