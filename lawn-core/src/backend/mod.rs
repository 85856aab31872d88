//! What computes the steps; nothing here knows a rule by its name.

pub(crate) mod choice;
pub(crate) mod fused;
pub(crate) mod multi_tensor;
pub(crate) mod reference;

pub use choice::Backend;
