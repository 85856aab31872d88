//! `[engines.slurm]` and `[engines.ray]`: what is asked of the machines that trials are carried to.

mod count;
mod ray;
mod slurm;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ray::Ray;
pub use slurm::Slurm;

use super::source::Source;
use crate::error::ConfigError;

/// What each engine asks for. Never part of a trial's identity.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Engines {
    /// `--engine slurm`.
    pub slurm: Slurm,
    /// `--engine ray`.
    pub ray: Ray,
}

/// `[engines]` as it is written.
#[derive(Deserialize, JsonSchema, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEngines {
    /// What jobs of --engine slurm ask for.
    slurm: slurm::RawSlurm,
    /// What jobs of --engine ray ask for.
    ray: ray::RawRay,
}

/// Checks what is asked of the engines.
pub(super) fn check(source: &Source<'_>, raw: &RawEngines) -> Result<Engines, ConfigError> {
    Ok(Engines {
        slurm: slurm::check(source, &raw.slurm)?,
        ray: ray::check(source, &raw.ray)?,
    })
}
