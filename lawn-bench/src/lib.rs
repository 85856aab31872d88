//! The sweep harness behind the `lawn` command.
//!
//! The path of the data is the list of modules: a TOML file becomes a checked
//! [`config::Sweep`]; [`plan`] lists its trials, once and immutably; [`engine`]
//! runs each in a process of its own ([`trial`]); [`plan::choices`] picks each
//! cell's setting from its tuning trials; [`report::merge`] gathers the logs into records; the
//! report is `lawn-analysis`'s. `ARCHITECTURE.md` says which module may import which.

pub mod cli;
pub mod config;
mod count;
pub mod data;
mod duration;
pub mod engine;
pub mod error;
pub mod exit;
pub mod plan;
pub mod process;
pub mod report;
pub mod run;
pub mod sweep;
pub mod trial;
mod watch;

pub use error::Error;
pub use exit::Exit;
