//! Implicit feedback: who interacted with what, in rating files or generated.

mod files;
mod generated;
mod interactions;
mod sampler;
mod source;
mod split;

pub(crate) use files::describe;
pub use generated::GeneratedRatings;
pub(crate) use generated::write;
pub(crate) use interactions::{Case, Interactions};
pub(crate) use sampler::TrainRatings;
pub(crate) use source::Source;
pub use split::ValidationItem;
pub(crate) use split::{EVALUATION_NEGATIVES, Split};
