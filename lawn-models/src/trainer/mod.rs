//! Runs one trial of any task.

mod build;
mod checkpoint;
mod distance;
mod error;
mod evaluate;
mod progress;
mod run;
mod task;
#[expect(clippy::module_inception)]
mod trainer;
mod unread;

pub use checkpoint::{remove_checkpoints, set_aside, set_checkpoints_aside};
pub use error::TrialError;
pub use run::{dry_run, examine, run_trial};
pub use task::TestPermit;
pub(crate) use task::{Batch, Measured, Task};
