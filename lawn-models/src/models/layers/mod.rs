//! Layers that the models are made of.

mod batch_norm;
mod conv;
mod initial;
mod linear;

pub use batch_norm::GhostBatchNorm;
pub use conv::Conv3x3;
pub use initial::{normal, uniform};
pub use linear::Linear;
