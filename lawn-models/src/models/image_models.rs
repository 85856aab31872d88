//! The nets for pictures by name: the only list of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::nn::Path;

use super::cifar_resnet::{CifarResNet, CifarResNetConfig, CifarShortcut};
use super::init::Init;
use super::model::Model;
use super::resnet::{ResNet, ResNetConfig, ResNetDepth, Stem};
use super::vgg::{Vgg, VggConfig, VggDepth, VggHead};
use super::vit::{Vit, VitConfig};

/// What the nets of a family have in common, and how one is told from another.
enum Family {
    ResNet(ResNetDepth, Stem),
    Vgg(VggDepth, bool, VggHead),
    Vit(fn(i64) -> VitConfig),
    CifarResNet,
}

/// Makes [`ImageModelName`] of the list.
macro_rules! image_models {
    ($($(#[$about:meta])* $variant:ident = $name:literal => $family:expr,)+) => {
        /// A net for pictures, by the name that torchvision or timm gives it.
        ///
        /// ```
        /// use lawn_models::models::{ImageModelName, ImageModelOptions, Model};
        /// use tch::{Device, Tensor, nn};
        ///
        /// let store = nn::VarStore::new(Device::Cpu);
        /// let options = ImageModelOptions::new(32, 10);
        /// let net = ImageModelName::Resnet18Cifar.build(&store.root(), &options, 0);
        /// assert_eq!(store.variables()["conv1.weight"].size(), [64, 3, 3, 3]);
        /// ```
        #[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ImageModelName {
            $($(#[$about])* #[serde(rename = $name)] $variant),+
        }

        impl ImageModelName {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name as it is written.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            fn family(self) -> Family {
                match self {
                    $(Self::$variant => $family),+
                }
            }
        }
    };
}

image_models! {
    /// [`ResNet`] with 18 layers.
    Resnet18 = "resnet18" => Family::ResNet(ResNetDepth::D18, Stem::Photographs),
    /// [`ResNet`] with 34 layers.
    Resnet34 = "resnet34" => Family::ResNet(ResNetDepth::D34, Stem::Photographs),
    /// [`ResNet`] with 50 layers.
    Resnet50 = "resnet50" => Family::ResNet(ResNetDepth::D50, Stem::Photographs),
    /// [`ResNet`] with 101 layers.
    Resnet101 = "resnet101" => Family::ResNet(ResNetDepth::D101, Stem::Photographs),
    /// [`ResNet`] with 152 layers.
    Resnet152 = "resnet152" => Family::ResNet(ResNetDepth::D152, Stem::Photographs),
    /// [`ResNet`] with 18 layers and the stem for small pictures.
    Resnet18Cifar = "resnet18_cifar" => Family::ResNet(ResNetDepth::D18, Stem::Small),
    /// [`Vgg`] with 11 layers.
    Vgg11 = "vgg11" => Family::Vgg(VggDepth::D11, false, VggHead::Photographs),
    /// [`Vgg`] with 11 layers and batch normalization.
    Vgg11Bn = "vgg11_bn" => Family::Vgg(VggDepth::D11, true, VggHead::Photographs),
    /// [`Vgg`] with 13 layers.
    Vgg13 = "vgg13" => Family::Vgg(VggDepth::D13, false, VggHead::Photographs),
    /// [`Vgg`] with 13 layers and batch normalization.
    Vgg13Bn = "vgg13_bn" => Family::Vgg(VggDepth::D13, true, VggHead::Photographs),
    /// [`Vgg`] with 16 layers.
    Vgg16 = "vgg16" => Family::Vgg(VggDepth::D16, false, VggHead::Photographs),
    /// [`Vgg`] with 16 layers and batch normalization.
    Vgg16Bn = "vgg16_bn" => Family::Vgg(VggDepth::D16, true, VggHead::Photographs),
    /// [`Vgg`] with 19 layers.
    Vgg19 = "vgg19" => Family::Vgg(VggDepth::D19, false, VggHead::Photographs),
    /// [`Vgg`] with 19 layers and batch normalization.
    Vgg19Bn = "vgg19_bn" => Family::Vgg(VggDepth::D19, true, VggHead::Photographs),
    /// [`Vgg`] with 19 layers, batch normalization and one linear layer for small pictures.
    Vgg19BnCifar = "vgg19_bn_cifar" => Family::Vgg(VggDepth::D19, true, VggHead::Small),
    /// [`Vit`] S/16 in timm's form.
    VitS16 = "vit_s_16" => Family::Vit(VitConfig::small),
    /// [`Vit`] B/16 in torchvision's form.
    VitB16 = "vit_b_16" => Family::Vit(VitConfig::base),
    /// [`Vit`] S/16 in AlgoPerf's form.
    VitS16Algoperf = "vit_s_16_algoperf" => Family::Vit(VitConfig::algoperf_small),
    /// [`CifarResNet`] of [`ImageModelOptions::depth`] layers.
    ResnetCifar = "resnet_cifar" => Family::CifarResNet,
}

/// What a named net leaves open. Options that a net does not have are not looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageModelOptions {
    /// Side of the pictures in pixels: decides the positions of a [`Vit`].
    pub image_size: i64,
    /// Classes that are told apart.
    pub classes: i64,
    /// Channels of a picture.
    pub channels: i64,
    /// Layers of a [`CifarResNet`].
    pub depth: i64,
    /// Channels of the first stage of a [`CifarResNet`].
    pub width: i64,
    /// The way around a block that halves the picture, in a [`CifarResNet`].
    pub shortcut: CifarShortcut,
    /// Samples that one set of batch-normalization statistics is taken over.
    pub statistics_batch: u64,
    /// Whose rules the initial values follow; the net's own where nothing is said.
    pub init: Option<Init>,
    /// Whether the last normalization of each block of a residual network begins with γ = 0.
    pub zero_gamma: Option<bool>,
    /// Rate of the dropout, of a [`Vgg`] for photographs and a [`Vit`], whose attention
    /// weights are dropped as well; the net's own where nothing is said.
    pub dropout: Option<f64>,
    /// Rate of the stochastic depth of a [`Vit`].
    pub drop_path: f64,
}

impl ImageModelOptions {
    /// Pictures of three colours, and everything as each net has it.
    pub fn new(image_size: i64, classes: i64) -> Self {
        let CifarResNetConfig {
            depth,
            width,
            channels,
            shortcut,
            statistics_batch,
            ..
        } = CifarResNetConfig::new(20, classes);
        Self {
            image_size,
            classes,
            channels,
            depth,
            width,
            shortcut,
            statistics_batch,
            init: None,
            zero_gamma: None,
            dropout: None,
            drop_path: 0.0,
        }
    }
}

impl ImageModelName {
    /// Makes its variables under `path`; `seed` alone decides their values, and what is
    /// dropped in training.
    ///
    /// # Panics
    /// If a [`Vit`] is asked for pictures that patches of 16 pixels do not fill.
    pub fn build(self, path: &Path, options: &ImageModelOptions, seed: u64) -> Box<dyn Model> {
        let classes = options.classes;
        match self.family() {
            Family::ResNet(depth, stem) => {
                let own = ResNetConfig::new(depth, classes);
                let config = ResNetConfig {
                    channels: options.channels,
                    stem,
                    statistics_batch: options.statistics_batch,
                    init: options.init.unwrap_or(own.init),
                    zero_gamma: options.zero_gamma,
                    ..own
                };
                Box::new(ResNet::new(path, &config, seed))
            }
            Family::Vgg(depth, batch_norm, head) => {
                let own = VggConfig::new(depth, batch_norm, classes);
                let config = VggConfig {
                    head,
                    channels: options.channels,
                    dropout: options.dropout.unwrap_or(own.dropout),
                    statistics_batch: options.statistics_batch,
                    init: options.init.unwrap_or(own.init),
                    ..own
                };
                Box::new(Vgg::new(path, &config, seed))
            }
            Family::Vit(own) => {
                let own = own(classes);
                let dropout = options.dropout.unwrap_or(own.dropout);
                let config = VitConfig {
                    image_size: options.image_size,
                    channels: options.channels,
                    init: options.init.unwrap_or(own.init),
                    dropout,
                    attention_dropout: dropout,
                    drop_path: options.drop_path,
                    ..own
                };
                Box::new(Vit::new(path, &config, seed))
            }
            Family::CifarResNet => {
                let own = CifarResNetConfig::new(options.depth, classes);
                let config = CifarResNetConfig {
                    width: options.width,
                    channels: options.channels,
                    shortcut: options.shortcut,
                    statistics_batch: options.statistics_batch,
                    init: options.init.unwrap_or(own.init),
                    zero_gamma: options.zero_gamma,
                    ..own
                };
                Box::new(CifarResNet::new(path, &config, seed))
            }
        }
    }

    /// What the side of its pictures must be: a multiple of some pixels.
    pub fn image_size_step(self) -> i64 {
        match self.family() {
            Family::Vit(own) => own(1).patch,
            Family::ResNet(..) | Family::Vgg(..) | Family::CifarResNet => 1,
        }
    }

    /// Whether it takes pictures of one size only, and square ones.
    pub fn has_positions(self) -> bool {
        matches!(self.family(), Family::Vit(_))
    }

    /// The smallest side of a picture that leaves a pixel before the last layer.
    pub fn smallest_image(self) -> i64 {
        match self.family() {
            Family::Vgg(..) => 32,
            Family::Vit(own) => own(1).patch,
            Family::ResNet(..) | Family::CifarResNet => 1,
        }
    }

    /// Values of one channel that batch normalization has of one picture of `[height, width]`,
    /// where it has the fewest; none where the net has no batch normalization. Of one value
    /// there is no variance.
    ///
    /// ```
    /// use lawn_models::models::ImageModelName::{Resnet50, ResnetCifar, Vgg16, Vgg16Bn};
    /// assert_eq!(Resnet50.normalized_values([224, 224]), Some(49));
    /// assert_eq!(Resnet50.normalized_values([32, 32]), Some(1));
    /// assert_eq!(ResnetCifar.normalized_values([32, 32]), Some(64));
    /// assert_eq!(Vgg16Bn.normalized_values([32, 32]), Some(4));
    /// assert_eq!(Vgg16.normalized_values([32, 32]), None);
    /// ```
    pub fn normalized_values(self, sides: [i64; 2]) -> Option<i64> {
        let halved = |times: u32, is_rounded_up: bool| {
            let half = |side: i64| side / 2 + i64::from(is_rounded_up) * (side % 2);
            let side = |side: i64| (0..times).fold(side, |side, _| half(side));
            sides.map(side).iter().product()
        };
        match self.family() {
            // The stem and its pooling halve, and so does each stage but the first.
            Family::ResNet(_, Stem::Photographs) => Some(halved(5, true)),
            Family::ResNet(_, Stem::Small) => Some(halved(3, true)),
            Family::CifarResNet => Some(halved(2, true)),
            // Nothing is normalized behind the last of five poolings.
            Family::Vgg(_, true, _) => Some(halved(4, false)),
            Family::Vgg(_, false, _) | Family::Vit(_) => None,
        }
    }

    /// Whether it has the option of this name, as [`ImageModelOptions`] has it.
    pub fn takes(self, option: &str) -> bool {
        match self.family() {
            Family::ResNet(..) => matches!(option, "statistics_batch" | "init" | "zero_gamma"),
            Family::Vgg(_, batch_norm, head) => match option {
                "statistics_batch" => batch_norm,
                "dropout" => head == VggHead::Photographs,
                option => option == "init",
            },
            Family::Vit(_) => matches!(option, "init" | "dropout" | "drop_path"),
            Family::CifarResNet => matches!(
                option,
                "depth" | "width" | "shortcut" | "statistics_batch" | "init" | "zero_gamma"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::VarStore;
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::models::Mode;

    /// Of one image: the running variance is unbiased, so that it is no number where it is taken
    /// over one value.
    #[test]
    fn a_net_has_the_values_to_normalize_that_it_says() {
        use ImageModelName::{Resnet18, Resnet18Cifar, Resnet50, ResnetCifar, Vgg11Bn};
        for (model, sides) in [
            (Resnet18, [[32, 32], [33, 32], [32, 40]]),
            (Resnet50, [[17, 32], [33, 32], [64, 8]]),
            (Resnet18Cifar, [[8, 8], [9, 8], [8, 16]]),
            (ResnetCifar, [[4, 4], [5, 3], [3, 4]]),
            (Vgg11Bn, [[32, 32], [33, 32], [32, 64]]),
        ] {
            for [height, width] in sides {
                let store = VarStore::new(Device::Cpu);
                let options = ImageModelOptions {
                    depth: 8,
                    width: 2,
                    ..ImageModelOptions::new(width, 3)
                };
                let net = model.build(&store.root(), &options, 0);
                let image = Tensor::ones([1, 3, height, width], (Kind::Float, Device::Cpu));
                let _ = tch::no_grad(|| net.forward(&[image], Mode::Train { first: 0 }));
                let variables = store.variables();
                let mut variances = variables.iter().filter(|(name, _)| name.ends_with("_var"));
                let is_taken = variances.all(|(_, one)| one.isfinite().all().int64_value(&[]) != 0);
                let values = model.normalized_values([height, width]);
                assert_eq!(
                    is_taken,
                    values > Some(1),
                    "{model:?} {height} {width}: {values:?}"
                );
            }
        }
    }
}
