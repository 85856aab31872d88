//! The names of the engines.

use serde::{Deserialize, Serialize};

/// The engines that `lawn sweep --engine NAME` knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// Processes on this machine.
    #[default]
    Local,
    /// Job arrays of a Slurm cluster.
    Slurm,
    /// Jobs of a Ray cluster.
    Ray,
}
