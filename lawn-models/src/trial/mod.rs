//! What a trial is asked to do: amounts, optimizer settings, and all of them together.
//!
//! This is plain data and the ground that every other room stands on. Reading and
//! checking it calls no libtorch, so that a plan can be made and refused before
//! anything is loaded.

mod amount;
mod applying;
mod config;
mod diagnostics;
mod error;
mod freeze;
mod names;
mod one_of;
mod optimizer;
mod permit;
mod precision;
mod schema;
mod shape;
mod tables;
#[cfg(test)]
mod tests;
mod validate;
mod validate_shape;

pub use amount::{Amount, Length};
pub use config::{Evaluation, Stage, TrialConfig};
pub use diagnostics::{Diagnostics, FreePhase};
pub use error::SettingsError;
pub(crate) use error::require;
pub use freeze::FreezeCondition;
pub use names::{ConstraintName, LambForm, RuleName};
pub use one_of::one_of;
pub use optimizer::{OptimizerSettings, ScopeName, ScopeSetting};
pub use permit::TestPermit;
pub use precision::Precision;
pub(crate) use schema::describe_tag;
pub use shape::LrShape;
pub(crate) use shape::{DECAY_FACTOR, DECAY_POWER, DECAY_UNTIL, END_FACTOR, RESTART_GROWTH};
