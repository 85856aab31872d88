//! `[engines.ray]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::count::{ATTEMPTS, least};
use crate::config::field::Field;
use crate::config::source::Source;
use crate::error::ConfigError;

/// What a Ray job of this sweep asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ray {
    /// Address of the Jobs server, `http://HOST:PORT`.
    pub address: Option<String>,
    /// CPUs reserved for a trial; `resources.threads` where it is not given.
    pub cpus: Option<f64>,
    /// GPUs reserved for a trial.
    pub gpus: Option<f64>,
    /// Bytes of memory reserved for a trial.
    pub memory_bytes: Option<u64>,
    /// Trials at the same time, instead of `resources.workers`.
    pub workers: Option<usize>,
    /// Jobs in a row that may end without an outcome or a new checkpoint: then a trial that has
    /// begun is `crashed`, and what kept it from that ends the sweep.
    pub attempts: usize,
    /// The `lawn` command on the nodes, where it is not where it is here.
    pub lawn: Option<String>,
}

impl Default for Ray {
    fn default() -> Self {
        Self {
            address: None,
            cpus: None,
            gpus: None,
            memory_bytes: None,
            workers: None,
            attempts: ATTEMPTS,
            lawn: None,
        }
    }
}

#[derive(Deserialize, JsonSchema, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRay {
    /// Address of the Jobs server, `http://HOST:PORT`.
    #[schemars(regex(pattern = "^http://"))]
    address: Option<Field<String>>,
    /// CPUs reserved for a trial; `resources.threads` where it is not given.
    #[schemars(range(min = 0))]
    cpus: Option<Field<f64>>,
    /// GPUs reserved for a trial.
    #[schemars(range(min = 0))]
    gpus: Option<Field<f64>>,
    /// Bytes of memory reserved for a trial.
    #[schemars(range(min = 1))]
    memory_bytes: Option<Field<u64>>,
    /// Trials at the same time, instead of `resources.workers`.
    #[schemars(range(min = 1))]
    workers: Option<Field<usize>>,
    /// Jobs in a row that may end without an outcome or a new checkpoint: then a trial that has
    /// begun is `crashed`, and what kept it from that ends the sweep.
    #[schemars(range(min = 1), extend("default" = ATTEMPTS))]
    attempts: Option<Field<usize>>,
    /// The `lawn` command on the nodes, where it is not where it is here.
    lawn: Option<Field<String>>,
}

pub(super) fn check(source: &Source<'_>, raw: &RawRay) -> Result<Ray, ConfigError> {
    if let Some(address) = &raw.address
        && !address.get_ref().starts_with("http://")
    {
        let message = format!(
            "engines.ray.address must be http://HOST:PORT, not `{}`",
            address.get_ref()
        );
        let help = "it is the address of the dashboard, port 8265 where nothing else was asked for";
        return Err(source.error(address.span(), message, Some(help.into())));
    }
    for (name, amount) in [("cpus", &raw.cpus), ("gpus", &raw.gpus)] {
        if let Some(amount) = amount
            && !(amount.get_ref().is_finite() && *amount.get_ref() >= 0.0)
        {
            let message = format!(
                "engines.ray.{name} must be a number of 0 or more, not {}",
                amount.get_ref()
            );
            return Err(source.error(amount.span(), message, None));
        }
    }
    Ok(Ray {
        address: raw.address.as_ref().map(|it| it.get_ref().clone()),
        cpus: raw.cpus.as_ref().map(|it| *it.get_ref()),
        gpus: raw.gpus.as_ref().map(|it| *it.get_ref()),
        memory_bytes: least(source, &raw.memory_bytes, "engines.ray.memory_bytes")?,
        workers: least(source, &raw.workers, "engines.ray.workers")?,
        attempts: least(source, &raw.attempts, "engines.ray.attempts")?.unwrap_or(ATTEMPTS),
        lawn: raw.lawn.as_ref().map(|lawn| lawn.get_ref().clone()),
    })
}
