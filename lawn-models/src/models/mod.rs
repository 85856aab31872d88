//! Nets that map inputs to logits. They know no data and no trainer.
//!
//! Each can be used by itself: it makes its variables under a path of a `VarStore`, and
//! [`Model::forward`] gives logits.
//!
//! | net | forms | names of its variables |
//! |---|---|---|
//! | [`ResNet`] | 18, 34, 50, 101, 152 (v1.5); 18 with a stem for small pictures | torchvision's |
//! | [`Vgg`] | 11, 13, 16, 19, each with and without batch normalization; one linear layer for small pictures | torchvision's |
//! | [`Vit`] | S/16, B/16, AlgoPerf's S/16 | timm's, torchvision's, AlgoPerf's |
//! | [`CifarResNet`] | 6n + 2 layers, shortcuts A and B | its own |
//! | [`NeuMf`] | GMF, MLP, NeuMF | its own |
//! | [`MatrixFactorization`] | with biases | its own |
//! | [`ctr`] | logistic regression, wide and deep, DeepFM, DCN-v2, DLRM | their own |
//!
//! Those for pictures have names, too: [`ImageModelName`]. [`load_weights`] and
//! [`save_weights`] exchange weights with PyTorch.
//!
//! ```
//! use lawn_models::models::{Mode, Model, ResNet, ResNetConfig, ResNetDepth};
//! use tch::{Device, Kind, Tensor, nn};
//!
//! let store = nn::VarStore::new(Device::Cpu);
//! let net = ResNet::new(&store.root(), &ResNetConfig::new(ResNetDepth::D18, 10), 0);
//! let images = Tensor::zeros([2, 3, 64, 64], (Kind::Float, Device::Cpu));
//! assert_eq!(net.forward(&[images], Mode::Evaluate).size(), [2, 10]);
//! ```

mod cifar_resnet;
mod conv_nets;
pub mod ctr;
#[cfg(test)]
pub(crate) mod golden;
mod image_models;
mod init;
pub mod layers;
mod layout;
mod matrix_factorization;
mod model;
mod neumf;
#[cfg(test)]
pub(crate) mod parity;
mod pretrained;
mod resnet;
mod table;
mod vgg;
mod vit;
mod ways;
mod weights;

pub use cifar_resnet::{CifarResNet, CifarResNetConfig, CifarShortcut};
pub use ctr::{CtrModelConfig, CtrModelError, CtrShape};
pub use image_models::{ImageModelName, ImageModelOptions};
pub use init::Init;
pub(crate) use layers::FirstSample;
#[cfg(test)]
pub(crate) use layers::first_there;
pub use layout::Layout;
pub use matrix_factorization::{MatrixFactorization, MatrixFactorizationConfig};
pub use model::{LookUps, Mode, Model, parameters};
pub use neumf::{NcfModelKind, NeuMf, NeuMfConfig};
pub use pretrained::join_pretrained;
pub use resnet::{ResNet, ResNetConfig, ResNetDepth, Stem};
pub use table::{Table, TablePart};
pub use vgg::{Vgg, VggConfig, VggDepth, VggHead};
pub(crate) use vit::is_attention_output;
pub use vit::{Vit, VitConfig, VitForm};
pub use weights::{
    ShapeDifference, UnusableValues, WeightsDifferences, WeightsError, load_weights, save_weights,
};
pub(crate) use weights::{unusable_values, weights_of, write_weights};
