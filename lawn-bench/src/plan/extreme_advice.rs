//! Values with which no training can come to anything.

use std::collections::BTreeMap;

use lawn_models::{ConstraintName, OptimizerSettings, RuleName};

use super::course::{self, Doubt};
use crate::config::Sweep;

/// A learning rate from which on a rule that normalizes its steps moves each weight by more than any
/// network has.
const LARGEST_RATE: f64 = 1e3;

/// The same of a rule whose steps are as long as the gradient.
const LARGEST_RATE_OF_GRADIENTS: f64 = 1e10;

/// So many times the steps of a trial is a memory for which all of them are one moment.
const LONGEST_MEMORY: f64 = 100.0;

const DOUBTS: [Doubt; 3] = [
    (
        |settings, _| decay_of_a_step(settings) >= 1.0,
        "take all of a weight or more in one step at the peak: the learning rate times the weight decay \
         is 1 or more, so that decay alone brings weights to 0 or turns their signs",
    ),
    (
        |settings, _| {
            let most = match is_by_gradient(settings.rule) {
                true => LARGEST_RATE_OF_GRADIENTS,
                false => LARGEST_RATE,
            };
            let of_tables = settings.embedding_learning_rate.unwrap_or(0.0);
            settings.learning_rate.max(of_tables) >= most
        },
        "have a learning rate beyond all sense for their rule: 1000 or more where the length of a step \
         hardly depends on the gradient, 1e10 or more for sgd, sgdp, lars and adagrad",
    ),
    (
        |settings, course| {
            let steps = course.length.steps as f64;
            memory(settings).is_some_and(|memory| memory >= LONGEST_MEMORY * steps)
        },
        "remember gradients for over a hundred times as many steps as a trial has: 1 / (1 − beta1), or \
         the same of momentum",
    ),
];

/// What decay alone takes of a weight in a step at the peak of the rate, as a part of it. None is known of
/// rules that give it to their moments or to a trust ratio.
fn decay_of_a_step(settings: &OptimizerSettings) -> f64 {
    let is_direct = match settings.rule {
        RuleName::Lamb => false,
        // The decay is in the gradient, and nothing comes between it and the step.
        RuleName::Sgd => true,
        rule => rule.decouples_decay(),
    };
    // There it is the angle of a step.
    let is_angle = settings.constraint == Some(ConstraintName::Rotational);
    if !is_direct || is_angle {
        return 0.0;
    }
    let decay = settings.weight_decay.unwrap_or(0.0);
    let of_weights = settings.learning_rate * decay;
    let (own_rate, own_decay) = (
        settings.embedding_learning_rate,
        settings.embedding_weight_decay,
    );
    let of_tables = match (own_rate, own_decay) {
        (None, None) => 0.0,
        _ => own_rate.unwrap_or(settings.learning_rate) * own_decay.unwrap_or(decay),
    };
    of_weights.max(of_tables)
}

/// Whether a gradient that is a thousand times as large makes a larger step.
fn is_by_gradient(rule: RuleName) -> bool {
    matches!(
        rule,
        RuleName::Sgd
            | RuleName::Sgdp
            | RuleName::Lars
            | RuleName::Adagrad
            | RuleName::RowwiseAdagrad
    )
}

/// Steps over which a first moment or a momentum is an average or a sum; none of rules whose β₁ is
/// something else.
fn memory(settings: &OptimizerSettings) -> Option<f64> {
    if matches!(settings.rule, RuleName::Lion | RuleName::ScheduleFree) {
        return None;
    }
    let left = |own: Option<f64>, rest: Option<f64>| rest.or(own.map(|own| 1.0 - own));
    let lefts = [
        left(settings.beta1, settings.one_minus_beta1),
        left(settings.momentum, settings.one_minus_momentum),
    ];
    let least = lefts.into_iter().flatten().reduce(f64::min)?;
    Some(1.0 / least)
}

/// Warnings about the settings of arms, given by task the samples of an epoch.
pub(super) fn beyond_sense(sweep: &Sweep, epochs: &BTreeMap<String, u64>) -> Vec<String> {
    course::doubtful(sweep, epochs, &DOUBTS)
}
