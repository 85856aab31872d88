//! What a run is continued from.

mod file;
pub(crate) mod snapshot;

pub use file::State;
