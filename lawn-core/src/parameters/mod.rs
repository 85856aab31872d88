//! What is optimized, and how each part of it is treated.

pub(crate) mod group;
pub(crate) mod homogeneous;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod names;
pub(crate) mod parameter;
pub(crate) mod pattern;
pub(crate) mod scope;
pub(crate) mod treatment;
pub(crate) mod untrained;

pub use group::Group;
pub use layer::{Layer, Map};
pub use parameter::{Parameter, Parameters};
pub use scope::Scope;
pub use treatment::{Constraint, Treatment, TreatmentTable};
