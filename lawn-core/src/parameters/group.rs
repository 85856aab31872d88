//! What is set for some parameters only, and what may be.

use serde::{Deserialize, Serialize};

use crate::decay::WeightDecay;
use crate::error::Error;
use crate::error::require;

impl WeightDecay {
    pub(crate) fn validate(self) -> Result<(), Error> {
        match self {
            WeightDecay::None => Ok(()),
            WeightDecay::L2 { rate } | WeightDecay::Decoupled { rate } => {
                let valid = rate.is_finite() && rate >= 0.0;
                require(valid, "decay.rate", "a finite number of at least 0", rate)
            }
        }
    }
}

/// Settings for the parameters whose name matches a pattern. What is left out
/// is as for all.
///
/// ```
/// use lawn_core::{WeightDecay, Group, OptimizerConfig, RuleConfig, Schedule, SgdConfig};
///
/// let slow = Group {
///     learning_rate_scale: 0.1,
///     decay: Some(WeightDecay::None),
///     ..Group::new("backbone.*")
/// };
/// let config = OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1))
///     .with_decay(WeightDecay::L2 { rate: 1e-4 })
///     .with_group(slow);
/// # assert_eq!(config.groups.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// `*` stands for any run of characters, `?` for any one.
    pub pattern: String,
    /// Multiplies the scheduled learning rate.
    #[serde(default = "one")]
    pub learning_rate_scale: f64,
    /// Weight decay; also for biases and norm parameters if given here.
    #[serde(default)]
    pub decay: Option<WeightDecay>,
    /// Whether the norm constraint applies, whatever its scope says; nothing
    /// where there is none, so that one list of groups does for both.
    #[serde(default)]
    pub constrained: Option<bool>,
    /// Whether a rule that treats matrices as such, as [`MuonConfig`](crate::MuonConfig) does, has
    /// it as one; `false` for the first and the last layer, mostly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<bool>,
}

fn one() -> f64 {
    1.0
}

impl Group {
    /// A group that changes nothing yet.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            learning_rate_scale: 1.0,
            decay: None,
            constrained: None,
            matrix: None,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let scale = self.learning_rate_scale;
        let valid = scale.is_finite() && scale >= 0.0;
        require(
            valid,
            "learning_rate_scale",
            "a finite number of at least 0",
            scale,
        )?;
        self.decay.unwrap_or_default().validate()
    }
}
