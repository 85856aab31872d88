//! Nets that map inputs to logits. They know no data and no trainer.
//!
//! Each can be used by itself: it makes its variables under a path of a `VarStore`, and
//! [`Model::forward`] gives logits.
//!
//! ```
//! use lawn_models::models::{Mode, Model, ResNet, ResNetConfig};
//! use tch::{Device, Kind, Tensor, nn};
//!
//! let store = nn::VarStore::new(Device::Cpu);
//! let net = ResNet::new(&store.root(), &ResNetConfig::new(8, 10), 0);
//! let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
//! assert_eq!(net.forward(&[images], Mode::Evaluate).size(), [2, 10]);
//! ```

#[cfg(test)]
mod golden;
pub mod layers;
mod model;
mod neumf;
mod resnet;

pub use model::{Mode, Model};
pub use neumf::{NcfModelKind, NeuMf, NeuMfConfig};
pub use resnet::{ResNet, ResNetConfig};
