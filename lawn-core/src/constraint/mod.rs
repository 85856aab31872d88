//! Norm constraints: when a radius is taken, what is projected, how it is held.

pub(crate) mod lawn;

pub use lawn::{LawnConfig, Phase};
