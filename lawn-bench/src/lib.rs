//! The sweep harness behind the `lawn` command.
//!
//! The path of the data is the list of modules: a TOML file becomes a checked
//! [`config::Sweep`]; [`plan`] lists its trials, once and immutably; [`engine`]
//! runs each in a process of its own ([`trial`]); [`choices`] picks each
//! cell's setting from its tuning trials; [`merge`] gathers the logs into records; the
//! report is `lawn-analysis`'s.

pub mod advice;
pub mod choices;
pub mod cli;
pub mod config;
pub mod damage;
pub mod data;
pub mod doctor;
pub mod ending;
pub mod engine;
mod error;
pub mod estimate;
mod examination;
pub mod failures;
pub mod fetch;
pub mod files;
pub mod launchers;
pub mod lease;
pub mod make;
pub mod merge;
pub mod outcomes;
mod outline;
pub mod plan;
pub mod progress;
pub mod provenance;
pub mod pulse;
mod render;
pub mod retry;
mod rows;
pub mod run_dir;
mod shell;
mod signals;
mod spawn;
pub mod status;
pub mod stop;
mod streams;
pub mod sweep;
pub mod tensorboard;
pub mod trial;

pub use error::Error;
