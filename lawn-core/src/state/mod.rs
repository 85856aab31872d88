//! What a run is continued from.

pub(crate) mod file;
pub(crate) mod snapshot;

pub use file::State;
