//! What is set for some parameters only, and what may be.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::decay::WeightDecay;
use crate::error::Error;
use crate::error::require;
use crate::parameters::names::layer_of;
use crate::parameters::parameter::{Parameter, Parameters};
use crate::parameters::pattern::matches;
use crate::role::Role;
use crate::units::Granularity;

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
    /// What one radius belongs to, where the norm constraint says otherwise: heads for the
    /// projections of queries, keys and values, and layers for the rest. The heads of the projection
    /// of the output are [no rows](Granularity::Head).
    ///
    /// ```
    /// use lawn_core::{Granularity, Group};
    ///
    /// // As timm calls what makes queries, keys and values.
    /// let attention = Group {
    ///     granularity: Some(Granularity::Head(64)),
    ///     ..Group::new("blocks.*.attn.qkv.weight")
    /// };
    /// # assert!(attention.granularity.is_some());
    /// ```
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Granularity>,
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
    /// follow each other under one name but for its last part. Those of one block, whose names are
    /// the same up to a number, as in `layer1.0` and `stage1.block1`, are one layer here, and a normalization or another layer without a
    /// matrix is of the layer before it. A parameter that no layer names has the rate of the first.
    /// Each takes from the one before it, unless it is said to be [after](crate::Layer::after) others:
    /// then the way to the output counts, the longest where there are several, and layers of
    /// branches beside each other have the same rate where they are as far from it.
    ///
    /// *Source:* Clark et al. 2020, arXiv 2003.10555; Bao et al. 2022, arXiv 2106.08254;
    /// `param_groups_layer_decay` of timm, which has the same layers of a vision transformer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a decay outside of `(0, 1]`.
    pub fn groups_by_depth(&self, decay: f64) -> Result<Vec<Group>, Error> {
        let valid = decay > 0.0 && decay <= 1.0;
        require(valid, "decay", "a number in (0, 1]", decay)?;
        let distances = self.distances();
        let most = distances.values().copied().max().unwrap_or(0);
        let group = |name: &str| {
            let after = distances.get(name).copied().unwrap_or(most);
            Group {
                learning_rate_scale: decay.powi(i32::try_from(after).unwrap_or(i32::MAX)),
                ..Group::new(name)
            }
        };
        Ok(self.iter().map(|one| group(&one.name)).collect())
    }

    /// How many layers and blocks lie between each parameter and the output, on the longest way.
    fn distances(&self) -> HashMap<&str, usize> {
        let layers: Vec<(Vec<&str>, Option<&[String]>)> = match self.layers() {
            Some(layers) => (layers.iter())
                .map(|layer| {
                    let names = layer.parameters.iter().map(String::as_str);
                    (names.collect(), layer.after.as_deref())
                })
                .collect(),
            None => {
                // A table beside all layers belongs to none.
                let is_inside =
                    |one: &&Parameter| one.role != Role::Embedding || one.name.contains('.');
                let names: Vec<&str> =
                    (self.iter().filter(is_inside).map(|one| one.name.as_str())).collect();
                let layers = names.chunk_by(|one, next| layer_of(one) == layer_of(next));
                layers.map(|names| (names.to_vec(), None)).collect()
            }
        };
        let matrices: Vec<&str> = (self.iter().filter(|one| one.tensor.dim() >= 2))
            .map(|one| one.name.as_str())
            .collect();
        // Each parameter's place among the layers that count as one, which come before those that
        // take from them; and of each of these its block and what it takes from.
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut joined: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut last = None;
        for (names, after) in layers.iter().filter(|(names, _)| !names.is_empty()) {
            let mut from: Vec<usize> = match after {
                Some(after) => (after.iter().filter_map(|name| places.get(name.as_str())))
                    .copied()
                    .collect(),
                None => last.into_iter().collect(),
            };
            from.sort_unstable();
            from.dedup();
            let block = block_of(names[0]);
            // That of a block has the block's matrices after it.
            let goes_along = !matrices.iter().any(|name| block_of(name) == block);
            let place = match from[..] {
                [one] if goes_along || joined[one].0 == block => one,
                _ => {
                    joined.push((block, from));
                    joined.len() - 1
                }
            };
            last = Some(place);
            places.extend(names.iter().map(|name| (*name, place)));
        }
        let mut distances = vec![0; joined.len()];
        for (place, (_, from)) in joined.iter().enumerate().rev() {
            for &one in from {
                distances[one] = distances[one].max(distances[place] + 1);
            }
        }
        let all = places.into_iter();
        all.map(|(name, place)| (name, distances[place])).collect()
    }
}

/// The name of the block that a parameter is of: that of its layer, up to the first number in it, by
/// itself or behind the word `block`.
fn block_of(name: &str) -> &str {
    let layer = layer_of(name);
    let mut end = 0;
    for part in layer.split('.') {
        end += part.len();
        let number = part.strip_prefix("block").unwrap_or(part);
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return &layer[..end];
        }
        end += 1;
    }
    layer
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
            granularity: None,
        }
    }

    /// The group that a parameter of this name is of.
    ///
    /// # Errors
    ///
    /// [`Error::OverlappingGroups`] where it is of two.
    pub fn of<'a>(name: &str, groups: &'a [Group]) -> Result<Option<&'a Group>, Error> {
        let mut found = groups.iter().filter(|group| matches(&group.pattern, name));
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(Error::OverlappingGroups {
                name: name.to_owned(),
                first: first.pattern.clone(),
                second: second.pattern.clone(),
            }),
            (first, _) => Ok(first),
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
