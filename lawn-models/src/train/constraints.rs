//! From flat settings to a norm constraint.

use lawn_core::{CprBound, CprConfig, HyperballConfig, LawnConfig, RotationalConfig, Scope};

use serde_json::{Value, json};

use crate::trial::{ConstraintName, Length, OptimizerSettings, ScopeName, ScopeSetting};

impl ConstraintName {
    /// What this constraint takes where an arm leaves a key out, on any rule.
    #[must_use]
    pub fn defaults(self) -> Vec<(&'static str, Value)> {
        let (scope, granularity, untouched_rows) = match self {
            Self::Lawn => {
                let base = LawnConfig::new(0);
                (base.scope, base.granularity, base.untouched_rows)
            }
            Self::Hyperball => {
                let base = HyperballConfig::default();
                (base.scope, base.granularity, base.untouched_rows)
            }
            Self::Cpr => {
                let base = CprConfig::new(CprBound::WarmStart(0));
                (base.scope, base.granularity, base.untouched_rows)
            }
            Self::Rotational => {
                let base = RotationalConfig::new(0.0);
                (base.scope, base.granularity, base.untouched_rows)
            }
        };
        let mut all = vec![
            ("granularity", json!(granularity)),
            ("scope", json!(setting(scope))),
            ("untouched_rows", json!(untouched_rows)),
        ];
        match self {
            Self::Hyperball => {}
            Self::Lawn => {
                let base = LawnConfig::new(0);
                all.push(("project_gradient", json!(base.project_gradient)));
                all.push(("project_update", json!(base.project_update)));
            }
            Self::Cpr => {
                let base = CprConfig::new(CprBound::WarmStart(0));
                all.push(("by_learning_rate", json!(base.by_learning_rate)));
                all.push(("multiplier_rate", json!(base.rate)));
            }
            Self::Rotational => {
                let base = RotationalConfig::new(0.0);
                all.push(("centred", json!(base.centred)));
                all.push(("rotation_epsilon", json!(base.epsilon)));
                all.push(("rotation_memory", json!(base.memory)));
            }
        }
        all.sort_by_key(|(key, _)| *key);
        all
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
