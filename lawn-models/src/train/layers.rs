//! The layers of a net, and what LAWN does to each.

use std::collections::BTreeMap;
use std::path::Path;

use lawn_core::{Constraint, Layer, Map, Treatment};
use serde::Serialize;

use super::error::TrialError;
use super::run::untrained;
use super::{outline, set_up};
use crate::device;
use crate::models::Model;
use crate::tasks::TrialConfig;
use crate::trial::{OptimizerSettings, ScopeName, ScopeSetting};

/// One layer of a net.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreatedLayer {
    /// What its parameters have in common in their names.
    pub name: String,
    /// How it answers to a scaling of its input.
    pub map: Map,
    /// What LAWN does to its parameters, and why.
    pub treatments: Vec<Treatment>,
}

/// The layers of a net in forward order, as a trial's LAWN treats them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreatedLayers {
    /// Whether the trial has LAWN; where it has not, this is what LAWN would do by default.
    pub lawn: bool,
    /// Which parameters are constrained.
    pub scope: String,
    /// The last layer that is not positively homogeneous, after which the final homogeneous
    /// sub-network begins; none where that is the whole net.
    pub last_other: Option<(String, Map)>,
    /// The layers, those without parameters left out.
    pub layers: Vec<TreatedLayer>,
}

impl TreatedLayer {
    /// What happens to its norm: to that of its weights, where it has any.
    pub fn constraint(&self) -> Option<&Treatment> {
        let constrainable = |one: &&Treatment| one.constraint != Constraint::Skipped;
        let mut all = self.treatments.iter();
        all.clone().find(constrainable).or(all.next())
    }
}

/// Sets a trial up on the CPU and trains nothing: the layers of its net, and what LAWN does
/// to each of them.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up.
///
/// ```
/// use lawn_models::*;
///
/// let task = TaskConfig::from_table("image", serde_json::json!({
///     "depth": 8, "width": 4, "generated": { "train": 60, "test": 12 },
/// }))?;
/// let config = TrialConfig::new(task, OptimizerSettings::new(RuleName::Adam, 1e-2), 16, Amount::Epochs(1));
/// let layers = treated_layers(&config, None)?;
/// let last = layers.layers.last().unwrap();
/// assert_eq!((last.name.as_str(), last.treatments[0].units), ("output", 1));
/// assert_eq!(layers.last_other.unwrap().0, "stage3.block1.norm2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn treated_layers(
    config: &TrialConfig,
    data_root: Option<&Path>,
) -> Result<TreatedLayers, TrialError> {
    config.validate()?;
    let context = untrained(data_root);
    let task =
        device::catch_out_of_memory(|| set_up::task(config, &context, outline::tables([config])))
            .map_err(TrialError::from)?;
    let with_lawn = with_lawn(config);
    let (length, optimizer) = set_up::optimizer(&task, &with_lawn)?;
    let treatments = outline::treatments(&task.rows, &optimizer, (&with_lawn.optimizer, length));
    Ok(of(config, &*task.model, &with_lawn, &treatments))
}

/// The same trial, with LAWN where it has none.
pub(super) fn with_lawn(config: &TrialConfig) -> TrialConfig {
    TrialConfig {
        optimizer: match config.optimizer.lawn {
            true => config.optimizer.clone(),
            false => would_be(&config.optimizer),
        },
        ..config.clone()
    }
}

/// The layers of a trial's net, each with what becomes of its parameters where the trial is `with_lawn`.
pub(super) fn of(
    config: &TrialConfig,
    model: &dyn Model,
    with_lawn: &TrialConfig,
    treatments: &[Treatment],
) -> TreatedLayers {
    let treatments: BTreeMap<&str, &Treatment> = treatments
        .iter()
        .map(|one| (one.parameter.as_str(), one))
        .collect();
    let layers = model.layers();
    let last_other = layers.iter().rposition(|one| one.map != Map::Homogeneous);
    // What has no parameters has no name: the layer before it is named.
    let named = |at: usize| {
        let mut before = layers[..=at].iter().rev();
        before.find(|one| !one.parameters.is_empty()).map(name)
    };
    TreatedLayers {
        lawn: config.optimizer.lawn,
        scope: scope(&with_lawn.optimizer),
        last_other: last_other.map(|at| (named(at).unwrap_or_default(), layers[at].map)),
        layers: layers
            .iter()
            .filter(|layer| !layer.parameters.is_empty())
            .map(|layer| TreatedLayer {
                name: name(layer),
                map: layer.map,
                treatments: layer
                    .parameters
                    .iter()
                    .filter_map(|parameter| treatments.get(parameter.as_str()).copied().cloned())
                    .collect(),
            })
            .collect(),
    }
}

/// LAWN as it is by default on the rule of settings that have none.
fn would_be(settings: &OptimizerSettings) -> OptimizerSettings {
    OptimizerSettings {
        lawn: true,
        constraint: None,
        bound_factor: None,
        bound_square: None,
        multiplier_rate: None,
        by_learning_rate: None,
        centred: None,
        rotation_memory: None,
        rotation_epsilon: None,
        free_epochs: None,
        free_steps: None,
        freeze_when: None,
        free_fraction: Some(0.5),
        // A constrained weight has none.
        weight_decay: None,
        embedding_weight_decay: None,
        ..settings.clone()
    }
}

fn scope(settings: &OptimizerSettings) -> String {
    match &settings.scope {
        None | Some(ScopeSetting::Named(ScopeName::FinalHomogeneous)) => {
            "final-homogeneous".to_owned()
        }
        Some(ScopeSetting::Named(ScopeName::AllWeights)) => "all-weights".to_owned(),
        Some(ScopeSetting::Named(ScopeName::Matrices)) => "matrices".to_owned(),
        Some(ScopeSetting::Patterns(patterns)) => patterns.join(", "),
    }
}

/// The modules that the names of all its parameters begin with; all names, where they begin
/// with none.
fn name(layer: &Layer) -> String {
    let mut parts = layer.parameters.iter().map(|parameter| {
        let modules = parameter
            .rsplit_once('.')
            .map_or("", |(modules, _)| modules);
        modules.split('.').collect::<Vec<_>>()
    });
    let first = parts.next().unwrap_or_default();
    let common = parts.fold(first, |common, parts| {
        let same = common.iter().zip(&parts).take_while(|(a, b)| a == b);
        let count = same.count();
        common[..count].to_vec()
    });
    match common.join(".").as_str() {
        "" => layer.parameters.join(", "),
        common => common.to_owned(),
    }
}
