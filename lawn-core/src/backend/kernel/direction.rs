//! The built-in rules, one vector of elements at a time.

use super::isa::Vectorized;
use super::lanes::{Element, Lanes};

/// A rule's direction with `B` buffers, element by element.
///
/// # Safety
///
/// All methods: the running machine has the instructions of `L`.
pub(crate) trait Direction<E: Element, const B: usize>: Copy + Sync {
    /// Whether [`recall`](Self::recall) looks at the gradient.
    const RECALLS_GRADIENT: bool;
    /// How many of the buffers, from the first on, it looks at.
    const RECALLS_BUFFERS: usize;
    /// Whether the buffers move in the pass of the weights, where that is a pass of its own: the
    /// direction is made of what they were.
    const UPDATES_LAST: bool = false;

    /// Updates the buffers and returns the direction.
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; B]) -> L;

    /// The same, and leaves in the buffers what [`recall`](Self::recall) needs.
    #[inline(always)]
    unsafe fn hold<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; B]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe { self.update(w, g, s) }
    }

    /// The direction that [`hold`](Self::hold) answered, from the buffers it left.
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, g: L, s: &[L; B]) -> L;
}

/// `d = g`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl<E: Element> Direction<E, 0> for Plain {
    const RECALLS_GRADIENT: bool = true;
    const RECALLS_BUFFERS: usize = 0;

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
    const RECALLS_BUFFERS: usize = 1;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &mut [L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
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
    const RECALLS_BUFFERS: usize = 1;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            s[0] = s[0].mul(L::splat(self.mu)).add(g);
            self.recall(w, g, s)
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, _w: L, g: L, s: &[L; 1]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe { s[0].mul_add(L::splat(self.mu), g) }
    }
}

/// Adam and LAMB.
///
/// ```text
/// m ← β₁ m + β₃ g,  v ← β₂ v + γ g²
/// d = (m / c₁) / (√(v / c₂ + ε_in) + ε_out) + λ w        0 + λ w where that divides by 0
/// ```
///
/// Where the weights move in another pass than the buffers, `d − λ w` takes the place of `m`.
/// That pass then reads one array less. The next step forms `m` again, which costs four more
/// roundings.
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
    /// The corrections of the step before, if its direction is held in place of `m`.
    pub(crate) held: Option<HeldCorrections<E>>,
}

/// The bias corrections of a direction that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldCorrections<E> {
    /// `c₁`.
    pub(crate) c1: E,
    /// `1 / c₂`.
    pub(crate) inverse_c2: E,
}

impl<E: Element> Adam<E> {
    /// `√(v / c₂ + ε_in) + ε_out`. Every operation rounds by itself, so that vectors of any
    /// width give the same bits.
    #[inline(always)]
    unsafe fn denominator<L: Lanes<Element = E>>(&self, v: L, inverse_c2: E) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let v_hat = v.mul(L::splat(inverse_c2)).add(L::splat(self.epsilon_in));
            v_hat.sqrt().add(L::splat(self.epsilon_out))
        }
    }

    /// `m` of the step before, whose direction was divided by the root of this `v`. Where `v`
    /// has become infinite, the direction is 0 and `m` becomes 0.
    #[inline(always)]
    unsafe fn first_moment<L: Lanes<Element = E>>(&self, s: L, v: L) -> L {
        match self.held {
            None => s,
            // SAFETY: the caller has made sure of the instructions of L.
            Some(HeldCorrections { c1, inverse_c2 }) => unsafe {
                let finite = self.denominator(v, inverse_c2).min(L::splat(E::MAX));
                s.mul(finite).mul(L::splat(c1))
            },
        }
    }

    #[inline(always)]
    unsafe fn moments<L: Lanes<Element = E>>(&self, g: L, m: L, v: L) -> (L, L) {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let m = m.mul(L::splat(self.beta1)).add(g.mul(L::splat(self.beta3)));
            let v = v
                .mul(L::splat(self.beta2))
                .add(g.mul(g).mul(L::splat(self.gamma)));
            (m, v)
        }
    }

    /// `(m / c₁) / (√(v / c₂ + ε_in) + ε_out)`; 0 where that divides by 0.
    #[inline(always)]
    unsafe fn ratio<L: Lanes<Element = E>>(&self, m: L, v: L) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let m_hat = m.mul(L::splat(self.inverse_c1));
            let divisor = self.denominator(v, self.inverse_c2);
            m_hat.div(divisor).or_zero(divisor)
        }
    }

    /// `d` of that ratio.
    #[inline(always)]
    unsafe fn decayed<L: Lanes<Element = E>>(&self, w: L, ratio: L) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe { w.mul_add(L::splat(self.lambda), ratio) }
    }
}

/// Forms the first moment again in the place of a direction that is held.
pub(crate) struct Release<E> {
    pub(crate) rule: Adam<E>,
    /// The direction.
    pub(crate) s: *mut E,
    /// What it was divided by the root of.
    pub(crate) v: *const E,
    pub(crate) len: usize,
}

impl<E: Element> Vectorized<E> for Release<E> {
    type Output = ();

    /// The pointers are valid for `len` elements, which nothing else touches.
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = E>>(self) {
        let Self { rule, s, v, len } = self;
        let whole = len - len % L::N;
        // SAFETY: the indices are below `len`; the caller keeps to the rest.
        unsafe {
            for i in (0..whole).step_by(L::N) {
                let m = rule.first_moment(L::load(s.add(i)), L::load(v.add(i)));
                m.store(s.add(i));
            }
            for i in whole..len {
                let m = rule.first_moment(E::Single::load(s.add(i)), E::Single::load(v.add(i)));
                m.store(s.add(i));
            }
        }
    }
}

impl<E: Element> Direction<E, 2> for Adam<E> {
    const RECALLS_GRADIENT: bool = false;
    const RECALLS_BUFFERS: usize = 1;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let m = self.first_moment(s[0], s[1]);
            (s[0], s[1]) = self.moments(g, m, s[1]);
            self.decayed(w, self.ratio(s[0], s[1]))
        }
    }

    #[inline(always)]
    unsafe fn hold<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let d = self.update(w, g, s);
            s[0] = self.ratio(s[0], s[1]);
            d
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, _g: L, s: &[L; 2]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe { self.decayed(w, s[0]) }
    }
}

/// AMSGrad: `u ← max(u, v)`, and `u` in place of `v` in the direction.
impl<E: Element> Direction<E, 3> for Adam<E> {
    const RECALLS_GRADIENT: bool = false;
    const RECALLS_BUFFERS: usize = 1;

    #[inline(always)]
    unsafe fn update<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 3]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let m = self.first_moment(s[0], s[2]);
            (s[0], s[1]) = self.moments(g, m, s[1]);
            s[2] = s[2].max(s[1]);
            self.decayed(w, self.ratio(s[0], s[2]))
        }
    }

    #[inline(always)]
    unsafe fn hold<L: Lanes<Element = E>>(&self, w: L, g: L, s: &mut [L; 3]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            let d = self.update(w, g, s);
            s[0] = self.ratio(s[0], s[2]);
            d
        }
    }

    #[inline(always)]
    unsafe fn recall<L: Lanes<Element = E>>(&self, w: L, _g: L, s: &[L; 3]) -> L {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe { self.decayed(w, s[0]) }
    }
}
