//! One update of one parameter in libtorch operations: the readable form, and
//! what the fused kernels are held to. Runs on any device.

use tch::{Kind, Tensor};

use crate::units::scale;
use crate::{Context, Decay, LawnConfig, Norms, Rule};

/// The free update; answers ρ, if the rule has one.
///
/// ```text
/// g ← g + λ w                    L2
/// d = U(s, g)
/// w ← (1 − ηλ) w                 decoupled
/// ρ = trust(‖w‖, ‖d‖)
/// w ← w − η ρ d
/// ```
pub(crate) fn free(
    rule: &dyn Rule,
    context: &Context,
    w: &mut Tensor,
    g: &Tensor,
    buffers: &mut [Tensor],
) -> Option<Tensor> {
    let eta = context.learning_rate;
    let g = match context.decay {
        Decay::L2 { rate } if !rule.absorbs(context.decay) => g + &*w * rate,
        _ => g.shallow_clone(),
    };
    let d = rule.direction(context, w, &g, buffers);
    match context.decay {
        Decay::Decoupled { rate } if !rule.absorbs(context.decay) => {
            let _ = w.g_mul_scalar_(1.0 - eta * rate);
        }
        _ => {}
    }
    let (d, rho) = trusted(rule, context, w, d);
    let _ = w.g_sub_(&(d * eta));
    rho
}

/// The constrained update, by the equations of [`LawnConfig`], in their order;
/// answers ρ, if the rule has one.
///
/// `radius` is f64, one entry a unit, shaped as [`Granularity::dot`]'s result;
/// 0 stands for a unit that stays free.
pub(crate) fn constrained(
    rule: &dyn Rule,
    context: &Context,
    lawn: &LawnConfig,
    radius: &Tensor,
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
    let g = if lawn.project_gradient {
        g - scale(w, &radial(g, w))
    } else {
        g.shallow_clone()
    };
    let d = rule.direction(context, w, &g, buffers);
    let d = if lawn.project_update {
        &d - scale(w, &radial(&d, w))
    } else {
        d
    };
    let (d, rho) = trusted(rule, context, w, d);
    let moved = &*w - d * eta;
    let factor = radius / context.granularity.norm(&moved);
    let factor = factor.where_self(&bound, &factor.ones_like());
    w.copy_(&scale(&moved, &factor));
    rho
}

/// `ρ d`, and `ρ` if there is one.
fn trusted(rule: &dyn Rule, context: &Context, w: &Tensor, d: Tensor) -> (Tensor, Option<Tensor>) {
    match rule.trust(context, &Norms::new(context.granularity, w, &d)) {
        Some(rho) => (scale(&d, &rho), Some(rho)),
        None => (d, None),
    }
}

/// `‖x‖₂` over all elements, f64, on the device.
pub(crate) fn norm(x: &Tensor) -> Tensor {
    x.norm_scalaropt_dtype(2, Kind::Double)
}
