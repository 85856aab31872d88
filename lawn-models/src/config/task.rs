use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::error::SettingsError;
use super::{ImageConfig, NcfConfig};

/// What to learn: data, model and how it is measured.
///
/// In JSON the variant is named by a `kind` key beside the fields.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskConfig {
    /// Neural collaborative filtering.
    Ncf(NcfConfig),
    /// Image classification.
    Image(ImageConfig),
}

/// Names of what a task measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskMetrics {
    /// The metric that settings are chosen by.
    pub primary: &'static str,
    /// Every metric, the primary one first.
    pub all: &'static [&'static str],
    /// Whether more of the primary metric is better.
    pub higher_is_better: bool,
}

impl TaskConfig {
    /// The values that `kind` takes.
    pub const KINDS: &[&str] = &["ncf", "image"];

    /// Reads the table of one task after its `kind` has been taken out of it.
    ///
    /// A deserializer that knows spans keeps them: an internally tagged enum
    /// would buffer the table and lose them.
    ///
    /// # Errors
    /// The deserializer's own error, for an unknown `kind` or a bad field.
    ///
    /// ```
    /// use lawn_models::TaskConfig;
    /// let table = serde_json::json!({ "data": "ml-1m", "factors": 16 });
    /// let task = TaskConfig::from_table("ncf", table).unwrap();
    /// assert_eq!(task.metrics().primary, "hr@10");
    /// ```
    pub fn from_table<'de, D: Deserializer<'de>>(kind: &str, table: D) -> Result<Self, D::Error> {
        let mut task = match kind {
            "ncf" => Self::Ncf(NcfConfig::deserialize(table)?),
            "image" => Self::Image(ImageConfig::deserialize(table)?),
            other => return Err(D::Error::unknown_variant(other, Self::KINDS)),
        };
        task.resolve();
        Ok(task)
    }

    /// The value of `kind` for this task.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ncf(_) => "ncf",
            Self::Image(_) => "image",
        }
    }

    /// Name of the data set: the one generated in the process, or one that is
    /// looked up under the data root.
    pub fn data(&self) -> &str {
        match self {
            Self::Ncf(config) => &config.data,
            Self::Image(config) => &config.data,
        }
    }

    /// Whether the task reads files and so needs a data root.
    pub fn needs_data_root(&self) -> bool {
        match self {
            Self::Ncf(config) => config.data != NcfConfig::SYNTHETIC,
            Self::Image(config) => config.data != ImageConfig::PROCEDURAL,
        }
    }

    /// Names of what the task measures on each split.
    pub fn metrics(&self) -> TaskMetrics {
        let all: &[&str] = match self {
            Self::Ncf(_) => &["hr@10", "ndcg@10"],
            Self::Image(_) => &["top-1"],
        };
        TaskMetrics {
            primary: all[0],
            all,
            higher_is_better: true,
        }
    }

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        match self {
            Self::Ncf(config) => config.validate(),
            Self::Image(config) => config.validate(),
        }
    }

    fn resolve(&mut self) {
        match self {
            Self::Ncf(config) => config.resolve(),
            Self::Image(config) => config.resolve(),
        }
    }
}
