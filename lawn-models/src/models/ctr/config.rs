//! The nets that predict clicks by name: the only list of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::nn::Path;

use super::CtrShape;
use super::dcn::{DcnV2, DcnV2Config};
use super::deep_part::DeepConfig;
use super::deepfm::DeepFm;
use super::dlrm::{Dlrm, DlrmConfig, DlrmSmallConfig};
use super::error::CtrModelError;
use super::logistic::{Logistic, LogisticConfig};
use super::wide_deep::WideDeep;
use crate::models::model::Model;

/// A net that predicts clicks, as a sweep file names it: its `name`, and its settings beside.
///
/// ```
/// use lawn_models::models::{CtrModelConfig, CtrShape, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let written = serde_json::json!({ "name": "dcn_v2", "rank": 8, "layers": [32, 16] });
/// let config: CtrModelConfig = serde_json::from_value(written)?;
/// config.validate()?;
/// let shape = CtrShape { dense: 13, columns: vec![100; 26], ..CtrShape::default() };
/// let store = nn::VarStore::new(Device::Cpu);
/// let net = config.build(&store.root(), &shape, 0);
/// let dense = Tensor::zeros([7, 13], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 26], (Kind::Int64, Device::Cpu));
/// assert_eq!(net.forward(&[dense, rows], Mode::Evaluate).size(), [7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CtrModelConfig {
    /// [`Logistic`].
    Logistic(LogisticConfig),
    /// [`DcnV2`].
    #[serde(rename = "dcn_v2")]
    DcnV2(DcnV2Config),
    /// [`WideDeep`].
    WideDeep(DeepConfig),
    /// [`DeepFm`].
    #[serde(rename = "deepfm")]
    DeepFm(DeepConfig),
    /// [`Dlrm`].
    Dlrm(DlrmConfig),
    /// AlgoPerf's [`Dlrm`], with one table for all columns.
    DlrmSmall(DlrmSmallConfig),
}

impl CtrModelConfig {
    /// Refuses sizes that no net can have.
    ///
    /// # Errors
    /// [`CtrModelError`], which names the setting and what is allowed.
    pub fn validate(&self) -> Result<(), CtrModelError> {
        match self {
            Self::Logistic(_) => Ok(()),
            Self::DcnV2(config) => config.validate(),
            Self::WideDeep(config) | Self::DeepFm(config) => config.validate(),
            Self::Dlrm(config) => config.validate(),
            Self::DlrmSmall(config) => config.dlrm().validate(),
        }
    }

    /// Refuses sizes that have no use beside what samples have.
    ///
    /// # Errors
    /// [`CtrModelError`], as of [`validate`](Self::validate).
    pub fn require(&self, shape: &CtrShape) -> Result<(), CtrModelError> {
        match self {
            Self::DcnV2(config) => config.require(shape),
            _ => Ok(()),
        }
    }

    /// How many elements all its parameters have, without making them.
    pub fn parameters(&self, shape: &CtrShape) -> i64 {
        match self {
            Self::Logistic(config) => config.parameters(shape),
            Self::DcnV2(config) => config.parameters(shape),
            Self::WideDeep(config) | Self::DeepFm(config) => config.parameters(shape),
            Self::Dlrm(config) => config.parameters(shape),
            Self::DlrmSmall(config) => config.dlrm().parameters(shape),
        }
    }

    /// Makes its variables under `path`; `seed` alone decides their values, and what is dropped
    /// in training. The settings are [valid](Self::validate).
    pub fn build(&self, path: &Path, shape: &CtrShape, seed: u64) -> Box<dyn Model> {
        match self {
            Self::Logistic(config) => Box::new(Logistic::new(path, config, shape)),
            Self::DcnV2(config) => Box::new(DcnV2::new(path, config, shape, seed)),
            Self::WideDeep(config) => Box::new(WideDeep::new(path, config, shape, seed)),
            Self::DeepFm(config) => Box::new(DeepFm::new(path, config, shape, seed)),
            Self::Dlrm(config) => Box::new(Dlrm::new(path, config, shape, seed)),
            Self::DlrmSmall(config) => Box::new(Dlrm::new(path, &config.dlrm(), shape, seed)),
        }
    }
}

impl Default for CtrModelConfig {
    fn default() -> Self {
        Self::DcnV2(DcnV2Config::default())
    }
}
