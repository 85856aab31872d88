//! NAdamW, one vector of elements at a time.

use super::direction::Direction;
use super::lanes::{Element, Lanes};

/// `m ← β₁ m + β₃ g`, `v ← β₂ v + γ g²`,
/// `d = ((β₁ m + β₃ g) / c₁) / (√(v / c₂ + ε_in) + ε_out)`; 0 where that divides by 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nadam<E> {
    /// `β₁`.
    pub(crate) beta1: E,
    /// `β₃`.
    pub(crate) beta3: E,
    /// `β₂`.
    pub(crate) beta2: E,
    /// `γ = 1 − β₂`.
    pub(crate) gamma: E,
    /// `1 / c₁`.
    pub(crate) inverse_c1: E,
    /// `1 / c₂`.
    pub(crate) inverse_c2: E,
    /// `ε_in`.
    pub(crate) epsilon_in: E,
    /// `ε_out`.
    pub(crate) epsilon_out: E,
}

impl<E: Element> Direction<E, 2> for Nadam<E> {
    const RECALLS_GRADIENT: bool = true;
    const RECALLS_BUFFERS: usize = 2;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let (beta1, beta3) = (L::splat(self.beta1), L::splat(self.beta3));
            s[0] = s[0].mul(beta1).add(g.mul(beta3));
            let square = g.mul(g).mul(L::splat(self.gamma));
            s[1] = s[1].mul(L::splat(self.beta2)).add(square);
            self.recall(w, g, s)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &[L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let ahead = s[0].mul(L::splat(self.beta1));
            let ahead = ahead.add(g.mul(L::splat(self.beta3)));
            let v_hat = s[1].mul(L::splat(self.inverse_c2));
            let root = v_hat.add(L::splat(self.epsilon_in)).sqrt();
            let divisor = root.add(L::splat(self.epsilon_out));
            let m_hat = ahead.mul(L::splat(self.inverse_c1));
            m_hat.div(divisor).or_zero(divisor)
        }
    }
}
