//! What is set for some parameters only, and what may be.

use serde::{Deserialize, Serialize};

use crate::decay::WeightDecay;
use crate::error::Error;
use crate::error::require;
use crate::parameters::parameter::Parameters;

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

/// What was set for some parameters after an optimizer was built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Regrouping {
    pub(crate) pattern: String,
    #[serde(default)]
    pub(crate) learning_rate_scale: Option<f64>,
    #[serde(default)]
    pub(crate) decay: Option<WeightDecay>,
}

fn one() -> f64 {
    1.0
}

impl Parameters {
    /// Groups whose learning rates fall from layer to layer towards the input, as fine-tuning of
    /// transformers has them: the last layer has all of the rate, each before it `decay` times
    /// that of the next.
    ///
    /// Layers are those of [`set_layers`](Self::set_layers) or, without it, of parameters that
    /// follow each other under one name but for its last part. A parameter that no layer names has
    /// the rate of the first.
    ///
    /// *Source:* Clark et al. 2020, arXiv 2003.10555; Bao et al. 2022, arXiv 2106.08254.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a decay outside of `(0, 1]`.
    pub fn groups_by_depth(&self, decay: f64) -> Result<Vec<Group>, Error> {
        let valid = decay > 0.0 && decay <= 1.0;
        require(valid, "decay", "a number in (0, 1]", decay)?;
        let prefix = |name: &str| {
            name.rsplit_once('.')
                .map_or("", |(prefix, _)| prefix)
                .to_owned()
        };
        let named: Vec<Vec<String>> = match self.layers() {
            Some(layers) => (layers.iter())
                .map(|layer| layer.parameters.clone())
                .filter(|parameters| !parameters.is_empty())
                .collect(),
            None => {
                let names: Vec<String> = self.iter().map(|one| one.name.clone()).collect();
                let layers = names.chunk_by(|one, next| prefix(one) == prefix(next));
                layers.map(<[String]>::to_vec).collect()
            }
        };
        let group = |name: &str| {
            let depth = named
                .iter()
                .position(|layer| layer.iter().any(|one| one == name));
            let after = named.len().saturating_sub(1 + depth.unwrap_or(0));
            Group {
                learning_rate_scale: decay.powi(i32::try_from(after).unwrap_or(i32::MAX)),
                ..Group::new(name)
            }
        };
        Ok(self.iter().map(|one| group(&one.name)).collect())
    }
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
