//! What people read of a run: its records, its status, its plan in words.

pub mod comparison;
pub mod live;
pub mod merge;
pub mod mlflow;
pub(crate) mod of_ranks;
pub(crate) mod outline;
pub(crate) mod render;
pub mod status;
pub mod trials;
