//! One parameter in one step, and all passes over one of its units.

use super::dispatch::Kernel;
use super::isa::Isa;
use super::memory::{BLOCK, Memory};
use super::pass::{Order, Pass, Sums};
use super::scalars::{Held, Outcome, Scalars};

/// Elements of the units that go through a pass together: four arrays of so many f32 stay in the first
/// cache of a core from one pass to the next.
const FIRST_CACHE: usize = 2048;

/// One parameter in one step.
#[derive(Debug)]
pub(crate) struct Job<'a, M: Memory> {
    pub(crate) block: M,
    /// Elements of a unit.
    pub(crate) unit_len: usize,
    pub(crate) kernel: Kernel<M::Element>,
    pub(crate) scalars: Scalars,
    /// Radius of each unit; empty in the free phase.
    pub(crate) radii: &'a [f64],
    /// What the constraint remembers of each unit; empty where it remembers nothing.
    pub(crate) memories: &'a [f64],
    /// Rows of the parameter, for a rule that tests them.
    pub(crate) rows: usize,
    /// Whether the first pass's sums are known.
    pub(crate) summed: bool,
}

// SAFETY: the pointers of a job are to memory that only the running step
// touches, in parts that only one task at a time does.
unsafe impl<M: Memory> Sync for Job<'_, M> {}

impl<M: Memory> Job<'_, M> {
    pub(super) fn units(&self) -> usize {
        self.block.len() / self.unit_len
    }

    pub(super) fn held(&self, unit: usize) -> Held {
        let of = |numbers: &[f64]| numbers.get(unit).copied().unwrap_or(0.0);
        Held {
            radius: of(self.radii),
            memory: of(self.memories),
        }
    }

    /// Whether a unit can move before anything is known about the whole of it.
    pub(super) fn is_one_pass(&self) -> bool {
        self.scalars.is_single_pass() && !self.scalars.needs_products()
    }

    /// Whether it leaves the direction in place of the first moment.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.kernel, Kernel::Adam(_) | Kernel::Amsgrad(_)) && !self.is_one_pass()
    }

    /// Whether its directions lose their radial part without a constraint.
    pub(crate) fn projects(&self) -> bool {
        self.scalars.projection.is_some()
    }

    /// The pass that finds what must be known before the buffers move.
    pub(super) fn first_pass(&self) -> Pass {
        match self.scalars.centred {
            true => Pass::CentredProducts,
            false => Pass::Products,
        }
    }

    /// The pass over the buffers, with what the first has not summed.
    pub(super) fn second_pass(&self) -> Pass {
        match (self.scalars.needs_products(), self.scalars.centred) {
            (true, true) => Pass::CentredBuffers,
            (true, false) => Pass::Buffers,
            (false, true) => Pass::CentredBuffersAndSum,
            (false, false) => Pass::BuffersAndSum,
        }
    }

    /// All passes over some units, from the `first` on; as many as `outcomes`.
    ///
    /// # Safety
    ///
    /// The pointers of the units are valid and nothing else touches them.
    pub(super) unsafe fn whole_units(
        &self,
        isa: Isa,
        units: M,
        first: usize,
        (kappa, all_sums): (f64, bool),
        outcomes: &mut [Outcome],
    ) {
        let together = (FIRST_CACHE / self.unit_len).max(1);
        for (index, outcomes) in outcomes.chunks_mut(together).enumerate() {
            let at = index * together;
            // SAFETY: these are some of the units that the caller gives.
            unsafe {
                let some = units.part(at * self.unit_len, outcomes.len() * self.unit_len);
                self.units_together(isa, some, first + at, (kappa, all_sums), outcomes);
            }
        }
    }

    /// The same, pass by pass: numbers of a unit do not wait for those of another.
    ///
    /// # Safety
    ///
    /// As [`whole_units`](Self::whole_units).
    unsafe fn units_together(
        &self,
        isa: Isa,
        units: M,
        first: usize,
        (kappa, all_sums): (f64, bool),
        outcomes: &mut [Outcome],
    ) {
        let Job {
            scalars, summed, ..
        } = self;
        let summed = *summed;
        let over = |pass: Pass, outcomes: &mut [Outcome]| {
            // SAFETY: the caller keeps to the same conditions.
            unsafe { self.over(isa, units, pass, outcomes) };
        };
        let forget = |outcomes: &mut [Outcome]| {
            for outcome in outcomes {
                outcome.sums = Sums::default();
            }
        };
        if scalars.needs_products() && !summed {
            forget(outcomes);
            over(self.first_pass(), outcomes);
        }
        for (unit, outcome) in outcomes.iter_mut().enumerate() {
            scalars.before(kappa, self.held(first + unit).radius, outcome);
        }
        if scalars.is_single_pass() {
            let known = summed || scalars.needs_products();
            if all_sums || !known {
                forget(outcomes);
            }
            over(one_pass(known, all_sums), outcomes);
        } else {
            if !scalars.needs_products() {
                forget(outcomes);
            }
            over(self.second_pass(), outcomes);
            for (unit, outcome) in outcomes.iter_mut().enumerate() {
                scalars.after(self.held(first + unit), outcome);
            }
            over(Pass::Move, outcomes);
        }
    }

    /// A pass over some units. A larger one goes block by block, so that the sums are those that
    /// several threads would take.
    ///
    /// # Safety
    ///
    /// As [`whole_units`](Self::whole_units).
    unsafe fn over(&self, isa: Isa, units: M, pass: Pass, outcomes: &mut [Outcome]) {
        let kernel = &self.kernel;
        if self.unit_len <= BLOCK {
            // SAFETY: the caller keeps to the same conditions.
            unsafe { units.units(isa, kernel, pass, outcomes) };
            return;
        }
        for (unit, outcome) in outcomes.chunks_mut(1).enumerate() {
            let blocks = self.unit_len.div_ceil(BLOCK);
            for block in 0..blocks {
                let start = BLOCK
                    * match pass.order() {
                        Order::Forwards => block,
                        Order::Backwards => blocks - 1 - block,
                    };
                // SAFETY: the part is within the unit, whose pointers the caller gives as valid.
                unsafe {
                    let len = BLOCK.min(self.unit_len - start);
                    let block = units.part(unit * self.unit_len + start, len);
                    block.units(isa, kernel, pass, outcome);
                }
            }
        }
    }
}

/// The pass that moves buffers and weights at once.
pub(super) fn one_pass(summed: bool, all_sums: bool) -> Pass {
    match (summed, all_sums) {
        (_, true) => Pass::StepAndSum,
        (true, false) => Pass::Step,
        (false, false) => Pass::StepAndSquare,
    }
}
