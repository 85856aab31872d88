//! Runs one trial of any task.

mod build;
mod checkpoint;
mod error;
mod run;
mod task;

pub use error::TrialError;
pub use run::run_trial;
pub(crate) use task::{Batch, Measured, Task, TestPermit};
