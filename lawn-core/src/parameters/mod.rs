//! What is optimized, and how each part of it is treated.

pub(crate) mod decay;
pub(crate) mod group;
pub(crate) mod homogeneous;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod parameter;
pub(crate) mod pattern;
pub(crate) mod role;
pub(crate) mod scope;
pub(crate) mod slot;
pub(crate) mod treatment;
pub(crate) mod units;
pub(crate) mod untrained;

pub use decay::WeightDecay;
pub use group::Group;
pub use layer::{Layer, Map};
pub use parameter::{Parameter, Parameters};
pub use role::Role;
pub use scope::Scope;
pub use treatment::{Constraint, Treatment, TreatmentTable};
pub use units::Granularity;
