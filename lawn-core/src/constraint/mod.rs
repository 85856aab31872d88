//! Norm constraints: when a radius is taken, what is projected, how it is held.

pub(crate) mod form;
pub(crate) mod interface;
pub(crate) mod phase;

mod cpr;
mod hyperball;
mod lawn;
mod rotational;
mod untouched;

pub use cpr::{CprBound, CprConfig};
pub use hyperball::HyperballConfig;
pub use lawn::LawnConfig;
pub use phase::Phase;
pub use rotational::RotationalConfig;
pub use untouched::UntouchedRows;
