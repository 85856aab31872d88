//! One parameter in one step, and all passes over one of its units.

use super::dispatch::Kernel;
use super::isa::Isa;
use super::memory::{BLOCK, Memory};
use super::pass::{Factors, Order, Pass, Sums};
use super::scalars::{Held, Outcome, Scalars};

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
            (false, _) => Pass::BuffersAndSum,
        }
    }

    /// All passes over one unit.
    ///
    /// # Safety
    ///
    /// The unit's pointers are valid and nothing else touches them.
    pub(super) unsafe fn whole_unit(
        &self,
        isa: Isa,
        unit: M,
        (kappa, held): (f64, Held),
        all_sums: bool,
        outcome: &mut Outcome,
    ) {
        let Job {
            kernel,
            scalars,
            summed,
            ..
        } = self;
        let summed = *summed;
        // This goes block by block, so that the sums are those that several threads would take.
        let over = |pass: Pass, factors: &Factors| {
            let mut sums = Sums::default();
            let blocks = unit.len().div_ceil(BLOCK);
            for block in 0..blocks {
                let start = BLOCK
                    * match pass.order() {
                        Order::Forwards => block,
                        Order::Backwards => blocks - 1 - block,
                    };
                // SAFETY: the part is within the unit, whose pointers the caller gives as valid.
                sums += unsafe {
                    let block = unit.part(start, BLOCK.min(unit.len() - start));
                    block.pass(isa, kernel, pass, factors)
                };
            }
            sums
        };
        if scalars.needs_products() && !summed {
            outcome.sums = over(self.first_pass(), &Factors::default());
        }
        scalars.before(kappa, held.radius, outcome);
        if scalars.is_single_pass() {
            let known = summed || scalars.needs_products();
            let sums = over(one_pass(known, all_sums), &outcome.factors);
            if all_sums || !known {
                outcome.sums = sums;
            }
        } else {
            if !scalars.needs_products() {
                outcome.sums = Sums::default();
            }
            outcome.sums += over(self.second_pass(), &outcome.factors);
            scalars.after(held, outcome);
            over(Pass::Move, &outcome.factors);
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
