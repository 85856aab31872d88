//! Lion, one vector of elements at a time.

use super::direction::Direction;
use super::lanes::{Element, Lanes};

/// `d = sign(β₁ m + γ₁ g)`, then `m ← β₂ m + γ₂ g`.
///
/// The momentum moves in the pass of the weights: `d` is of the momentum before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lion<E> {
    /// `β₁`.
    pub(crate) beta1: E,
    /// `γ₁ = 1 − β₁`.
    pub(crate) gamma1: E,
    /// `β₂`.
    pub(crate) beta2: E,
    /// `γ₂ = 1 − β₂`.
    pub(crate) gamma2: E,
}

impl<E: Element> Direction<E, 1> for Lion<E> {
    const RECALLS_GRADIENT: bool = true;
    const RECALLS_BUFFERS: usize = 1;
    const UPDATES_LAST: bool = true;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let d = self.recall(w, g, s);
            let kept = s[0].mul(L::splat(self.beta2));
            s[0] = kept.add(g.mul(L::splat(self.gamma2)));
            d
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &[L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let kept = s[0].mul(L::splat(self.beta1));
            let mixed = kept.add(g.mul(L::splat(self.gamma1)));
            // The largest number makes 1 or more of any but 0, if it multiplies twice.
            let (largest, one) = (L::splat(E::MAX), E::from_f64(1.0));
            let large = mixed.mul(largest).mul(largest);
            large.min(L::splat(one)).max(L::splat(E::from_f64(-1.0)))
        }
    }
}
