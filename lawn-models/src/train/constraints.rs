//! From flat settings to a norm constraint, and back to settings with all of its defaults.

use lawn_core::{
    CprBound, CprConfig, Granularity, HyperballConfig, LawnConfig, RotationalConfig, Scope,
    UntouchedRows,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::trial::{ConstraintName, Length, OptimizerSettings, ScopeName, ScopeSetting};

/// What a constraint takes where an arm leaves a setting out, on any rule. Whether LAWN projects is no
/// part of it: settings that are written always say that.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ConstraintDefaults {
    /// The constraint.
    pub constraint: ConstraintName,
    /// Which parameters are constrained.
    pub scope: ScopeSetting,
    /// What one radius belongs to.
    pub granularity: Granularity,
    /// What becomes of rows of an embedding table that no sample of a batch looked up.
    pub untouched_rows: UntouchedRows,
    /// Of `cpr` alone, as are all below of their constraints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier_rate: Option<f64>,
    /// Of `cpr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_learning_rate: Option<bool>,
    /// Of `rotational`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centred: Option<bool>,
    /// Of `rotational`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_memory: Option<f64>,
    /// Of `rotational`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_epsilon: Option<f64>,
}

impl ConstraintDefaults {
    /// Those of today.
    #[must_use]
    pub fn of(constraint: ConstraintName) -> Self {
        let shared = |scope, granularity, untouched_rows| Self {
            constraint,
            scope: setting(scope),
            granularity,
            untouched_rows,
            multiplier_rate: None,
            by_learning_rate: None,
            centred: None,
            rotation_memory: None,
            rotation_epsilon: None,
        };
        match constraint {
            ConstraintName::Lawn => {
                let base = LawnConfig::new(0);
                shared(base.scope, base.granularity, base.untouched_rows)
            }
            ConstraintName::Hyperball => {
                let base = HyperballConfig::default();
                shared(base.scope, base.granularity, base.untouched_rows)
            }
            ConstraintName::Cpr => {
                let base = CprConfig::new(CprBound::WarmStart(0));
                Self {
                    multiplier_rate: Some(base.rate),
                    by_learning_rate: Some(base.by_learning_rate),
                    ..shared(base.scope, base.granularity, base.untouched_rows)
                }
            }
            ConstraintName::Rotational => {
                let base = RotationalConfig::new(0.0);
                Self {
                    centred: Some(base.centred),
                    rotation_memory: Some(base.memory),
                    rotation_epsilon: Some(base.epsilon),
                    ..shared(base.scope, base.granularity, base.untouched_rows)
                }
            }
        }
    }

    /// Each setting with its value.
    #[must_use]
    pub fn values(&self) -> Map<String, Value> {
        let mut values = match json!(self) {
            Value::Object(values) => values,
            _ => Map::new(),
        };
        values.remove("constraint");
        values
    }
}

impl OptimizerSettings {
    /// These settings with those of `defaults` where one is left out, if they are under that very
    /// constraint.
    ///
    /// ```
    /// use lawn_models::{ConstraintDefaults, ConstraintName, OptimizerSettings, RuleName};
    ///
    /// let adam = OptimizerSettings::new(RuleName::Adam, 1e-3);
    /// let defaults = ConstraintDefaults::of(ConstraintName::Cpr);
    /// assert_eq!(adam.under(&defaults), adam);
    /// let cpr = OptimizerSettings { constraint: Some(ConstraintName::Cpr), ..adam };
    /// assert_eq!(cpr.under(&defaults).multiplier_rate, Some(1.0));
    /// ```
    #[must_use]
    pub fn under(&self, defaults: &ConstraintDefaults) -> Self {
        if self.norm_constraint() != Some(defaults.constraint) {
            return self.clone();
        }
        // A rule that leaves rows alone decides that itself, and refuses to be told otherwise.
        let untouched_rows =
            Some(defaults.untouched_rows).filter(|_| !self.rule.leaves_rows_alone());
        let scope = self.scope.clone();
        Self {
            scope: scope.or_else(|| Some(defaults.scope.clone())),
            granularity: self.granularity.or(Some(defaults.granularity)),
            untouched_rows: self.untouched_rows.or(untouched_rows),
            multiplier_rate: self.multiplier_rate.or(defaults.multiplier_rate),
            by_learning_rate: self.by_learning_rate.or(defaults.by_learning_rate),
            centred: self.centred.or(defaults.centred),
            rotation_memory: self.rotation_memory.or(defaults.rotation_memory),
            rotation_epsilon: self.rotation_epsilon.or(defaults.rotation_epsilon),
            ..self.clone()
        }
    }
}

/// A scope as it is written in a configuration.
fn setting(scope: Scope) -> ScopeSetting {
    ScopeSetting::Named(match scope {
        Scope::AllWeights => ScopeName::AllWeights,
        Scope::Matrices => ScopeName::Matrices,
        Scope::Patterns(patterns) => return ScopeSetting::Patterns(patterns),
        _ => ScopeName::FinalHomogeneous,
    })
}

/// The scope that is asked for, if one is.
fn scope(settings: &OptimizerSettings) -> Option<Scope> {
    Some(match settings.scope.as_ref()? {
        ScopeSetting::Named(ScopeName::FinalHomogeneous) => Scope::FinalHomogeneous,
        ScopeSetting::Named(ScopeName::AllWeights) => Scope::AllWeights,
        ScopeSetting::Named(ScopeName::Matrices) => Scope::Matrices,
        ScopeSetting::Patterns(patterns) => Scope::Patterns(patterns.clone()),
    })
}

pub(super) fn hyperball(settings: &OptimizerSettings) -> HyperballConfig {
    let base = HyperballConfig::default();
    HyperballConfig {
        scope: scope(settings).unwrap_or(base.scope),
        granularity: settings.granularity_of_all().unwrap_or(base.granularity),
        untouched_rows: settings.untouched_rows.unwrap_or(base.untouched_rows),
    }
}

pub(super) fn cpr(settings: &OptimizerSettings, length: Length) -> CprConfig {
    let free_steps = || settings.free_phase().map_or(0, |phase| phase.steps(length));
    let base = CprConfig::new(match (settings.bound_factor, settings.bound_square) {
        (Some(factor), _) => CprBound::Dependent(factor),
        (None, Some(square)) => CprBound::Uniform(square),
        (None, None) => CprBound::WarmStart(free_steps()),
    });
    CprConfig {
        rate: settings.multiplier_rate.unwrap_or(base.rate),
        by_learning_rate: settings.by_learning_rate.unwrap_or(base.by_learning_rate),
        scope: scope(settings).unwrap_or(base.scope),
        granularity: settings.granularity_of_all().unwrap_or(base.granularity),
        untouched_rows: settings.untouched_rows.unwrap_or(base.untouched_rows),
        bound: base.bound,
    }
}

pub(super) fn rotational(settings: &OptimizerSettings) -> RotationalConfig {
    let base = RotationalConfig::new(settings.weight_decay.unwrap_or_default());
    RotationalConfig {
        centred: settings.centred.unwrap_or(base.centred),
        memory: settings.rotation_memory.unwrap_or(base.memory),
        epsilon: settings.rotation_epsilon.unwrap_or(base.epsilon),
        scope: scope(settings).unwrap_or(base.scope),
        granularity: settings.granularity_of_all().unwrap_or(base.granularity),
        untouched_rows: settings.untouched_rows.unwrap_or(base.untouched_rows),
        decay: base.decay,
    }
}

pub(super) fn lawn(settings: &OptimizerSettings, length: Length) -> LawnConfig {
    let free_steps = settings.free_phase().map_or(0, |phase| phase.steps(length));
    LawnConfig {
        scope: scope(settings).unwrap_or_default(),
        project_gradient: settings.project_gradient,
        project_update: settings.project_update,
        granularity: settings.granularity_of_all().unwrap_or_default(),
        untouched_rows: settings.untouched_rows.unwrap_or_default(),
        ..LawnConfig::new(free_steps)
    }
}

#[cfg(test)]
mod tests {
    use super::super::optimizer::optimizer;
    use super::*;
    use crate::trial::{Amount, RuleName};

    fn all() -> impl Iterator<Item = ConstraintName> {
        let lawn = [ConstraintName::Lawn].into_iter();
        lawn.chain(ConstraintName::ALL.iter().copied())
    }

    /// Settings that a constraint cannot do without, and no more.
    fn least(rule: RuleName, constraint: ConstraintName) -> OptimizerSettings {
        let bare = OptimizerSettings::new(rule, 0.1);
        match constraint {
            ConstraintName::Lawn => OptimizerSettings {
                lawn: true,
                free_fraction: Some(0.5),
                ..bare
            },
            ConstraintName::Hyperball => OptimizerSettings {
                constraint: Some(constraint),
                ..bare
            },
            ConstraintName::Cpr => OptimizerSettings {
                constraint: Some(constraint),
                bound_factor: Some(1.0),
                ..bare
            },
            ConstraintName::Rotational => OptimizerSettings {
                constraint: Some(constraint),
                weight_decay: Some(0.1),
                ..bare
            },
        }
    }

    #[test]
    fn defaults_of_a_constraint_written_out_make_the_same_optimizer() {
        let length = Amount::Steps(20).length(100, 10);
        for rule in [RuleName::Adam, RuleName::LazyAdam] {
            for constraint in all() {
                let settings = least(rule, constraint);
                settings.validate().unwrap();
                let full = settings.under(&ConstraintDefaults::of(constraint));
                full.validate().unwrap();
                assert_eq!(optimizer(&full, length), optimizer(&settings, length));
                let keys = full.applying();
                for key in ConstraintDefaults::of(constraint).values().keys() {
                    let is_rules = key == "untouched_rows" && rule == RuleName::LazyAdam;
                    assert_eq!(keys.contains_key(key), !is_rules, "{key} of {constraint:?}");
                }
                for other in all().filter(|&one| one != constraint) {
                    let defaults = ConstraintDefaults::of(other);
                    assert_eq!(settings.under(&defaults), settings);
                }
            }
        }
    }

    /// A key that a constraint has and takes a value for, where none is given, is among its defaults.
    #[test]
    fn no_default_of_a_constraint_is_forgotten() {
        // What has no default, or decides which parameters a granularity is for.
        let without = [
            "free_epochs",
            "free_fraction",
            "free_steps",
            "freeze_when",
            "bound_factor",
            "bound_square",
            "granularity_on",
            // Always written.
            "project_gradient",
            "project_update",
        ];
        for constraint in all() {
            let mut found = ConstraintDefaults::of(constraint).values();
            for key in constraint.settings().filter(|key| !without.contains(key)) {
                assert!(found.remove(key).is_some(), "{key} of {constraint:?}");
            }
            assert!(found.is_empty(), "{found:?} of {constraint:?}");
        }
    }
}
