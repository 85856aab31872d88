//! What a trial is asked to do: task, optimizer settings, budget and seed.
//!
//! These types are plain data. Reading and checking them calls no libtorch, so
//! that a plan can be made and refused before anything is loaded.

mod amount;
mod diagnostics;
mod error;
mod image;
mod ncf;
mod optimizer;
mod task;
#[cfg(test)]
mod tests;
mod trial;
mod validate;

pub use amount::{Amount, Length};
pub use diagnostics::{Diagnostics, FreePhase};
pub use error::SettingsError;
pub use image::{ImageConfig, ProceduralConfig};
pub use ncf::{NcfConfig, NcfModelKind, SyntheticConfig, Ties, ValidationItem};
pub use optimizer::{Decay, OptimizerSettings, RuleName, ScopeName, ScopeSetting};
pub use task::{TaskConfig, TaskMetrics};
pub use trial::{Evaluation, Stage, TrialConfig, TrialContext};
