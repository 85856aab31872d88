//! Norm constraints: when a radius is taken, what is projected, how it is held.

mod lawn;

pub(crate) use lawn::has_direction;
pub use lawn::{LawnConfig, Phase};
