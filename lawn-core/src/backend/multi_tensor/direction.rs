//! Directions on a whole storage.

use tch::Tensor;

use super::tiles::column;
use crate::libtorch::in_place::{add, addcmul};
use crate::rule::form::Direction;
use crate::rule::moments::Moments;
use crate::rule::{BiasCorrection, EpsilonPlace};

/// Which tiles take the step; all of them, or a boolean tensor that broadcasts
/// over the storage.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakenTiles<'a>(pub(super) Option<&'a Tensor>);

impl TakenTiles<'_> {
    /// Makes the gradient −0 where the step is not taken, which leaves everything as it is:
    /// `x + (−0) = x` for every x, to the bit.
    pub(super) fn hide(self, g: &mut Tensor) {
        if let Some(taken) = self.0 {
            let _ = g.masked_fill_(&taken.logical_not(), -0.0);
        }
    }

    /// `buffer ← factor · buffer` where the step is taken.
    fn decay(self, buffer: &mut Tensor, factor: f64) {
        let _ = match self.0 {
            Some(taken) => {
                let kind = buffer.kind();
                let factor = Tensor::full([1], factor, (kind, buffer.device()));
                buffer.g_mul_(&factor.where_scalarother(taken, 1.0))
            }
            None => buffer.g_mul_scalar_(factor),
        };
    }

    /// The direction where the step is taken, and 0 elsewhere.
    pub(super) fn only(self, d: Tensor) -> Tensor {
        match self.0 {
            Some(taken) => d.masked_fill(&taken.logical_not(), 0.0),
            None => d,
        }
    }
}

/// `d = U(s, g)` of a form that [`FusedAdam`](super::fused_adam::FusedAdam) does not compute,
/// without trust ratio and decay.
///
/// `updates` counts each tile's updates, this one included. The answer may share
/// its memory with `g` or a buffer.
pub(super) fn direction(
    form: Direction,
    buffers: &mut [Tensor],
    g: &Tensor,
    updates: &Tensor,
    taken: TakenTiles<'_>,
) -> Tensor {
    match form {
        Direction::Gradient => g.shallow_clone(),
        Direction::Momentum {
            mu,
            dampening,
            nesterov,
        } => {
            let [v] = buffers else {
                unreachable!("there is one momentum")
            };
            add_momentum(v, g, (mu, dampening), updates, taken);
            looked_ahead(nesterov, mu, g, v)
        }
        Direction::Moments { moments, .. } => ratio(&moments, buffers, g, updates, taken),
        Direction::SumOfSquares { initial, epsilon } => {
            let [s] = buffers else {
                unreachable!("there is one sum")
            };
            addcmul(s, g, g, 1.0);
            let divisor = (&*s + initial).sqrt_().g_add_scalar_(epsilon);
            quotient(g.shallow_clone(), &divisor, epsilon)
        }
        Direction::NesterovMoments(_) | Direction::Sign { .. } => {
            unreachable!("this backend is for common forms")
        }
    }
}

/// `v ← μ v + σ g`; σ is 1 at the first update, `1 − τ` later.
fn add_momentum(
    v: &mut Tensor,
    g: &Tensor,
    (mu, dampening): (f64, f64),
    updates: &Tensor,
    taken: TakenTiles<'_>,
) {
    taken.decay(v, mu);
    if dampening == 0.0 {
        let _ = v.g_add_(g);
    } else {
        let later = updates.full_like(1.0 - dampening);
        let sigma = later.where_scalarother(&updates.gt(1.0), 1.0);
        addcmul(v, g, &column(&sigma, g.kind()), 1.0);
    }
}

/// `v`, or Nesterov's `g + μ v`.
fn looked_ahead(nesterov: bool, mu: f64, g: &Tensor, v: &Tensor) -> Tensor {
    if nesterov {
        g + v * mu
    } else {
        v.shallow_clone()
    }
}

/// `x / (1 − βᵗ)`.
fn corrected(rule: &Moments, x: &Tensor, beta: f64, updates: &Tensor) -> Tensor {
    if rule.bias_correction == BiasCorrection::Omitted {
        return x.copy();
    }
    let correction = 1.0 - Tensor::pow_scalar(beta, updates);
    x / column(&correction, x.kind())
}

/// `m̂ / (√v̂ + ε)`, from moments that it updates; v̂ from the largest v, if that
/// is kept.
fn ratio(
    rule: &Moments,
    buffers: &mut [Tensor],
    g: &Tensor,
    updates: &Tensor,
    taken: TakenTiles<'_>,
) -> Tensor {
    let (moments, max) = buffers.split_at_mut(2);
    let [m, v] = moments else {
        unreachable!("there are two moments")
    };
    taken.decay(m, rule.beta1);
    add(m, g, rule.beta3());
    taken.decay(v, rule.beta2);
    addcmul(v, g, g, 1.0 - rule.beta2);
    let v = match max {
        [u] => {
            let _ = u.maximum_out(&u.shallow_clone(), v);
            &*u
        }
        _ => &*v,
    };
    let mut denominator = corrected(rule, v, rule.beta2, updates);
    let _ = match rule.epsilon_place {
        EpsilonPlace::OutsideRoot => denominator.sqrt_().g_add_scalar_(rule.epsilon),
        EpsilonPlace::InsideRoot => denominator.g_add_scalar_(rule.epsilon).sqrt_(),
    };
    let m_hat = corrected(rule, m, rule.beta1, updates);
    quotient(m_hat, &denominator, rule.epsilon)
}

/// `x / divisor` in place of `x`; 0 where the divisor is, as it may be with an ε that f32
/// rounds to 0.
fn quotient(mut x: Tensor, divisor: &Tensor, epsilon: f64) -> Tensor {
    let _ = x.g_div_(divisor);
    if epsilon < f64::from(f32::MIN_POSITIVE) {
        let _ = x.masked_fill_(&divisor.eq(0.0), 0.0);
    }
    x
}
