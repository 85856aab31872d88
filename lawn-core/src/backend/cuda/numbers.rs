//! A rule and a constraint as the kernels take them.

use tch::Kind;

use super::records::Numbers;
use crate::backend::slot::Slot;
use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::rule::form::{DecayEntry, DecayTerm, Direction, Form};
use crate::rule::trust::{Trust, TrustBase};
use crate::rule::{BiasCorrection, Context};
use crate::units::{Granularity, rounding};

/// How the kernels make a direction; the values are those of `cuda/records.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i64)]
pub(super) enum KernelRule {
    Plain = 0,
    Momentum = 1,
    Nesterov = 2,
    Adam = 3,
    Amsgrad = 4,
    Adagrad = 5,
}

impl KernelRule {
    /// Nothing for a direction that the kernels do not make.
    fn of(direction: &Direction) -> Option<Self> {
        match direction {
            Direction::Gradient => Some(KernelRule::Plain),
            Direction::Momentum { nesterov: true, .. } => Some(KernelRule::Nesterov),
            Direction::Momentum { .. } => Some(KernelRule::Momentum),
            Direction::Moments { max: true, .. } => Some(KernelRule::Amsgrad),
            Direction::Moments { .. } => Some(KernelRule::Adam),
            Direction::SumOfSquares { .. } => Some(KernelRule::Adagrad),
            Direction::NesterovMoments(_) | Direction::Sign { .. } | Direction::Averaged(_) => None,
        }
    }

    /// Whether a step of two passes leaves the direction in place of the first moment.
    pub(super) fn holds(self) -> bool {
        matches!(self, KernelRule::Adam | KernelRule::Amsgrad)
    }
}

/// How the kernels know an element kind, if they have it.
pub(super) fn element(kind: Kind) -> Option<i64> {
    match kind {
        Kind::Float => Some(0),
        Kind::Double => Some(1),
        Kind::Half => Some(2),
        Kind::BFloat16 => Some(3),
        _ => None,
    }
}

/// What the kernels take of a parameter in one phase, at a learning rate of 1; nothing for what
/// they do not compute, which is the reference's then. Where its units lie is not in it.
///
/// Every field of both forms is named here, so that a new one, or a new kind of one, is not
/// passed over.
pub(super) fn numbers(
    slot: &Slot,
    form: &Form,
    context: &Context,
    constraint: Option<&ConstraintForm>,
) -> Option<(KernelRule, Numbers)> {
    let Form {
        direction,
        trust,
        adapts,
        decay,
        radial,
    } = *form;
    if radial.is_some() {
        return None;
    }
    let mut numbers = Numbers {
        element: element(slot.weight.kind())?,
        gradient_rounding: rounding(slot.weight.kind()),
        rate_scale: context.learning_rate,
        constrained: i64::from(context.constrained),
        ..Numbers::default()
    };
    if let Some(constraint) = constraint.filter(|_| context.constrained) {
        let ConstraintForm {
            granularity,
            project_gradient,
            project_update,
            centred,
            length,
            hold,
            untouched_rows: _,
        } = *constraint;
        match (granularity, centred, length, hold) {
            (Granularity::Layer | Granularity::Row, false, StepLength::Own, Hold::Sphere) => {}
            _ => return None,
        }
        numbers.project_gradient = i64::from(project_gradient);
        numbers.project_update = i64::from(project_update);
    }
    let trust = trust.filter(|_| adapts);
    set_trust(&mut numbers, trust);
    set_decay(&mut numbers, decay, trust.is_some());
    set_direction(&mut numbers, &direction);
    let of_direction = trust.is_some_and(|trust| trust.is_of_direction());
    numbers.single_pass = i64::from(!context.constrained && !of_direction);
    // ρ is of ‖w‖ before the step.
    numbers.needs_products = i64::from(context.constrained || trust.is_some());
    Some((KernelRule::of(&direction)?, numbers))
}

fn set_trust(numbers: &mut Numbers, trust: Option<Trust>) {
    numbers.trust_max = f64::INFINITY;
    let Some(Trust {
        coefficient,
        max,
        base,
    }) = trust
    else {
        return;
    };
    numbers.trust_coefficient = coefficient;
    numbers.trust_max = max.unwrap_or(f64::INFINITY);
    match base {
        TrustBase::Direction => numbers.trust = 1,
        TrustBase::Gradient { epsilon } => {
            numbers.trust = 2;
            numbers.trust_epsilon = epsilon;
        }
    }
}

fn set_decay(numbers: &mut Numbers, DecayTerm { rate, entry }: DecayTerm, trusted: bool) {
    match entry {
        DecayEntry::Gradient => numbers.l2 = rate,
        DecayEntry::TrustedGradient if trusted => numbers.trusted_l2 = rate,
        DecayEntry::TrustedGradient => numbers.l2 = rate,
        DecayEntry::Direction => numbers.directed = rate,
        DecayEntry::Weight => numbers.decoupled = rate,
    }
}

fn set_direction(numbers: &mut Numbers, direction: &Direction) {
    match *direction {
        Direction::Gradient => {}
        Direction::Momentum { mu, dampening, .. } => {
            numbers.mu = mu;
            numbers.dampening = dampening;
        }
        Direction::Moments { moments, .. } => {
            numbers.beta1 = moments.beta1;
            numbers.beta2 = moments.beta2;
            numbers.beta3 = moments.beta3();
            (numbers.epsilon_in, numbers.epsilon_out) = moments.epsilons();
            let corrects = moments.bias_correction == BiasCorrection::Applied;
            numbers.corrects_bias = i64::from(corrects);
        }
        Direction::SumOfSquares { initial, epsilon } => {
            numbers.initial = initial;
            numbers.epsilon_out = epsilon;
        }
        // They have no kernel.
        Direction::NesterovMoments(_) | Direction::Sign { .. } | Direction::Averaged(_) => {}
    }
}
