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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{ImageModelName, ImageModelOptions};
    use tch::nn::VarStore;
    use tch::{Device, Kind, Tensor};

    fn made(name: ImageModelName, init: Init, zero_gamma: Option<bool>) -> VarStore {
        let store = VarStore::new(Device::Cpu);
        let options = ImageModelOptions {
            init: Some(init),
            zero_gamma,
            ..ImageModelOptions::new(32, 10)
        };
        name.build(&store.root(), &options, 0);
        store
    }

    /// Mean and variance within five of their standard errors, and the bounds.
    fn assert_drawn(what: &str, values: &Tensor, expected: Distribution) {
        let values = values.to_kind(Kind::Double);
        let count = values.numel() as f64;
        let mean = values.mean(Kind::Double).double_value(&[]);
        let variance = values.square().mean(Kind::Double).double_value(&[]);
        let most = values.abs().max().double_value(&[]);
        let (deviation, bound) = match expected {
            Distribution::Constant(value) => {
                assert_eq!((mean, most), (value, value.abs()), "{what}");
                return;
            }
            Distribution::Normal { deviation } => (deviation, 7.0 * deviation),
            Distribution::TruncatedNormal { deviation } => (deviation, 2.2738 * deviation),
            Distribution::Uniform { bound } => (bound / 3f64.sqrt(), bound),
            Distribution::Positive { .. } => unreachable!("no net for pictures begins so"),
        };
        assert!(
            mean.abs() < 5.0 * deviation / count.sqrt(),
            "{what}: {mean}"
        );
        let ratio = variance / deviation.powi(2);
        assert!(
            (ratio - 1.0).abs() < 5.0 * (2.0 / count).sqrt(),
            "{what}: {ratio}"
        );
        assert!(most <= bound * (1.0 + 1e-6), "{what}: {most}");
        let normal = matches!(expected, Distribution::Normal { .. });
        assert!(
            !normal || count < 10_000.0 || most > 3.0 * deviation,
            "{what}: {most}"
        );
    }

    fn normal(deviation: f64) -> Distribution {
        Distribution::Normal { deviation }
    }

    const ONE: Distribution = Distribution::Constant(1.0);
    const ZERO: Distribution = Distribution::ZERO;

    /// By theory, from the definitions of the presets.
    #[test]
    fn presets_draw_from_their_distributions() {
        use Distribution::{TruncatedNormal, Uniform};
        use ImageModelName as Name;
        use Init::{Paper, Timm, Torchvision};
        let (pytorch, lecun) = (
            |inputs: f64| Uniform {
                bound: 1.0 / inputs.sqrt(),
            },
            |inputs: f64| TruncatedNormal {
                deviation: 1.0 / inputs.sqrt(),
            },
        );
        let glorot = |both: f64| Uniform {
            bound: (6.0 / both).sqrt(),
        };
        for (name, init, expected) in [
            (
                Name::Resnet18,
                Torchvision,
                &[
                    ("conv1.weight", normal((2.0 / (64.0 * 49.0f64)).sqrt())),
                    (
                        "layer2.0.conv1.weight",
                        normal((2.0 / (128.0 * 9.0f64)).sqrt()),
                    ),
                    (
                        "layer2.0.downsample.0.weight",
                        normal((2.0 / 128.0f64).sqrt()),
                    ),
                    ("layer1.0.bn2.weight", ONE),
                    ("layer1.0.bn2.bias", ZERO),
                    ("fc.weight", pytorch(512.0)),
                    ("fc.bias", pytorch(512.0)),
                ][..],
            ),
            (
                Name::Resnet50,
                Timm,
                &[
                    ("layer1.0.conv3.weight", normal((2.0 / 256.0f64).sqrt())),
                    ("layer1.0.bn3.weight", ZERO),
                    ("layer1.0.bn2.weight", ONE),
                    ("layer1.0.downsample.1.weight", ONE),
                    ("fc.weight", pytorch(2048.0)),
                ],
            ),
            (
                Name::Resnet18,
                Paper,
                &[
                    ("conv1.weight", normal((2.0 / (3.0 * 49.0f64)).sqrt())),
                    (
                        "layer2.0.conv1.weight",
                        normal((2.0 / (64.0 * 9.0f64)).sqrt()),
                    ),
                    ("layer1.0.bn2.weight", ONE),
                    ("fc.weight", normal((2.0 / 512.0f64).sqrt())),
                    ("fc.bias", ZERO),
                ],
            ),
            (
                Name::ResnetCifar,
                Torchvision,
                &[
                    ("conv.weight", normal((2.0 / (16.0 * 9.0f64)).sqrt())),
                    ("output.bias", pytorch(64.0)),
                ],
            ),
            (
                Name::Vgg19BnCifar,
                Torchvision,
                &[
                    ("features.0.weight", normal((2.0 / (64.0 * 9.0f64)).sqrt())),
                    ("features.0.bias", ZERO),
                    ("features.1.weight", ONE),
                    ("classifier.weight", normal(0.01)),
                    ("classifier.bias", ZERO),
                ],
            ),
            (
                Name::Vgg19BnCifar,
                Paper,
                &[
                    ("features.0.weight", normal((2.0 / 27.0f64).sqrt())),
                    ("classifier.weight", normal((2.0 / 512.0f64).sqrt())),
                ],
            ),
            (
                Name::VitS16,
                Timm,
                &[
                    ("patch_embed.proj.weight", pytorch(768.0)),
                    ("patch_embed.proj.bias", pytorch(768.0)),
                    ("cls_token", normal(1e-6)),
                    ("pos_embed", normal(0.02)),
                    ("blocks.3.attn.qkv.weight", normal(0.02)),
                    ("blocks.3.attn.qkv.bias", ZERO),
                    ("blocks.3.mlp.fc1.weight", normal(0.02)),
                    ("norm.weight", ONE),
                    ("head.weight", normal(0.02)),
                ],
            ),
            (
                Name::VitS16,
                Torchvision,
                &[
                    ("patch_embed.proj.weight", normal(1.0 / 768f64.sqrt())),
                    ("patch_embed.proj.bias", ZERO),
                    ("cls_token", ZERO),
                    ("blocks.3.attn.qkv.weight", glorot(4.0 * 384.0)),
                    ("blocks.3.attn.proj.weight", pytorch(384.0)),
                    ("blocks.3.attn.proj.bias", ZERO),
                    ("blocks.3.mlp.fc2.weight", glorot(5.0 * 384.0)),
                    ("blocks.3.mlp.fc2.bias", normal(1e-6)),
                    ("head.weight", ZERO),
                ],
            ),
            (
                Name::VitS16Algoperf,
                Paper,
                &[
                    ("conv_patch_extract.weight", lecun(768.0)),
                    ("conv_patch_extract.bias", ZERO),
                    (
                        "encoder.net.3.self_attention1.key.weight",
                        glorot(2.0 * 384.0),
                    ),
                    (
                        "encoder.net.3.self_attention1.out.weight",
                        glorot(2.0 * 384.0),
                    ),
                    ("encoder.net.3.mlp3.linear1.bias", normal(1e-6)),
                    ("pre_logits.weight", lecun(384.0)),
                    ("head.weight", ZERO),
                    ("head.bias", ZERO),
                ],
            ),
        ] {
            let store = made(name, init, None);
            let variables = store.variables();
            for (variable, distribution) in expected {
                let what = format!("{name:?} {init:?} {variable}");
                assert_drawn(&what, &variables[*variable], *distribution);
            }
        }
    }

    #[test]
    fn zero_gamma_is_an_option_of_every_preset() {
        for init in [Init::Torchvision, Init::Timm, Init::Paper] {
            for zero_gamma in [false, true] {
                for (name, last, other) in [
                    (ImageModelName::Resnet18, "layer4.1.bn2", "layer4.1.bn1"),
                    (
                        ImageModelName::ResnetCifar,
                        "stage1.block1.norm2",
                        "stage1.block1.norm1",
                    ),
                ] {
                    let store = made(name, init, Some(zero_gamma));
                    let variables = store.variables();
                    let gamma = if zero_gamma { ZERO } else { ONE };
                    assert_drawn(last, &variables[&format!("{last}.weight")], gamma);
                    assert_drawn(other, &variables[&format!("{other}.weight")], ONE);
                }
            }
        }
    }

    #[test]
    fn the_seed_decides_the_values_and_zeros_draw_none() {
        let weight = |init, seed| {
            let store = VarStore::new(Device::Cpu);
            let options = ImageModelOptions {
                init,
                ..ImageModelOptions::new(32, 10)
            };
            ImageModelName::Resnet18Cifar.build(&store.root(), &options, seed);
            store.variables()["layer1.0.conv1.weight"].shallow_clone()
        };
        assert_eq!(weight(None, 3), weight(None, 3));
        assert_ne!(weight(None, 3), weight(None, 4));
        assert_drawn("zeros", &weight(Some(Init::Zeros), 0), ZERO);
    }
}
