//! Runs one trial of any task.

mod build;
mod checkpoint;
mod error;
mod evaluate;
mod progress;
mod run;
mod task;
#[expect(clippy::module_inception)]
mod trainer;

pub use error::TrialError;
pub use run::run_trial;
pub use task::TestPermit;
pub(crate) use task::{Batch, Measured, Task};
