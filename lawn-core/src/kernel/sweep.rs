//! The sweeps over one block of memory.

use std::ops::AddAssign;

use super::direction::{Adam, Direction, Momentum, Nesterov, Plain};
use super::isa::{Isa, Vectorized};
use super::lanes::{Element, Lanes};
use super::memory::Block;

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

/// Bytes of a cache line.
const LINE: usize = 64;

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
    /// Bytes of each array that are asked for at a time.
    const GROUP: usize = if UPDATE { LINE } else { 4 * LINE };
    /// Whether it looks at the buffers.
    const BUFFERS: bool = UPDATE || MOVE;

    /// Asks for the memory that is needed soon after the group that starts at `i`.
    #[inline(always)]
    fn prefetch(&self, i: usize) {
        let ahead = i.wrapping_add(AHEAD / size_of::<E>());
        if Self::GRADIENT {
            Self::prefetch_group(self.block.g.wrapping_add(ahead));
        }
        if Self::WEIGHT {
            Self::prefetch_group(self.block.w.wrapping_add(ahead));
        }
        if Self::BUFFERS {
            for s in &self.block.s[..B] {
                Self::prefetch_group(s.wrapping_add(ahead));
            }
        }
    }

    /// Asks for the lines of a group, which need not exist.
    #[inline(always)]
    fn prefetch_group(group: *const E) {
        #[cfg(target_arch = "x86_64")]
        for line in 0..Self::GROUP / LINE {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let line = group.cast::<i8>().wrapping_add(line * LINE);
            // SAFETY: a hint about an address is no access to it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = group;
    }

    /// The loop over `start..end`, whose length is a multiple of `L::N`.
    #[inline(always)]
    unsafe fn range<L: Lanes<Element = E>>(&self, start: usize, end: usize) -> Sums {
        // SAFETY: the indices stay within start..end, for which the pointers
        // are valid, says the caller; and so are the instructions of L there.
        unsafe {
            let factors = Splat {
                kappa: L::splat(E::from_f64(self.factors.kappa)),
                alpha: L::splat(E::from_f64(self.factors.alpha)),
                p: L::splat(E::from_f64(self.factors.p)),
                q: L::splat(E::from_f64(self.factors.q)),
            };
            let mut sums = [L::zero(); 5];
            let group = Self::GROUP.max(size_of::<E>() * L::N) / size_of::<E>();
            let groups = (end - start) / group;
            for first in (start..start + groups * group).step_by(group) {
                self.prefetch(first);
                for vector in 0..group / L::N {
                    self.vector(first + vector * L::N, &factors, &mut sums);
                }
            }
            for i in (start + groups * group..end).step_by(L::N) {
                self.vector(i, &factors, &mut sums);
            }
            let [ww, wg, gg, wd, dd] = sums;
            Sums {
                ww: L::total(ww),
                wg: L::total(wg),
                gg: L::total(gg),
                wd: L::total(wd),
                dd: L::total(dd),
            }
        }
    }

    /// One vector, that at `i`.
    #[inline(always)]
    unsafe fn vector<L: Lanes<Element = E>>(
        &self,
        i: usize,
        factors: &Splat<L>,
        [ww, wg, gg, wd, dd]: &mut [L::Sum; 5],
    ) {
        let Block {
            w: w_at,
            g: g_at,
            s: s_at,
            ..
        } = self.block;
        // SAFETY: the pointers are valid there, and the instructions of L are,
        // says the caller.
        unsafe {
            let g = if Self::GRADIENT {
                L::load(g_at.add(i))
            } else {
                L::splat(E::default())
            };
            if SUM & G > 0 {
                *gg = g.dot(g, *gg);
            }
            if Self::WEIGHT {
                let w = L::load(w_at.add(i));
                if SUM & W > 0 {
                    *ww = w.dot(w, *ww);
                    *wg = w.dot(g, *wg);
                }
                if Self::BUFFERS {
                    let mut s = [g; B];
                    for (k, s) in s.iter_mut().enumerate() {
                        *s = L::load(s_at[k].add(i));
                    }
                    let g = w.mul_add(factors.alpha, g.mul(factors.kappa));
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
                        *wd = w.dot(d, *wd);
                        *dd = d.dot(d, *dd);
                    }
                    if MOVE {
                        w.mul_add(factors.p, d.mul(factors.q)).store(w_at.add(i));
                    }
                }
            }
        }
    }
}

/// The factors of a unit in every lane.
struct Splat<L> {
    kappa: L,
    alpha: L,
    p: L,
    q: L,
}
