//! The kernels, and the loop of each for each pass.

use super::adagrad::Adagrad;
use super::averaged::Averaged;
use super::block::Block;
use super::direction::{Adam, Direction, Momentum, Nesterov, Plain, Release};
use super::isa::Isa;
use super::lanes::Element;
use super::lion::Lion;
use super::nadam::Nadam;
use super::over::{BlockLoop, C, D, G, Pair, UnitsLoop, W};
use super::pass::{Factors, Pass, Sums};
use super::scalars::Outcome;

/// A direction with its numbers for one step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel<E> {
    Plain,
    Momentum(Momentum<E>),
    Nesterov(Nesterov<E>),
    Adam(Adam<E>),
    Amsgrad(Adam<E>),
    Adagrad(Adagrad<E>),
    Nadam(Nadam<E>),
    Lion(Lion<E>),
    Averaged(Averaged<E>),
}

impl<E: Element> Kernel<E> {
    /// Whether a pass of it looks at the gradient.
    pub(crate) fn reads_gradient(&self, pass: Pass) -> bool {
        pass != Pass::Move
            || matches!(
                self,
                Kernel::Plain
                    | Kernel::Nesterov(_)
                    | Kernel::Adagrad(_)
                    | Kernel::Nadam(_)
                    | Kernel::Lion(_)
                    | Kernel::Averaged(_)
            )
    }

    /// One pass over one block.
    ///
    /// # Safety
    ///
    /// The block's pointers are valid for its length, those of the buffers as
    /// far as the rule has them; no other thread touches what is written, and
    /// none of the memory is written through two of the pointers.
    pub(crate) unsafe fn pass(
        &self,
        isa: Isa,
        pass: Pass,
        factors: &Factors,
        block: Block<E>,
    ) -> Sums {
        let mut outcome = Outcome {
            factors: *factors,
            ..Outcome::default()
        };
        // SAFETY: the caller keeps to the same conditions.
        unsafe { self.units(isa, pass, block, std::slice::from_mut(&mut outcome)) };
        outcome.sums
    }

    /// One pass over each unit of a block, which are as many as `outcomes`, with the factors of its
    /// outcome; what is found is added to its sums.
    ///
    /// # Safety
    ///
    /// As [`pass`](Self::pass).
    pub(crate) unsafe fn units(
        &self,
        isa: Isa,
        pass: Pass,
        block: Block<E>,
        outcomes: &mut [Outcome],
    ) {
        // SAFETY: the caller keeps to the same conditions.
        unsafe {
            match *self {
                Kernel::Plain => each::<E, _, 0>(isa, Plain, pass, block, outcomes),
                Kernel::Momentum(d) => each::<E, _, 1>(isa, d, pass, block, outcomes),
                Kernel::Nesterov(d) => each::<E, _, 1>(isa, d, pass, block, outcomes),
                Kernel::Adam(d) => each::<E, _, 2>(isa, d, pass, block, outcomes),
                Kernel::Amsgrad(d) => each::<E, _, 3>(isa, d, pass, block, outcomes),
                Kernel::Adagrad(d) => each::<E, _, 1>(isa, d, pass, block, outcomes),
                Kernel::Nadam(d) => each::<E, _, 2>(isa, d, pass, block, outcomes),
                Kernel::Lion(d) => each::<E, _, 1>(isa, d, pass, block, outcomes),
                Kernel::Averaged(d) => each::<E, _, 2>(isa, d, pass, block, outcomes),
            }
        }
    }

    /// Forms the first moment again where the direction `s` is held in its place. It has the
    /// bits that the next step would give it. `s` was divided by the root of `v`.
    ///
    /// # Safety
    ///
    /// The pointers are valid for `len` elements, which nothing else touches.
    pub(crate) unsafe fn release(&self, isa: Isa, s: *mut E, v: *const E, len: usize) {
        if let Kernel::Adam(rule) | Kernel::Amsgrad(rule) = *self {
            // SAFETY: the caller keeps to the same conditions.
            unsafe { isa.run(Release { rule, s, v, len }) };
        }
    }

    /// [`Pass::Move`] over one block beside another pass over another block. Answers the sums
    /// of the other.
    ///
    /// # Safety
    ///
    /// As [`pass`](Self::pass), for both blocks.
    pub(crate) unsafe fn pair(
        &self,
        isa: Isa,
        (factors, moved): (&Factors, Block<E>),
        (kernel, pass, next_factors, next): (&Self, Pass, &Factors, Block<E>),
    ) -> Sums {
        macro_rules! pair {
            ($direction:expr, $next:expr, $buffers:literal) => {
                pair::<E, _, $buffers>(
                    isa,
                    ($direction, factors, moved),
                    ($next, pass, next_factors, next),
                )
            };
        }
        // SAFETY: the caller keeps to the same conditions.
        let pair = unsafe {
            match (*self, *kernel) {
                (Kernel::Plain, Kernel::Plain) => pair!(Plain, Plain, 0),
                (Kernel::Momentum(d), Kernel::Momentum(next)) => pair!(d, next, 1),
                (Kernel::Nesterov(d), Kernel::Nesterov(next)) => pair!(d, next, 1),
                (Kernel::Adam(d), Kernel::Adam(next)) => pair!(d, next, 2),
                (Kernel::Amsgrad(d), Kernel::Amsgrad(next)) => pair!(d, next, 3),
                (Kernel::Adagrad(d), Kernel::Adagrad(next)) => pair!(d, next, 1),
                (Kernel::Nadam(d), Kernel::Nadam(next)) => pair!(d, next, 2),
                (Kernel::Lion(d), Kernel::Lion(next)) => pair!(d, next, 1),
                (Kernel::Averaged(d), Kernel::Averaged(next)) => pair!(d, next, 2),
                _ => None,
            }
        };
        // SAFETY: the caller keeps to the same conditions.
        pair.unwrap_or_else(|| unsafe {
            self.pass(isa, Pass::Move, factors, moved);
            kernel.pass(isa, pass, next_factors, next)
        })
    }
}

/// # Safety
///
/// As [`Kernel::units`].
unsafe fn each<E: Element, R: Direction<E, B>, const B: usize>(
    isa: Isa,
    direction: R,
    pass: Pass,
    block: Block<E>,
    outcomes: &mut [Outcome],
) {
    macro_rules! run {
        ($sum:expr, $update:literal, $move:literal) => {
            if isa.lets_go() {
                run!($sum, $update, $move, true)
            } else {
                run!($sum, $update, $move, false)
            }
        };
        ($sum:expr, $update:literal, $move:literal, $let_go:literal) => {
            isa.run(UnitsLoop::<E, R, B, { $sum }, $update, $move, $let_go> {
                direction,
                block,
                outcomes,
            })
        };
    }
    // SAFETY: the caller keeps to the same conditions.
    unsafe {
        match pass {
            Pass::Products => run!(G | W, false, false),
            Pass::CentredProducts => run!(G | W | C, false, false),
            Pass::Square => run!(G, false, false),
            Pass::Step => run!(0, true, true),
            Pass::StepAndSquare => run!(G, true, true),
            Pass::StepAndSum => run!(G | W | D, true, true),
            Pass::Buffers => run!(D, true, false),
            Pass::CentredBuffers => run!(D | C, true, false),
            Pass::BuffersAndSum => run!(G | W | D, true, false),
            Pass::CentredBuffersAndSum => run!(G | W | D | C, true, false),
            Pass::Move => run!(0, false, true),
        }
    }
}

/// The same, of passes that have a loop for two.
///
/// # Safety
///
/// As [`Kernel::pair`].
unsafe fn pair<E: Element, R: Direction<E, B>, const B: usize>(
    isa: Isa,
    (direction, factors, moved): (R, &Factors, Block<E>),
    (next_direction, pass, next_factors, next): (R, Pass, &Factors, Block<E>),
) -> Option<Sums> {
    macro_rules! run {
        ($sum:expr, $update:literal) => {
            if isa.lets_go() {
                run!($sum, $update, true)
            } else {
                run!($sum, $update, false)
            }
        };
        ($sum:expr, $update:literal, $let_go:literal) => {
            isa.run(Pair::<E, R, B, { $sum }, $update, $let_go> {
                moved: BlockLoop {
                    direction,
                    factors,
                    block: moved,
                },
                next: BlockLoop {
                    direction: next_direction,
                    factors: next_factors,
                    block: next,
                },
            })
        };
    }
    // SAFETY: the caller keeps to the same conditions.
    Some(unsafe {
        match pass {
            Pass::Products => run!(G | W, false),
            Pass::Buffers => run!(D, true),
            Pass::BuffersAndSum => run!(G | W | D, true),
            _ => return None,
        }
    })
}
