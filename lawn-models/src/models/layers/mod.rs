//! Layers that the models are made of.

mod attention;
mod batch_norm;
mod conv;
mod conv_norm;
mod dropout;
mod first_sample;
mod initial;
mod layer_norm;
mod linear;
pub(crate) mod native;
mod residual;
mod rows;

pub use attention::{Attention, Projections};
pub use batch_norm::GhostBatchNorm;
pub(crate) use batch_norm::MOMENTUM as STATISTICS_MOMENTUM;
pub use conv::{Conv2d, ConvSizes};
pub use conv_norm::ConvNorm;
pub use dropout::Dropout;
pub(crate) use first_sample::FirstSample;
#[cfg(test)]
pub(crate) use first_sample::first_there;
pub use initial::{Distribution, Initial, normal, uniform};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use residual::{Residual, Shortcut};
pub(crate) use rows::behind;
pub use rows::{Lookup, TwoLookups};
