//! One update of one parameter in libtorch operations, on any device. This is the readable form,
//! and the other backends are held to it.

use tch::Tensor;

use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::decay::WeightDecay;
use crate::rule::form::Direction;
use crate::rule::{Context, Norms, Rule};
use crate::units::{ROUNDING, scale, spread};

/// The free update; returns ρ, if the rule has one.
///
/// ```text
/// g ← g + λ w                    L2
/// d = U(s, g)
/// w ← (1 − ηλ) w                 decoupled
/// ρ = trust(‖w‖, ‖d‖)
/// w ← w − η ρ d
/// ```
pub(super) fn free(
    rule: &dyn Rule,
    context: &Context,
    w: &mut Tensor,
    g: &Tensor,
    buffers: &mut [Tensor],
) -> Option<Tensor> {
    let eta = context.learning_rate;
    let g = match context.decay {
        WeightDecay::L2 { rate } if !rule.absorbs(context.decay) => g + &*w * rate,
        _ => g.shallow_clone(),
    };
    let d = rule.direction(context, w, &g, buffers);
    match context.decay {
        WeightDecay::Decoupled { rate } if !rule.absorbs(context.decay) => {
            let _ = w.g_mul_scalar_(1.0 - eta * rate);
        }
        _ => {}
    }
    let (d, rho) = trusted(rule, context, w, d);
    let _ = w.g_sub_(&(d * eta));
    rho
}

/// What is known of the units of a parameter under a constraint: f64, one entry a unit, shaped as
/// [`Granularity::dot`](crate::Granularity::dot)'s result.
pub(super) struct HeldUnits<'a> {
    /// Of each its radius; 0 stands for a unit that stays free.
    pub(super) radius: &'a Tensor,
    /// What the constraint remembers of each, if it remembers anything.
    pub(super) memory: Option<Tensor>,
    /// A projection leaves 0 where no more than this or [`ROUNDING`] of the square is left.
    pub(super) gradient_rounding: f64,
}

/// What a constrained update answers.
pub(super) struct Constrained {
    /// ρ, if a direction was multiplied by one.
    pub(super) trust: Option<Tensor>,
    /// What the constraint remembers from now on, if it remembers anything.
    pub(super) memory: Option<Tensor>,
}

/// The constrained update, by the equations of [`LawnConfig`](crate::LawnConfig), in their order,
/// and of those that differ from it in the length of a step or in how a norm is held.
pub(super) fn constrained(
    rule: &dyn Rule,
    context: &Context,
    constraint: &ConstraintForm,
    held: HeldUnits<'_>,
    w: &mut Tensor,
    g: &Tensor,
    buffers: &mut [Tensor],
) -> Constrained {
    let HeldUnits {
        radius,
        memory,
        gradient_rounding,
    } = held;
    let granularity = context.granularity;
    let eta = context.learning_rate;
    let bound = radius.gt(0.0);
    if constraint.centred {
        let centred = granularity.centred(w);
        let factor = radius / granularity.norm(&centred);
        let centred = scale(&centred, &factor);
        w.copy_(&centred.where_self(&spread(&bound, w), w));
    }
    let ww = granularity.dot(w, w);
    // The share of x that lies along w; none for a unit that stays free.
    let radial = |x: &Tensor, w: &Tensor| {
        let share = granularity.dot(w, x) / &ww;
        share.where_self(&bound, &share.zeros_like())
    };
    // x without that share. It is 0 where only rounding is left, of which no rule shall make a
    // direction.
    let tangential = |x: &Tensor, w: &Tensor, rounding: f64| {
        let left = x - scale(w, &radial(x, w));
        let square = |x: &Tensor| granularity.dot(x, x);
        let nothing = square(&left).le_tensor(&(square(x) * rounding));
        left.masked_fill(&spread(&nothing.logical_and(&bound), w), 0.0)
    };
    let g = if constraint.project_gradient {
        tangential(g, w, gradient_rounding)
    } else {
        g.shallow_clone()
    };
    let mut d = rule.direction(context, w, &g, buffers);
    if constraint.centred {
        d = granularity.centred(&d).where_self(&spread(&bound, w), &d);
    }
    if constraint.project_update {
        d = tangential(&d, w, ROUNDING);
    }
    let (usual, mut trust) = trusted(rule, context, w, d.shallow_clone());
    let mut step = usual * eta;
    let mut remembered = memory;
    // Another length of the step, for the units that are held.
    let by =
        |length: &Tensor, usual: &Tensor| scale(&d, length).where_self(&spread(&bound, w), usual);
    match constraint.length {
        StepLength::Own => {}
        StepLength::OfRadius => {
            let norm = granularity.norm(&d);
            let ratio = (radius / &norm).masked_fill(&norm.eq(0.0), 0.0);
            step = by(&(&ratio * eta), &step);
            trust = Some(ratio.where_scalarother(&bound, 1.0));
        }
        StepLength::OfRotation {
            decay,
            memory: kept,
            epsilon,
        } => {
            let direction = rule.form(context).map(|form| form.direction);
            let angle = Direction::rotation(direction, eta, decay);
            let correction = 1.0 - kept.powf(context.updates as f64);
            let before = remembered.unwrap_or_else(|| ww.zeros_like());
            let q = before * kept + granularity.dot(&d, &d) * (1.0 - kept);
            let length = radius * angle / ((&q / correction).sqrt() + epsilon);
            step = by(&length, &step).masked_fill(&d.eq(0.0), 0.0);
            remembered = Some(q);
        }
    }
    let moved = &*w - &step;
    let square = granularity.dot(&moved, &moved);
    match constraint.hold {
        Hold::Sphere => {
            let factor = radius / square.sqrt();
            let factor = factor.where_self(&bound, &factor.ones_like());
            // A step against all of w leaves only rounding, which is no direction.
            let whole = &ww + granularity.dot(&step, &step);
            let nothing = square.le_tensor(&(whole * ROUNDING)).logical_and(&bound);
            let stays = spread(&nothing, w);
            w.copy_(&w.where_self(&stays, &scale(&moved, &factor)));
        }
        Hold::Ball {
            rate,
            by_learning_rate,
        } => {
            let elements = w.numel() as f64 / granularity.units(&w.size()).max(1) as f64;
            let excess = (square - radius.square()) / elements;
            let before = remembered.unwrap_or_else(|| ww.zeros_like());
            let multiplier = (before + excess * rate).clamp_min(0.0);
            let multiplier = multiplier.where_scalarother(&bound, 0.0);
            let factor = if by_learning_rate { eta } else { 1.0 };
            w.copy_(&scale(&moved, &(1.0 - &multiplier * (2.0 * factor))));
            remembered = Some(multiplier);
        }
    }
    Constrained {
        trust,
        memory: remembered.filter(|_| constraint.remembered().is_some()),
    }
}

/// `ρ d`, and `ρ` if there is one.
fn trusted(rule: &dyn Rule, context: &Context, w: &Tensor, d: Tensor) -> (Tensor, Option<Tensor>) {
    match rule.trust(context, &Norms::new(context.granularity, w, &d)) {
        Some(rho) => (scale(&d, &rho), Some(rho)),
        None => (d, None),
    }
}
