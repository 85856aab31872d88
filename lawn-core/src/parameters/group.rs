//! Weight decay, and what is set for some parameters only.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::require;

/// Weight decay with rate `λ`.
///
/// Applies to weights and embeddings; biases and the parameters of
/// normalization layers have none unless a [`Group`] gives it to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum WeightDecay {
    /// No decay.
    #[default]
    None,
    /// `g ← g + λ w` before the rule: the gradient of `λ/2 ‖w‖²`.
    L2 {
        /// `λ`.
        rate: f64,
    },
    /// `w ← (1 − ηλ) w` beside the rule, as in AdamW; inside the trust ratio of
    /// LAMB unless that says otherwise.
    Decoupled {
        /// `λ`.
        rate: f64,
    },
}

impl WeightDecay {
    /// Whether it does nothing: none, or a rate of 0.
    #[must_use]
    pub fn is_none(self) -> bool {
        match self {
            WeightDecay::None => true,
            WeightDecay::L2 { rate } | WeightDecay::Decoupled { rate } => rate == 0.0,
        }
    }

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

impl fmt::Display for WeightDecay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightDecay::None => f.pad("none"),
            WeightDecay::L2 { rate } => f.pad(&format!("l2 {rate}")),
            WeightDecay::Decoupled { rate } => f.pad(&format!("decoupled {rate}")),
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
