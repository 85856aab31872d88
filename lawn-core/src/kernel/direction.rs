//! The built-in rules, one vector of elements at a time.

use super::lanes::{Element, Lanes};

/// A rule's direction with `B` buffers, element by element.
///
/// # Safety
///
/// Both methods: the running machine has the instructions of `L`.
pub(crate) trait Direction<E: Element, const B: usize>: Copy + Sync {
    /// Whether [`recall`](Self::recall) looks at the gradient.
    const RECALLS_GRADIENT: bool;

    /// Updates the buffers and answers the direction.
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; B]) -> L;

    /// The direction that [`update`](Self::update) answered, from the buffers
    /// it left, so that it need not be stored.
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, g: L, s: &[L; B]) -> L;
}

/// `d = g`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl<E: Element> Direction<E, 0> for Plain {
    const RECALLS_GRADIENT: bool = true;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, _w: L, g: L, _s: &mut [L; 0]) -> L {
        g
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, g: L, _s: &[L; 0]) -> L {
        g
    }
}

/// `v ← μ v + σ g`, `d = v`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Momentum<E> {
    /// `μ`.
    pub(crate) mu: E,
    /// `σ`: 1 less the dampening.
    pub(crate) sigma: E,
}

impl<E: Element> Direction<E, 1> for Momentum<E> {
    const RECALLS_GRADIENT: bool = false;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &mut [L; 1]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        s[0] = unsafe { s[0].mul(L::splat(self.mu)).add(g.mul(L::splat(self.sigma))) };
        s[0]
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, _g: L, s: &[L; 1]) -> L {
        s[0]
    }
}

/// `v ← μ v + g`, `d = g + μ v`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nesterov<E> {
    /// `μ`.
    pub(crate) mu: E,
}

impl<E: Element> Direction<E, 1> for Nesterov<E> {
    const RECALLS_GRADIENT: bool = true;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 1]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe {
            s[0] = s[0].mul(L::splat(self.mu)).add(g);
            self.recall(w, g, s)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &[L; 1]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe { s[0].mul_add(L::splat(self.mu), g) }
    }
}

/// Adam and LAMB.
///
/// ```text
/// m ← β₁ m + β₃ g,  v ← β₂ v + γ g²
/// d = (m / c₁) / (√(v / c₂ + ε_in) + ε_out) + λ w
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adam<E> {
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
    /// `λ`.
    pub(crate) lambda: E,
}

impl<E: Element> Adam<E> {
    #[inline(always)]
    unsafe fn moments<L: Lanes<Element = E>>(&self, g: L, m: L, v: L) -> (L, L) {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe {
            let m = m.mul(L::splat(self.beta1)).add(g.mul(L::splat(self.beta3)));
            let v = v
                .mul(L::splat(self.beta2))
                .add(g.mul(g).mul(L::splat(self.gamma)));
            (m, v)
        }
    }

    #[inline(always)]
    unsafe fn ratio<L: Lanes<Element = E>>(&self, w: L, m: L, v: L) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe {
            let m_hat = m.mul(L::splat(self.inverse_c1));
            let v_hat = v.mul_add(L::splat(self.inverse_c2), L::splat(self.epsilon_in));
            let d = m_hat.div(v_hat.sqrt().add(L::splat(self.epsilon_out)));
            w.mul_add(L::splat(self.lambda), d)
        }
    }
}

impl<E: Element> Direction<E, 2> for Adam<E> {
    const RECALLS_GRADIENT: bool = false;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 2]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe {
            (s[0], s[1]) = self.moments(g, s[0], s[1]);
            self.recall(w, g, s)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, _g: L, s: &[L; 2]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe { self.ratio(w, s[0], s[1]) }
    }
}

/// AMSGrad: `u ← max(u, v)`, and `u` in place of `v` in the direction.
impl<E: Element> Direction<E, 3> for Adam<E> {
    const RECALLS_GRADIENT: bool = false;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 3]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe {
            (s[0], s[1]) = self.moments(g, s[0], s[1]);
            s[2] = s[2].max(s[1]);
            self.recall(w, g, s)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, _g: L, s: &[L; 3]) -> L {
        // SAFETY: the machine has the instructions of L, says the caller.
        unsafe { self.ratio(w, s[0], s[2]) }
    }
}
