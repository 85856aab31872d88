//! The files of a run: where each is, how it is written and read, and who works on it.

pub mod document;
pub mod ending;
pub mod files;
pub mod floors;
pub(crate) mod graph_attempt;
pub mod launchers;
pub mod lease;
pub mod log;
pub(crate) mod micro_batches;
pub mod provenance;
pub mod pulse;
pub mod run_dir;
pub mod trial_dir;
pub mod trial_file;
