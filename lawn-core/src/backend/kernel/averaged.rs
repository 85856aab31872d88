//! Schedule-Free AdamW, one vector of elements at a time.

use super::direction::Direction;
use super::lanes::{Element, Lanes};
use crate::rule::form::Averaging;

/// Of the iterate `z` and the second moment `v` as they were:
///
/// ```text
/// v ← β₂ v + γ g²
/// h = g / (√(v / c₂) + ε) + λ y             0 + λ y where that divides by 0
/// d = (y − z) c / η + h (c β₁ + 1 − β₁)     then z ← z − η h
/// ```
///
/// Both move in the pass of the weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Averaged<E> {
    /// `β₂`.
    pub(crate) beta2: E,
    /// `γ = 1 − β₂`.
    pub(crate) gamma: E,
    /// `1 / c₂`.
    pub(crate) inverse_c2: E,
    /// `ε`.
    pub(crate) epsilon: E,
    /// `λ`.
    pub(crate) lambda: E,
    /// `−η`.
    pub(crate) minus_eta: E,
    /// `c / η`.
    pub(crate) pull: E,
    /// `c β₁ + 1 − β₁`.
    pub(crate) share: E,
    /// Whether `z` begins at the weights.
    pub(crate) begins: bool,
}

/// What a step of Schedule-Free knows of its average, the same for all elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AverageStep {
    /// `η`, above 0.
    pub(crate) eta: f64,
    /// `c`, the share of this iterate.
    pub(crate) share: f64,
    /// Whether the iterate begins at the weights.
    pub(crate) begins: bool,
}

impl<E: Element> Averaged<E> {
    /// The numbers of update `t`.
    pub(super) fn new(rule: &Averaging, lambda: f64, t: u64, step: AverageStep) -> Self {
        let e = E::from_f64;
        let AverageStep { eta, share, begins } = step;
        Self {
            beta2: e(rule.beta2),
            gamma: e(1.0 - rule.beta2),
            inverse_c2: e((1.0 - rule.beta2.powf(t as f64)).recip()),
            epsilon: e(rule.epsilon),
            lambda: e(lambda),
            minus_eta: e(-eta),
            pull: e(share / eta),
            share: e(share * rule.beta1 + (1.0 - rule.beta1)),
            begins,
        }
    }

    /// `z` before the step, and `v` and `h` of it.
    #[inline(always)]
    unsafe fn parts<L: Lanes<Element = E>>(&self, w: L, g: L, s: &[L; 2]) -> (L, L, L) {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let z = if self.begins { w } else { s[0] };
            let square = g.mul(g).mul(L::splat(self.gamma));
            let v = s[1].mul(L::splat(self.beta2)).add(square);
            let root = v.mul(L::splat(self.inverse_c2)).sqrt();
            let divisor = root.add(L::splat(self.epsilon));
            let h = g.div(divisor).or_zero(divisor);
            (z, v, w.mul_add(L::splat(self.lambda), h))
        }
    }

    #[inline(always)]
    unsafe fn direction<L: Lanes<Element = E>>(&self, w: L, z: L, h: L) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let apart = z.mul(L::splat(E::from_f64(-1.0))).add(w);
            let pulled = apart.mul(L::splat(self.pull));
            pulled.add(h.mul(L::splat(self.share)))
        }
    }
}

impl<E: Element> Direction<E, 2> for Averaged<E> {
    const RECALLS_GRADIENT: bool = true;
    const RECALLS_BUFFERS: usize = 2;
    const UPDATES_LAST: bool = true;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let (z, v, h) = self.parts(w, g, s);
            let step = h.mul(L::splat(self.minus_eta));
            (s[0], s[1]) = (z.add(step), v);
            self.direction(w, z, h)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, g: L, s: &[L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let (z, _, h) = self.parts(w, g, s);
            self.direction(w, z, h)
        }
    }
}
