//! Arms whose settings go together, and yet do little of what their names say.

use std::collections::BTreeMap;

use lawn_models::{
    Adaptation, ConstraintName, FreezeCondition, LambForm, LrShape, OptimizerSettings, RuleName,
    Treatment,
};

use crate::config::{RateBatchSize, Scaling, Sweep};
use crate::plan::estimate::Measurement;
use crate::plan::trials::Cell;

/// The least part of all steps that is worth a constraint.
const LEAST_CONSTRAINED: f64 = 0.05;

/// The least part of all elements that is worth a rule or a constraint of its own.
const LEAST_SHARE: f64 = 0.01;

/// A turn of so many radians a step forgets where a weight pointed to.
const LARGEST_TURN: f64 = 1.0;

/// What is said of a setting, if it is so.
type Doubt = (fn(&OptimizerSettings) -> bool, &'static str);

const DOUBTS: [Doubt; 9] = [
    (
        |settings| settings.rule == RuleName::ScheduleFree && settings.decay != LrShape::Constant,
        "give schedule_free a falling learning rate, whose place its average takes; set decay = \
         \"constant\"",
    ),
    (
        |settings| is_under(settings, ConstraintName::Hyperball) && settings.learning_rate >= 1.0,
        "have a learning rate of 1 or more under hyperball, where it is the length of a step in \
         parts of the norm",
    ),
    (
        |settings| {
            let decay = settings.weight_decay.unwrap_or(0.0);
            let turn = (2.0 * settings.learning_rate * decay).sqrt();
            is_under(settings, ConstraintName::Rotational) && turn > LARGEST_TURN
        },
        "turn by more than a radian a step under rotational: the angle is about √(2 learning_rate \
         weight_decay)",
    ),
    (
        |settings| is_under(settings, ConstraintName::Cpr) && settings.multiplier_rate == Some(0.0),
        "hold nothing by cpr: its multiplier stays 0 with multiplier_rate = 0, and the rule alone is \
         trained",
    ),
    (
        |settings| settings.trust_max.is_some() && has_length_of_its_own(settings),
        "bound by trust_max no step of what is held, whose length is that of the constraint: it is of \
         biases and of all else that is free",
    ),
    (
        |settings| {
            let free = settings.free_fraction.unwrap_or(0.0);
            settings.is_constrained() && free > 1.0 - LEAST_CONSTRAINED
        },
        "leave less than a twentieth of the steps to the constraint",
    ),
    (
        |settings| match settings.freeze_when {
            Some(FreezeCondition::LogitGrowth(times)) => times <= 1.0,
            Some(FreezeCondition::GradientNormRatio(part)) => part >= 1.0,
            _ => false,
        },
        "freeze at their first evaluation, whatever it measures: it is what freeze_when compares \
         with, so that logit_growth says nothing unless it is above 1, gradient_norm_ratio unless \
         it is below",
    ),
    (
        |settings| settings.restart_after.is_some_and(|part| part >= 1.0),
        "never restart: restart_after is the whole of the steps",
    ),
    (
        |settings| {
            let form = settings.form == Some(LambForm::Apex);
            let adaptation = settings.adaptation.unwrap_or(match form {
                true => Adaptation::WhenDecayed,
                false => Adaptation::Always,
            });
            adaptation == Adaptation::WhenDecayed
                && matches!(settings.rule, RuleName::Lamb | RuleName::Lars)
                && settings.weight_decay.unwrap_or(0.0) == 0.0
                && !settings.is_constrained()
        },
        "adapt nothing: only what is decayed has a trust ratio here, and weight_decay is 0",
    ),
];

fn is_under(settings: &OptimizerSettings, constraint: ConstraintName) -> bool {
    settings.constraint == Some(constraint)
}

/// Whether the constraint says how long a step is, whatever the trust ratio of the direction.
fn has_length_of_its_own(settings: &OptimizerSettings) -> bool {
    is_under(settings, ConstraintName::Hyperball) || is_under(settings, ConstraintName::Rotational)
}

/// What is to be known of an average of iterates whose norms are held.
pub(super) fn without_average(sweep: &Sweep) -> Option<String> {
    let is_held = |settings: &OptimizerSettings| {
        settings.rule == RuleName::ScheduleFree && settings.is_constrained()
    };
    let arms = sweep.arms.iter();
    let held = arms.filter(|arm| {
        let mut all = arm.settings.iter().flat_map(|setting| setting.everywhere());
        all.any(is_held)
    });
    let names: Vec<String> = held.map(|arm| format!("`{}`", arm.name)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} {}: what schedule_free trains under a norm constraint is measured as it is trained, \
             without its average; all else has it",
            if names.len() == 1 { "arm" } else { "arms" },
            names.join(", ")
        )
    })
}

/// Warnings about the settings of arms.
pub(super) fn doubtful(sweep: &Sweep) -> Vec<String> {
    let mut said = Vec::new();
    for arm in &sweep.arms {
        let all = || arm.settings.iter().flat_map(|setting| setting.everywhere());
        let mut doubt = |found: usize, what: &str| {
            if found > 0 {
                let (name, of) = (&arm.name, all().count());
                said.push(format!("arm `{name}`: {found} of {of} settings {what}"));
            }
        };
        for (is_so, what) in DOUBTS {
            doubt(all().filter(|settings| is_so(settings)).count(), what);
        }
    }
    said
}

/// Arms whose learning rates are of one batch size, as those of a preset are, and which are trained
/// at others, too.
pub(super) fn at_other_batch_sizes(sweep: &Sweep) -> Vec<String> {
    let arms = sweep.arms.iter();
    let said = arms.filter_map(|arm| {
        let RateBatchSize::Of(own) = arm.rate_batch_size else {
            return None;
        };
        let others = sweep.batch_sizes.iter().filter(|&&size| size != own);
        let others: Vec<String> = others
            .map(|&size| match sweep.learning_rate_scaling {
                Scaling::None => size.to_string(),
                _ => format!("{size} ({:.3} times it)", sweep.rate_factor(arm, size)),
            })
            .collect();
        (!others.is_empty()).then(|| {
            format!(
                "arm `{}`: its learning rate is of batch size {own}, and it is trained at {}; whatever \
                 else was chosen for {own} stays as it is there",
                arm.name,
                others.join(", ")
            )
        })
    });
    said.collect()
}

/// The arms with one setting beside others that are tuned.
pub(crate) fn untuned_arms(sweep: &Sweep) -> Vec<&str> {
    (sweep.arms.iter())
        .filter(|arm| sweep.is_tuned() && !sweep.tunes(&arm.name))
        .map(|arm| arm.name.as_str())
        .collect()
}

/// What is to be known of them.
pub(super) fn untuned(sweep: &Sweep) -> Option<String> {
    let alone = untuned_arms(sweep);
    (!alone.is_empty()).then(|| {
        format!(
            "{} {} nothing to tune: one setting stands beside the {} of each other arm, so that a \
             difference between them is also one of tuning",
            alone.join(", "),
            if alone.len() == 1 { "has" } else { "have" },
            sweep.rungs[0].settings
        )
    })
}

/// Warnings about arms whose rule or constraint has hardly anything of a model, as far as models were
/// looked at.
pub(super) fn tiny_shares(sweep: &Sweep, measured: &BTreeMap<Cell, Measurement>) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for (cell, found) in measured {
        let Some(arm) = sweep.arms.iter().find(|arm| arm.name == cell.arm) else {
            continue;
        };
        let Some(settings) = arm.settings.first().map(|setting| &setting.optimizer) else {
            continue;
        };
        let share = |has: fn(&Treatment) -> bool| {
            let elements = |one: &Treatment| one.shape.iter().product::<i64>();
            let all: i64 = found.treatments.iter().map(elements).sum();
            let own: i64 = found
                .treatments
                .iter()
                .filter(|one| has(one))
                .map(elements)
                .sum();
            (own, all)
        };
        let constraint: fn(&Treatment) -> bool = |one| one.units > 0;
        for (is_asked, what, has) in [
            (
                settings.rule == RuleName::Muon,
                "muon",
                (|one: &Treatment| one.matrix) as fn(&Treatment) -> bool,
            ),
            (settings.is_constrained(), "its constraint", constraint),
        ] {
            let (own, all) = share(has);
            if is_asked && all > 0 && (own as f64) < LEAST_SHARE * all as f64 {
                let one = format!(
                    "arm `{}`: {what} has {own} of the {all} elements of task `{}`; all others are \
                     as without it",
                    cell.arm, cell.task
                );
                if !said.contains(&one) {
                    said.push(one);
                }
            }
        }
    }
    said
}
