//! The defaults of the rules and of the constraints when a plan was made.
//!
//! A plan keeps them, and its trials train with them, whatever later versions take. The id of a
//! trial is a hash of what was written. A default that is no longer [that of the first
//! plans](FIRST) is hashed as well. So one id never has two meanings, and an id changes only with
//! what it means.

use lawn_models::{ConstraintDefaults, ConstraintName, OptimizerSettings, RuleName};

use crate::config::{Arm, Sweep};

/// The defaults, by rule, of plans that keep none: those of the time when schema 2 was new, and of
/// a rule that came later those that it came with. They never change. A test tells whoever changes a
/// default of today what to do.
const FIRST: &str = r#"[
    { "rule": "sgd", "momentum": 0.0, "dampening": 0.0, "nesterov": false },
    { "rule": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 },
    { "rule": "adamw", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 },
    { "rule": "amsgrad", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 },
    { "rule": "lamb", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-6 },
    { "rule": "lars", "momentum": 0.9, "nesterov": false, "trust_coefficient": 1e-3, "epsilon": 1e-8 },
    { "rule": "adagrad", "epsilon": 1e-10, "initial_accumulator": 0.0 },
    { "rule": "rowwise_adagrad", "epsilon": 1e-8, "initial_accumulator": 0.0 },
    { "rule": "lazy_adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 },
    { "rule": "nadamw", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 },
    { "rule": "lion", "beta1": 0.9, "beta2": 0.99 },
    { "rule": "adamp", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "nesterov": false, "delta": 0.1, "decay_ratio": 0.1 },
    { "rule": "sgdp", "momentum": 0.9, "dampening": 0.0, "nesterov": false, "delta": 0.1, "decay_ratio": 0.1 },
    { "rule": "schedule_free", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_power": 0.0, "rate_power": 2.0 },
    { "rule": "muon", "momentum": 0.95, "nesterov": true, "iterations": 5, "muon_scale": "match-adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 },
    { "rule": "adafactor", "beta2_power": 0.8, "epsilon": 1.1920928955078125e-7, "least_scale": 1e-3, "update_threshold": 1.0 }
]"#;

/// The scope and the granularity of LAWN, which stand with each rule in the first plans.
const FIRST_OF_LAWN: [(&str, &str); 2] = [("scope", "final-homogeneous"), ("granularity", "layer")];

/// The same by constraint, of plans that keep none.
const FIRST_OF_CONSTRAINTS: &str = r#"[
    { "constraint": "lawn", "scope": "final-homogeneous", "granularity": "layer", "untouched_rows": "constrained" },
    { "constraint": "hyperball", "scope": "matrices", "granularity": "layer", "untouched_rows": "constrained" },
    { "constraint": "cpr", "scope": "matrices", "granularity": "layer", "untouched_rows": "constrained", "multiplier_rate": 1.0, "by_learning_rate": false },
    { "constraint": "rotational", "scope": "matrices", "granularity": "row", "untouched_rows": "constrained", "centred": true, "rotation_memory": 0.9, "rotation_epsilon": 1e-8 }
]"#;

/// What a plan keeps of them.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub(super) rules: &'a [OptimizerSettings],
    pub(super) constraints: &'a [ConstraintDefaults],
}

/// Of each rule that `sweep` trains, the defaults of today.
pub(super) fn of(sweep: &Sweep) -> Vec<OptimizerSettings> {
    let all = RuleName::ALL.iter();
    let used = all.filter(|rule| sweep.arms.iter().any(|arm| trains(arm, **rule)));
    used.map(|&rule| OptimizerSettings::defaults(rule))
        .collect()
}

/// Of each constraint that `sweep` trains under, the defaults of today.
pub(super) fn of_constraints(sweep: &Sweep) -> Vec<ConstraintDefaults> {
    let used = constraints().filter(|&one| sweep.arms.iter().any(|arm| is_under(arm, one)));
    used.map(ConstraintDefaults::of).collect()
}

/// The defaults of a plan that keeps none: those of the first plans, as far as today's differ.
/// Nothing else is filled in.
pub(super) fn of_first_plans() -> Vec<OptimizerSettings> {
    let changed = first().into_iter();
    changed
        .filter(|first| *first != OptimizerSettings::defaults(first.rule))
        .collect()
}

/// The same by constraint.
pub(super) fn of_constraints_of_first_plans() -> Vec<ConstraintDefaults> {
    let changed = first_of_constraints().into_iter();
    changed
        .filter(|first| *first != ConstraintDefaults::of(first.constraint))
        .collect()
}

/// The defaults of constraints of a plan that goes on from `there`, which are `now` for those that are
/// new to it: trials that stay are what they were.
pub(super) fn gone_on_with(
    there: &[ConstraintDefaults],
    before: &Sweep,
    now: Vec<ConstraintDefaults>,
) -> Vec<ConstraintDefaults> {
    let is_there = |one: ConstraintName| before.arms.iter().any(|arm| is_under(arm, one));
    let new = now.into_iter().filter(|one| !is_there(one.constraint));
    there.iter().cloned().chain(new).collect()
}

/// Today's defaults of the rules of `arm` that are not those of the first plans.
pub(super) fn changed(arm: &Arm) -> Vec<OptimizerSettings> {
    let first = first().into_iter();
    first
        .filter(|first| trains(arm, first.rule))
        .filter_map(|first| {
            let today = OptimizerSettings::defaults(first.rule);
            (today != first).then_some(today)
        })
        .collect()
}

/// Today's defaults of the constraints of `arm` that are not those of the first plans.
pub(super) fn changed_of_constraints(arm: &Arm) -> Vec<ConstraintDefaults> {
    let first = first_of_constraints().into_iter();
    first
        .filter(|first| is_under(arm, first.constraint))
        .filter_map(|first| {
            let today = ConstraintDefaults::of(first.constraint);
            (today != first).then_some(today)
        })
        .collect()
}

/// `settings` with what they leave out.
pub(super) fn fill(settings: &OptimizerSettings, defaults: Kept<'_>) -> OptimizerSettings {
    let own = defaults.rules.iter().find(|one| one.rule == settings.rule);
    let of_rule = own.map_or_else(|| settings.clone(), |own| settings.or(own));
    // Of each constraint one at the most, and of others than its own nothing.
    let constraints = defaults.constraints.iter();
    constraints.fold(of_rule, |settings, one| settings.under(one))
}

fn constraints() -> impl Iterator<Item = ConstraintName> {
    let lawn = [ConstraintName::Lawn].into_iter();
    lawn.chain(ConstraintName::ALL.iter().copied())
}

fn trains(arm: &Arm, rule: RuleName) -> bool {
    let mut settings = arm.settings.iter();
    settings.any(|setting| setting.optimizer.rule == rule)
}

fn is_under(arm: &Arm, constraint: ConstraintName) -> bool {
    let mut settings = arm.settings.iter();
    settings.any(|setting| setting.optimizer.norm_constraint() == Some(constraint))
}

fn first_of_constraints() -> Vec<ConstraintDefaults> {
    serde_json::from_str(FIRST_OF_CONSTRAINTS).expect("a constant is read")
}

fn first() -> Vec<OptimizerSettings> {
    let mut all: serde_json::Value = serde_json::from_str(FIRST).expect("a constant is read");
    for one in all.as_array_mut().into_iter().flatten() {
        one["learning_rate"] = 1.0.into();
        for (name, value) in FIRST_OF_LAWN {
            one[name] = value.into();
        }
    }
    serde_json::from_value(all).expect("a constant is read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_first_plans() {
        for first in first() {
            assert_eq!(
                OptimizerSettings::defaults(first.rule),
                first,
                "a default has changed: ids of new trials that leave it out will be others, \
                 and trials of runs that are there go on as they were planned; say so in the \
                 changelog, and here which rule"
            );
        }
        assert_eq!(first().len(), RuleName::ALL.len());
    }

    #[test]
    fn defaults_of_constraints_are_those_of_the_first_plans() {
        for first in first_of_constraints() {
            assert_eq!(
                ConstraintDefaults::of(first.constraint),
                first,
                "a default has changed: ids of new trials that leave it out will be others, \
                 and trials of runs that are there go on as they were planned; say so in the \
                 changelog, and here which constraint"
            );
        }
        assert_eq!(first_of_constraints().len(), constraints().count());
    }
}
