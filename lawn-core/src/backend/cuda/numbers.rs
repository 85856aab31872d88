//! A rule and a constraint as the kernels take them.

use tch::Kind;

use super::records::Numbers;
use crate::backend::slot::Slot;
use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::rule::form::{DecayEntry, DecayTerm, Direction, Form, Radial};
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
    Nadam = 6,
    Sign = 7,
    Averaged = 8,
}

impl KernelRule {
    fn of(direction: &Direction) -> Self {
        match direction {
            Direction::Gradient => KernelRule::Plain,
            Direction::Momentum { nesterov: true, .. } => KernelRule::Nesterov,
            Direction::Momentum { .. } => KernelRule::Momentum,
            Direction::Moments { max: true, .. } => KernelRule::Amsgrad,
            Direction::Moments { .. } => KernelRule::Adam,
            Direction::SumOfSquares { .. } => KernelRule::Adagrad,
            Direction::NesterovMoments(_) => KernelRule::Nadam,
            Direction::Sign { .. } => KernelRule::Sign,
            Direction::Averaged(_) => KernelRule::Averaged,
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
    let mut numbers = Numbers {
        element: element(slot.weight.kind())?,
        gradient_rounding: rounding(slot.weight.kind()),
        rate_scale: context.learning_rate,
        constrained: i64::from(context.constrained),
        ..Numbers::default()
    };
    if let Some(constraint) = constraint.filter(|_| context.constrained) {
        let ConstraintForm {
            // The parameter may have another.
            granularity: _,
            project_gradient,
            project_update,
            centred,
            length,
            hold,
            untouched_rows: _,
        } = *constraint;
        numbers.centred = i64::from(centred);
        numbers.project_gradient = i64::from(project_gradient);
        numbers.project_update = i64::from(project_update);
        set_length(&mut numbers, length, direction);
        set_hold(&mut numbers, hold);
    }
    if let Some(radial) = radial_of(slot, context, constraint, radial)? {
        set_radial(&mut numbers, radial, slot.weight.size()[0]);
    }
    let trust = trust.filter(|_| adapts);
    set_trust(&mut numbers, trust);
    set_decay(&mut numbers, decay, trust.is_some());
    set_direction(&mut numbers, &direction);
    let of_direction = trust.is_some_and(|trust| trust.is_of_direction());
    let projects = numbers.radial != 0;
    numbers.single_pass = i64::from(!context.constrained && !of_direction && !projects);
    // ρ is of ‖w‖ before the step.
    numbers.needs_products = i64::from(context.constrained || trust.is_some() || projects);
    Some((KernelRule::of(&direction), numbers))
}

/// The test for radial directions that is to be made, if one is; nothing at all for what the
/// kernels do not project.
fn radial_of(
    slot: &Slot,
    context: &Context,
    constraint: Option<&ConstraintForm>,
    radial: Option<Radial>,
) -> Option<Option<Radial>> {
    let Some(radial) = radial.filter(|_| slot.weight.dim() >= 2 && slot.weight.numel() > 0) else {
        return Some(None);
    };
    match constraint.filter(|_| context.constrained) {
        None => Some(Some(radial)),
        // Whatever the test says, each row loses all of its radial part.
        Some(form) if context.granularity == Granularity::Row && form.project_update => Some(None),
        Some(_) => None,
    }
}

fn set_radial(numbers: &mut Numbers, radial: Radial, rows: i64) {
    let Radial {
        delta,
        decay_ratio,
        epsilon,
    } = radial;
    numbers.radial = rows;
    numbers.radial_delta = delta;
    numbers.radial_ratio = decay_ratio;
    numbers.radial_epsilon = epsilon;
}

fn set_length(numbers: &mut Numbers, length: StepLength, direction: Direction) {
    match length {
        StepLength::Own => {}
        StepLength::OfRadius => numbers.length = 1,
        StepLength::OfRotation {
            decay,
            memory,
            epsilon,
        } => {
            numbers.length = 2;
            numbers.rotation = Direction::rotation(Some(direction), 1.0, decay);
            numbers.length_memory = memory;
            numbers.length_epsilon = epsilon;
        }
    }
}

fn set_hold(numbers: &mut Numbers, hold: Hold) {
    if let Hold::Ball {
        rate,
        by_learning_rate,
    } = hold
    {
        numbers.hold = 1;
        numbers.ball_rate = rate;
        numbers.ball_by_rate = i64::from(by_learning_rate);
    }
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
        Direction::Moments { moments, .. } | Direction::NesterovMoments(moments) => {
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
        Direction::Sign { beta1, beta2 } => {
            numbers.beta1 = beta1;
            numbers.beta2 = beta2;
        }
        Direction::Averaged(averaging) => {
            numbers.beta1 = averaging.beta1;
            numbers.beta2 = averaging.beta2;
            numbers.epsilon_out = averaging.epsilon;
            numbers.weight_power = averaging.weight_power;
            numbers.rate_power = averaging.rate_power;
            numbers.corrects_bias = 1;
        }
    }
}
