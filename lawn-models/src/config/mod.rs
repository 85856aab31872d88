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

/// The text of the modules whose types a configuration is read into: what their fields
/// mean is said there, and a schema says it in the same words.
pub const CONFIG_SOURCES: [&str; 5] = [
    include_str!("diagnostics.rs"),
    include_str!("image.rs"),
    include_str!("ncf.rs"),
    include_str!("optimizer.rs"),
    include_str!("trial.rs"),
];
