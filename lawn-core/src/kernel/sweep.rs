//! The sweeps over one block of memory.

use std::ops::AddAssign;

use super::direction::{Adam, Direction, Momentum, Nesterov, Plain};
use super::isa::{Isa, Vectorized};
use super::lanes::{Element, Lanes};
use super::memory::Block;
use super::pool::Order;

/// Inner products over some elements, in f64.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// `⟨w, w⟩`.
    pub(crate) ww: f64,
    /// `⟨w, g⟩`.
    pub(crate) wg: f64,
    /// `⟨g, g⟩`.
    pub(crate) gg: f64,
    /// `⟨w, d⟩`.
    pub(crate) wd: f64,
    /// `⟨d, d⟩`.
    pub(crate) dd: f64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.ww += other.ww;
        self.wg += other.wg;
        self.gg += other.gg;
        self.wd += other.wd;
        self.dd += other.dd;
    }
}

/// The factors of one unit in one step.
///
/// ```text
/// g̃ = κ g + α w        w ← p w + q d
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Factors {
    pub(crate) kappa: f64,
    pub(crate) alpha: f64,
    pub(crate) p: f64,
    pub(crate) q: f64,
}

/// What to do to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// `⟨w,w⟩, ⟨w,g⟩, ⟨g,g⟩`; writes nothing.
    Products,
    /// `⟨g,g⟩`; writes nothing.
    Square,
    /// Buffers and weights at once; sums nothing.
    Step,
    /// Buffers and weights at once; `⟨g,g⟩`.
    StepAndSquare,
    /// Buffers and weights at once; all sums, with the weights as they were.
    StepAndSum,
    /// Buffers; `⟨w,d⟩, ⟨d,d⟩`.
    Buffers,
    /// Buffers; all sums.
    BuffersAndSum,
    /// Weights, from the buffers; sums nothing.
    Move,
}

impl Sweep {
    /// From which end it runs: the second of three sweeps runs backwards, so
    /// that it finds in the cache what the first has touched last, as the third
    /// does after it.
    pub(crate) fn order(self) -> Order {
        match self {
            Sweep::Buffers | Sweep::BuffersAndSum => Order::Backwards,
            _ => Order::Forwards,
        }
    }

    /// Whether it writes the weights.
    pub(crate) fn moves(self) -> bool {
        use Sweep::{Move, Step, StepAndSquare, StepAndSum};
        matches!(self, Step | StepAndSquare | StepAndSum | Move)
    }
}

/// A built-in rule with its numbers for one step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel<E> {
    Plain,
    Momentum(Momentum<E>),
    Nesterov(Nesterov<E>),
    Adam(Adam<E>),
    Amsgrad(Adam<E>),
}

impl<E: Element> Kernel<E> {
    /// Whether a sweep of this rule looks at the gradient.
    pub(crate) fn reads_gradient(&self, sweep: Sweep) -> bool {
        sweep != Sweep::Move || matches!(self, Kernel::Plain | Kernel::Nesterov(_))
    }

    /// One sweep over one block.
    ///
    /// # Safety
    ///
    /// The block's pointers are valid for its length, those of the buffers as
    /// far as the rule has them; no other thread touches what is written, and
    /// none of the memory is written through two of the pointers.
    pub(crate) unsafe fn sweep(
        &self,
        isa: Isa,
        sweep: Sweep,
        factors: &Factors,
        block: Block<E>,
    ) -> Sums {
        // SAFETY: passed on.
        unsafe {
            match *self {
                Kernel::Plain => one::<E, _, 0>(isa, Plain, sweep, factors, block),
                Kernel::Momentum(d) => one::<E, _, 1>(isa, d, sweep, factors, block),
                Kernel::Nesterov(d) => one::<E, _, 1>(isa, d, sweep, factors, block),
                Kernel::Adam(d) => one::<E, _, 2>(isa, d, sweep, factors, block),
                Kernel::Amsgrad(d) => one::<E, _, 3>(isa, d, sweep, factors, block),
            }
        }
    }
}

/// Sum `⟨g,g⟩`.
const G: u8 = 1;
/// Sum `⟨w,w⟩` and `⟨w,g⟩`.
const W: u8 = 2;
/// Sum `⟨w,d⟩` and `⟨d,d⟩`.
const D: u8 = 4;

/// # Safety
///
/// As [`Kernel::sweep`].
unsafe fn one<E: Element, R: Direction<E, B>, const B: usize>(
    isa: Isa,
    direction: R,
    sweep: Sweep,
    factors: &Factors,
    block: Block<E>,
) -> Sums {
    macro_rules! run {
        ($sum:expr, $update:literal, $move:literal) => {
            isa.run(Over::<E, R, B, { $sum }, $update, $move> {
                direction,
                factors,
                block,
            })
        };
    }
    // SAFETY: passed on.
    unsafe {
        match sweep {
            Sweep::Products => run!(G | W, false, false),
            Sweep::Square => run!(G, false, false),
            Sweep::Step => run!(0, true, true),
            Sweep::StepAndSquare => run!(G, true, true),
            Sweep::StepAndSum => run!(G | W | D, true, true),
            Sweep::Buffers => run!(D, true, false),
            Sweep::BuffersAndSum => run!(G | W | D, true, false),
            Sweep::Move => run!(0, false, true),
        }
    }
}

/// How far ahead memory is asked for, in bytes. The machine itself looks ahead
/// no further than to the end of a page; half a page is also far enough for the
/// address of the next page to be looked up in time.
const AHEAD: usize = 2048;

/// A sweep as one loop. `SUM`: which sums, of [`G`], [`W`], [`D`]. `UPDATE`:
/// writes the buffers. `MOVE`: writes the weights.
struct Over<'a, E, R, const B: usize, const SUM: u8, const UPDATE: bool, const MOVE: bool> {
    direction: R,
    factors: &'a Factors,
    block: Block<E>,
}

impl<E, R, const B: usize, const SUM: u8, const UPDATE: bool, const MOVE: bool> Vectorized<E>
    for Over<'_, E, R, B, SUM, UPDATE, MOVE>
where
    E: Element,
    R: Direction<E, B>,
{
    type Output = Sums;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = E>>(self) -> Sums {
        let whole = self.block.len - self.block.len % L::N;
        // SAFETY: both ranges are within the block; the rest as for the caller.
        unsafe {
            let mut sums = self.range::<L>(0, whole);
            if whole < self.block.len {
                sums += self.range::<E::Single>(whole, self.block.len);
            }
            sums
        }
    }
}

impl<E, R, const B: usize, const SUM: u8, const UPDATE: bool, const MOVE: bool>
    Over<'_, E, R, B, SUM, UPDATE, MOVE>
where
    E: Element,
    R: Direction<E, B>,
{
    /// Whether the loop looks at the gradient.
    const GRADIENT: bool = SUM & (G | W) > 0 || UPDATE || R::RECALLS_GRADIENT;
    /// Whether it looks at the weights.
    const WEIGHT: bool = SUM & W > 0 || UPDATE || MOVE;
    /// Whether it looks at the buffers.
    const BUFFERS: bool = UPDATE || MOVE;
    /// Whether it runs from the end, see [`Sweep::order`].
    const BACKWARDS: bool = UPDATE && !MOVE;

    /// Asks for the memory that is needed soon after that at `i`.
    #[inline(always)]
    fn prefetch(&self, i: usize) {
        let distance = AHEAD / size_of::<E>();
        let i = if Self::BACKWARDS {
            i.wrapping_sub(distance)
        } else {
            i.wrapping_add(distance)
        };
        if Self::GRADIENT {
            prefetch(self.block.g.wrapping_add(i));
        }
        if Self::WEIGHT {
            prefetch(self.block.w.wrapping_add(i));
        }
        if Self::BUFFERS {
            for s in &self.block.s[..B] {
                prefetch(s.wrapping_add(i));
            }
        }
    }

    /// The loop over `start..end`, whose length is a multiple of `L::N`.
    #[inline(always)]
    unsafe fn range<L: Lanes<Element = E>>(&self, start: usize, end: usize) -> Sums {
        let Block {
            w: w_at,
            g: g_at,
            s: s_at,
            ..
        } = self.block;
        // SAFETY: the indices stay within start..end, for which the pointers
        // are valid, says the caller; and so are the instructions of L there.
        unsafe {
            let kappa = L::splat(E::from_f64(self.factors.kappa));
            let alpha = L::splat(E::from_f64(self.factors.alpha));
            let p = L::splat(E::from_f64(self.factors.p));
            let q = L::splat(E::from_f64(self.factors.q));
            let mut ww = L::zero();
            let mut wg = L::zero();
            let mut gg = L::zero();
            let mut wd = L::zero();
            let mut dd = L::zero();
            for vector in 0..(end - start) / L::N {
                let i = if Self::BACKWARDS {
                    end - (vector + 1) * L::N
                } else {
                    start + vector * L::N
                };
                self.prefetch(i);
                let g = if Self::GRADIENT {
                    L::load(g_at.add(i))
                } else {
                    L::splat(E::default())
                };
                if SUM & G > 0 {
                    gg = g.dot(g, gg);
                }
                if Self::WEIGHT {
                    let w = L::load(w_at.add(i));
                    if SUM & W > 0 {
                        ww = w.dot(w, ww);
                        wg = w.dot(g, wg);
                    }
                    if Self::BUFFERS {
                        let mut s = [g; B];
                        for (k, s) in s.iter_mut().enumerate() {
                            *s = L::load(s_at[k].add(i));
                        }
                        let g = w.mul_add(alpha, g.mul(kappa));
                        let d = if UPDATE {
                            self.direction.update(w, g, &mut s)
                        } else {
                            self.direction.recall(w, g, &s)
                        };
                        if UPDATE {
                            for (k, s) in s.iter().enumerate() {
                                s.store(s_at[k].add(i));
                            }
                        }
                        if SUM & D > 0 {
                            wd = w.dot(d, wd);
                            dd = d.dot(d, dd);
                        }
                        if MOVE {
                            w.mul_add(p, d.mul(q)).store(w_at.add(i));
                        }
                    }
                }
            }
            Sums {
                ww: L::total(ww),
                wg: L::total(wg),
                gg: L::total(gg),
                wd: L::total(wd),
                dd: L::total(dd),
            }
        }
    }
}

/// Asks for the cache line at `p`, which need not exist.
#[inline(always)]
fn prefetch<T>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint about an address is no access to it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}
