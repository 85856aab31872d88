//! A pass as one loop over a block, and two passes as one loop over two.

use super::block::Block;
use super::direction::Direction;
use super::isa::Vectorized;
use super::lanes::{Element, Lanes};
use super::memory::Memory;
use super::pass::{Factors, Sums};
use super::scalars::Outcome;

/// Sum `⟨g,g⟩`.
pub(super) const G: u8 = 1;
/// Sum `⟨w,w⟩` and `⟨w,g⟩`.
pub(super) const W: u8 = 2;
/// Sum `⟨w,d⟩` and `⟨d,d⟩`.
pub(super) const D: u8 = 4;
/// Sum `w` beside [`W`], and `d` beside [`D`].
pub(super) const C: u8 = 8;

/// How far ahead memory is asked for, in bytes. The machine itself looks ahead no further
/// than to the end of a page. More than half a page is far enough for it to look up the
/// address of the next page in time.
const AHEAD: usize = 2560;
/// The same for gradients. It is more, so that not all arrays come to a new page at once.
const GRADIENT_AHEAD: usize = 3584;

/// A pass as one loop. `SUM`: which sums, of [`G`], [`W`], [`D`], [`C`]. `UPDATE`:
/// writes the buffers. `MOVE`: writes the weights. `LET_GO`: asks what it looks
/// at for the last time to leave the caches.
pub(super) struct BlockLoop<
    'a,
    E,
    R,
    const B: usize,
    const SUM: u8,
    const UPDATE: bool,
    const MOVE: bool,
    const LET_GO: bool,
> {
    pub(super) direction: R,
    pub(super) factors: &'a Factors,
    pub(super) block: Block<E>,
}

/// The factors in every lane.
#[derive(Clone, Copy)]
struct Splat<L> {
    kappa: L,
    alpha: L,
    p: L,
    q: L,
    o: L,
}

impl<L: Lanes> Splat<L> {
    #[inline(always)]
    unsafe fn new(factors: &Factors) -> Self {
        // SAFETY: the caller has made sure of the instructions of L.
        let splat = |x| unsafe { L::splat(L::Element::from_f64(x)) };
        Self {
            kappa: splat(factors.kappa),
            alpha: splat(factors.alpha),
            p: splat(factors.p),
            q: splat(factors.q),
            o: splat(factors.o),
        }
    }
}

/// [`Sums`] lane by lane.
#[derive(Clone, Copy)]
struct Partial<L: Lanes> {
    ww: L::Sum,
    wg: L::Sum,
    gg: L::Sum,
    wd: L::Sum,
    dd: L::Sum,
    w: L::Sum,
    d: L::Sum,
}

impl<L: Lanes> Partial<L> {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller has made sure of the instructions of L.
        let zero = unsafe { L::zero() };
        Self {
            ww: zero,
            wg: zero,
            gg: zero,
            wd: zero,
            dd: zero,
            w: zero,
            d: zero,
        }
    }

    #[inline(always)]
    unsafe fn total(self) -> Sums {
        // SAFETY: the caller has made sure of the instructions of L.
        unsafe {
            Sums {
                ww: L::total(self.ww),
                wg: L::total(self.wg),
                gg: L::total(self.gg),
                wd: L::total(self.wd),
                dd: L::total(self.dd),
                w: L::total(self.w),
                d: L::total(self.d),
            }
        }
    }
}

/// A pass over each of the units of a block, which are as many as the outcomes.
pub(super) struct UnitsLoop<
    'a,
    E,
    R,
    const B: usize,
    const SUM: u8,
    const UPDATE: bool,
    const MOVE: bool,
    const LET_GO: bool,
> {
    pub(super) direction: R,
    pub(super) block: Block<E>,
    pub(super) outcomes: &'a mut [Outcome],
}

impl<E, R, const B: usize, const SUM: u8, const UPDATE: bool, const MOVE: bool, const LET_GO: bool>
    Vectorized<E> for UnitsLoop<'_, E, R, B, SUM, UPDATE, MOVE, LET_GO>
where
    E: Element,
    R: Direction<E, B>,
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = E>>(self) {
        let Self {
            direction,
            block,
            outcomes,
        } = self;
        let len = block.len / outcomes.len().max(1);
        for (unit, Outcome { factors, sums, .. }) in outcomes.iter_mut().enumerate() {
            // SAFETY: a unit lies within the block; the caller keeps to the rest.
            let found = unsafe {
                let unit = BlockLoop::<E, R, B, SUM, UPDATE, MOVE, LET_GO> {
                    direction,
                    factors,
                    block: block.part(unit * len, len),
                };
                unit.rest::<L>(0, Partial::zero())
            };
            if SUM > 0 {
                *sums += found;
            }
        }
    }
}

impl<E, R, const B: usize, const SUM: u8, const UPDATE: bool, const MOVE: bool, const LET_GO: bool>
    BlockLoop<'_, E, R, B, SUM, UPDATE, MOVE, LET_GO>
where
    E: Element,
    R: Direction<E, B>,
{
    /// Whether the loop looks at the gradient.
    const GRADIENT: bool = SUM & (G | W) > 0 || UPDATE || R::RECALLS_GRADIENT;
    /// Whether it looks at the weights.
    const WEIGHT: bool = SUM & W > 0 || UPDATE || MOVE;
    /// Whether it needs the direction.
    const DIRECTION: bool = UPDATE || MOVE;
    /// Whether it writes the buffers.
    const WRITES: bool = if R::UPDATES_LAST { MOVE } else { UPDATE };
    /// How many of the buffers, from the first on, it looks at.
    const BUFFERS: usize = if UPDATE || Self::WRITES {
        B
    } else if MOVE {
        R::RECALLS_BUFFERS
    } else {
        0
    };
    /// Whether it runs from the end, see [`Pass::order`](super::pass::Pass::order).
    const BACKWARDS: bool = UPDATE && !MOVE;
    /// Whether no pass after it looks at the gradient.
    const LAST_OF_GRADIENT: bool = MOVE || (UPDATE && !R::RECALLS_GRADIENT);

    /// Asks for the memory that is needed soon after that at `i`.
    #[inline(always)]
    fn prefetch(&self, i: usize) {
        let from = |ahead: usize| {
            let distance = ahead / size_of::<E>();
            if Self::BACKWARDS {
                i.wrapping_sub(distance)
            } else {
                i.wrapping_add(distance)
            }
        };
        if Self::GRADIENT {
            prefetch(
                self.block.g.wrapping_add(from(GRADIENT_AHEAD)),
                LET_GO && Self::LAST_OF_GRADIENT,
            );
        }
        if Self::WEIGHT {
            // The model soon looks at the weights again. Where they move in a pass of their
            // own, the next wave needs the caches more than the model does.
            prefetch(
                self.block.w.wrapping_add(from(AHEAD)),
                LET_GO && MOVE && !UPDATE,
            );
        }
        for (k, s) in self.block.s[..Self::BUFFERS].iter().enumerate() {
            let last = MOVE || k >= R::RECALLS_BUFFERS;
            prefetch(s.wrapping_add(from(AHEAD)), LET_GO && last);
        }
    }

    /// Where the `vector`th of `vectors` lies that the loop looks at.
    #[inline(always)]
    fn at<L: Lanes<Element = E>>(vector: usize, vectors: usize) -> usize {
        if Self::BACKWARDS {
            (vectors - 1 - vector) * L::N
        } else {
            vector * L::N
        }
    }

    /// The loop, of which `done` vectors are done, and their sums taken. What fills no vector is
    /// the first lanes of one.
    #[inline(always)]
    unsafe fn rest<L: Lanes<Element = E>>(&self, done: usize, mut sums: Partial<L>) -> Sums {
        let vectors = self.block.len / L::N;
        let whole = vectors * L::N;
        let rest = self.block.len - whole;
        // SAFETY: the indices are within the block; the caller keeps to the rest.
        unsafe {
            let factors = Splat::new(self.factors);
            for vector in done..vectors {
                self.vector::<L, true>(Self::at::<L>(vector, vectors), L::N, factors, &mut sums);
            }
            if rest > 0 {
                self.vector::<L, false>(whole, rest, factors, &mut sums);
            }
            sums.total()
        }
    }

    /// The `n` elements at `i`: `L::N` if it is a `WHOLE` vector, or fewer.
    #[inline(always)]
    unsafe fn vector<L: Lanes<Element = E>, const WHOLE: bool>(
        &self,
        i: usize,
        n: usize,
        factors: Splat<L>,
        sums: &mut Partial<L>,
    ) {
        self.prefetch(i);
        let load = |p: *const E| match WHOLE {
            // SAFETY: the caller gives pointers that are valid for these elements, and has made
            // sure of the instructions of L.
            true => unsafe { L::load(p) },
            // SAFETY: the same.
            false => unsafe { L::load_first(p, n) },
        };
        let store = |x: L, p: *mut E| match WHOLE {
            // SAFETY: the same.
            true => unsafe { x.store(p) },
            // SAFETY: the same.
            false => unsafe { x.store_first(p, n) },
        };
        let block = &self.block;
        // SAFETY: the caller gives pointers that are valid for these elements,
        // and has made sure of the instructions of L.
        unsafe {
            let g = if Self::GRADIENT {
                load(block.g.add(i))
            } else {
                L::splat(E::default())
            };
            if SUM & G > 0 {
                sums.gg = g.dot(g, sums.gg);
            }
            if !Self::WEIGHT {
                return;
            }
            let w = load(block.w.add(i));
            if SUM & W > 0 {
                sums.ww = w.dot(w, sums.ww);
                sums.wg = w.dot(g, sums.wg);
                if SUM & C > 0 {
                    sums.w = w.dot(L::splat(E::from_f64(1.0)), sums.w);
                }
            }
            if !Self::DIRECTION {
                return;
            }
            let mut s = [g; B];
            for (k, s) in s[..Self::BUFFERS].iter_mut().enumerate() {
                *s = load(block.s[k].add(i));
            }
            let g = w.mul_add(factors.alpha, g.mul(factors.kappa));
            let d = match (Self::WRITES, MOVE) {
                (true, true) => self.direction.update(w, g, &mut s),
                (true, false) => self.direction.hold(w, g, &mut s),
                (false, _) => self.direction.recall(w, g, &s),
            };
            if Self::WRITES {
                for (k, s) in s.iter().enumerate() {
                    store(*s, block.s[k].add(i));
                }
            }
            if SUM & D > 0 {
                // A rule may divide by what is 0 in the lanes beyond.
                let d = if WHOLE { d } else { d.first(n) };
                sums.wd = w.dot(d, sums.wd);
                sums.dd = d.dot(d, sums.dd);
                if SUM & C > 0 {
                    sums.d = d.dot(L::splat(E::from_f64(1.0)), sums.d);
                }
            }
            if MOVE {
                let step = d.mul_add(factors.q, factors.o);
                store(w.mul_add(factors.p, step), block.w.add(i));
            }
        }
    }
}

/// The last pass over one block beside an earlier pass over another, vector by vector. The
/// last pass computes on what the caches hold, while the memory for the other is on its way.
/// The sums are those of the other.
pub(super) struct Pair<
    'a,
    E,
    R,
    const B: usize,
    const SUM: u8,
    const UPDATE: bool,
    const LET_GO: bool,
> {
    pub(super) moved: BlockLoop<'a, E, R, B, 0, false, true, LET_GO>,
    pub(super) next: BlockLoop<'a, E, R, B, SUM, UPDATE, false, LET_GO>,
}

impl<E, R, const B: usize, const SUM: u8, const UPDATE: bool, const LET_GO: bool> Vectorized<E>
    for Pair<'_, E, R, B, SUM, UPDATE, LET_GO>
where
    E: Element,
    R: Direction<E, B>,
{
    type Output = Sums;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = E>>(self) -> Sums {
        let Self { moved, next } = self;
        let (of_moved, of_next) = (moved.block.len / L::N, next.block.len / L::N);
        let together = of_moved.min(of_next);
        // SAFETY: the indices are within both blocks; the caller keeps to the rest.
        unsafe {
            let factors = (Splat::new(moved.factors), Splat::new(next.factors));
            let (mut nothing, mut sums) = (Partial::zero(), Partial::zero());
            for vector in 0..together {
                let i = BlockLoop::<E, R, B, SUM, UPDATE, false, LET_GO>::at::<L>(vector, of_next);
                next.vector::<L, true>(i, L::N, factors.1, &mut sums);
                moved.vector::<L, true>(vector * L::N, L::N, factors.0, &mut nothing);
            }
            moved.rest::<L>(together, nothing);
            next.rest::<L>(together, sums)
        }
    }
}

/// Asks for the cache line at `p`, which need not exist. One to `let_go` of is kept out of
/// all caches but the first.
#[inline(always)]
fn prefetch<T>(p: *const T, let_go: bool) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint about an address is no access to it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_NTA, _MM_HINT_T0, _mm_prefetch};
        if let_go {
            _mm_prefetch::<_MM_HINT_NTA>(p.cast());
        } else {
            _mm_prefetch::<_MM_HINT_T0>(p.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (p, let_go);
}
