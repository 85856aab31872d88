//! Adagrad, one vector of elements at a time.

use super::direction::Direction;
use super::lanes::{Element, Lanes};

/// `s ← s + g²`, `d = g / (√(s₀ + s) + ε)`; 0 where that divides by 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adagrad<E> {
    /// `s₀`.
    pub(crate) initial: E,
    /// `ε`.
    pub(crate) epsilon: E,
}

impl<E: Element> Direction<E, 1> for Adagrad<E> {
    const RECALLS_GRADIENT: bool = true;
    const RECALLS_BUFFERS: usize = 1;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            s[0] = s[0].add(g.mul(g));
            self.recall(w, g, s)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &[L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let root = s[0].add(L::splat(self.initial)).sqrt();
            let divisor = root.add(L::splat(self.epsilon));
            g.div(divisor).or_zero(divisor)
        }
    }
}
