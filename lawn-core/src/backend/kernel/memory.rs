//! Memory of a parameter, over which passes run.

use super::block::Block;
use super::dispatch::Kernel;
use super::isa::Isa;
use super::lanes::Element;
use super::pass::{Factors, Pass, Sums};
use super::scalars::Outcome;

/// Elements of a block: so many that a task costs more than to claim it. Sums are taken by
/// block, so this number decides their last bits.
pub(super) const BLOCK: usize = 16 * 1024;

/// Memory of a parameter, or of a part of it, over which passes run.
pub(crate) trait Memory: Copy + std::fmt::Debug {
    /// What is computed in.
    type Element: Element;

    /// How many elements it has.
    fn len(&self) -> usize;

    /// The part that starts `start` elements on and has `len`.
    ///
    /// # Safety
    ///
    /// `start + len` is at most the length of this.
    unsafe fn part(&self, start: usize, len: usize) -> Self;

    /// One pass over all of it.
    ///
    /// # Safety
    ///
    /// The pointers are valid for its length, those of the buffers as far as the
    /// rule has them; no other thread touches what is written, and none of the
    /// memory is written through two of the pointers.
    unsafe fn pass(
        &self,
        isa: Isa,
        kernel: &Kernel<Self::Element>,
        pass: Pass,
        factors: &Factors,
    ) -> Sums;

    /// One pass over each unit, which are as many as `outcomes`, with the factors of its outcome; what
    /// is found is added to its sums.
    ///
    /// # Safety
    ///
    /// As [`pass`](Self::pass).
    unsafe fn units(
        &self,
        isa: Isa,
        kernel: &Kernel<Self::Element>,
        pass: Pass,
        outcomes: &mut [Outcome],
    ) {
        let len = self.len() / outcomes.len().max(1);
        for (unit, outcome) in outcomes.iter_mut().enumerate() {
            // SAFETY: the caller keeps to the same conditions, and a unit lies within this.
            outcome.sums += unsafe {
                let unit = self.part(unit * len, len);
                unit.pass(isa, kernel, pass, &outcome.factors)
            };
        }
    }

    /// [`Pass::Move`] over this beside another pass over another; the sums of
    /// the other.
    ///
    /// # Safety
    ///
    /// As [`pass`](Self::pass), for both.
    unsafe fn pair(
        &self,
        isa: Isa,
        kernel: &Kernel<Self::Element>,
        factors: &Factors,
        (next, next_kernel, pass, next_factors): (Self, &Kernel<Self::Element>, Pass, &Factors),
    ) -> Sums {
        // SAFETY: the caller keeps to the same conditions.
        unsafe {
            self.pass(isa, kernel, Pass::Move, factors);
            next.pass(isa, next_kernel, pass, next_factors)
        }
    }
}

impl<E: Element> Memory for Block<E> {
    type Element = E;

    fn len(&self) -> usize {
        self.len
    }

    unsafe fn part(&self, start: usize, len: usize) -> Self {
        // An absent buffer's pointer is null and is only ever moved.
        let s = self.s.map(|s| s.wrapping_add(start));
        // SAFETY: the caller asks for a part of the block.
        unsafe {
            Self {
                w: self.w.add(start),
                g: self.g.add(start),
                s,
                len,
            }
        }
    }

    unsafe fn pass(&self, isa: Isa, kernel: &Kernel<E>, pass: Pass, factors: &Factors) -> Sums {
        // SAFETY: the caller keeps to the same conditions.
        unsafe { kernel.pass(isa, pass, factors, *self) }
    }

    unsafe fn units(&self, isa: Isa, kernel: &Kernel<E>, pass: Pass, outcomes: &mut [Outcome]) {
        // SAFETY: the caller keeps to the same conditions.
        unsafe { kernel.units(isa, pass, *self, outcomes) }
    }

    unsafe fn pair(
        &self,
        isa: Isa,
        kernel: &Kernel<E>,
        factors: &Factors,
        (next, next_kernel, pass, next_factors): (Self, &Kernel<E>, Pass, &Factors),
    ) -> Sums {
        let next = (next_kernel, pass, next_factors, next);
        // SAFETY: the caller keeps to the same conditions.
        unsafe { kernel.pair(isa, (factors, *self), next) }
    }
}
