//! From images of any size to those of one size that a network is given.

mod config;
mod crop;
mod resize;
#[cfg(test)]
mod tests;
mod view;

pub use config::{Normalization, TransformConfig};
pub(crate) use view::Transform;
