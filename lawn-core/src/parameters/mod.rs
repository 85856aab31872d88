//! What is optimized, and how each part of it is treated.

pub(crate) mod group;
pub(crate) mod homogeneous;
mod layer;
pub(crate) mod layout;
pub(crate) mod parameter;
pub(crate) mod pattern;
pub(crate) mod role;
mod scope;
pub(crate) mod slot;
pub(crate) mod treatment;
pub(crate) mod units;

pub use group::{Group, WeightDecay};
pub use layer::{Layer, Map};
pub use parameter::{Parameter, Parameters};
pub use role::Role;
pub use scope::Scope;
pub use treatment::{Constraint, Treatment, TreatmentTable};
pub use units::Granularity;
