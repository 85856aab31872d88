//! What trials train on.

use lawn_models::{CudaProbe, Device};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where trials train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// On the CPU: bit for bit reproducible.
    #[default]
    Cpu,
    /// On CUDA; an error where there is none.
    Cuda,
    /// On CUDA where it is found, on the CPU otherwise.
    Auto,
}

/// How embedding tables lie where a trial has several ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sharding {
    /// Whole on each rank.
    #[default]
    None,
    /// Their rows are dealt out among the ranks, round robin.
    Rows,
}

impl Sharding {
    /// Whether tables are whole on each rank.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl DeviceChoice {
    /// The device that the choice comes to on this machine.
    pub(crate) fn here(self) -> Device {
        match self {
            Self::Cpu => Device::Cpu,
            Self::Cuda => Device::Cuda(0),
            Self::Auto => match lawn_models::probe().cuda {
                CudaProbe::Available { .. } => Device::Cuda(0),
                _ => Device::Cpu,
            },
        }
    }
}
