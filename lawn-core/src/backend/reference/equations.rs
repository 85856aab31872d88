//! One update of one parameter in libtorch operations, on any device. This is the readable form,
//! and the other backends are held to it.

use tch::Tensor;

use crate::constraint::form::{ConstraintForm, Hold};
use crate::decay::WeightDecay;
use crate::rule::{Context, Norms, Rule};
use crate::units::{ROUNDING, scale};

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

/// The constrained update, by the equations of [`LawnConfig`](crate::LawnConfig), in their order;
/// answers ρ, if the rule has one.
///
/// `radius` is f64, one entry a unit, shaped as [`Granularity::dot`]'s result; 0 stands for a
/// unit that stays free. A projection leaves 0 where no more than `gradient_rounding` or
/// [`ROUNDING`] of the square is left.
pub(super) fn constrained(
    rule: &dyn Rule,
    context: &Context,
    constraint: &ConstraintForm,
    (radius, gradient_rounding): (&Tensor, f64),
    w: &mut Tensor,
    g: &Tensor,
    buffers: &mut [Tensor],
) -> Option<Tensor> {
    let eta = context.learning_rate;
    let bound = radius.gt(0.0);
    let ww = context.granularity.dot(w, w);
    // The share of x that lies along w; none for a unit that stays free.
    let radial = |x: &Tensor, w: &Tensor| {
        let share = context.granularity.dot(w, x) / &ww;
        share.where_self(&bound, &share.zeros_like())
    };
    // x without that share. It is 0 where only rounding is left, of which no rule shall make a
    // direction.
    let tangential = |x: &Tensor, w: &Tensor, rounding: f64| {
        let left = x - scale(w, &radial(x, w));
        let square = |x: &Tensor| context.granularity.dot(x, x);
        let nothing = square(&left).le_tensor(&(square(x) * rounding));
        left.masked_fill(&nothing.logical_and(&bound), 0.0)
    };
    let g = if constraint.project_gradient {
        tangential(g, w, gradient_rounding)
    } else {
        g.shallow_clone()
    };
    let d = rule.direction(context, w, &g, buffers);
    let d = if constraint.project_update {
        tangential(&d, w, ROUNDING)
    } else {
        d
    };
    let (d, rho) = trusted(rule, context, w, d);
    let step = d * eta;
    let moved = &*w - &step;
    let square = context.granularity.dot(&moved, &moved);
    let Hold::Sphere = constraint.hold;
    let factor = radius / square.sqrt();
    let factor = factor.where_self(&bound, &factor.ones_like());
    // A step against all of w leaves only rounding, which is no direction.
    let whole = &ww + context.granularity.dot(&step, &step);
    let nothing = square.le_tensor(&(whole * ROUNDING)).logical_and(&bound);
    w.copy_(&w.where_self(&nothing, &scale(&moved, &factor)));
    rho
}

/// `ρ d`, and `ρ` if there is one.
fn trusted(rule: &dyn Rule, context: &Context, w: &Tensor, d: Tensor) -> (Tensor, Option<Tensor>) {
    match rule.trust(context, &Norms::new(context.granularity, w, &d)) {
        Some(rho) => (scale(&d, &rho), Some(rho)),
        None => (d, None),
    }
}
