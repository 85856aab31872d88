//! Norm constraints: when a radius is taken, what is projected, how it is held.

pub(crate) mod form;
pub(crate) mod interface;
pub(crate) mod phase;

mod lawn;
mod untouched;

pub use lawn::LawnConfig;
pub use phase::Phase;
pub use untouched::UntouchedRows;
