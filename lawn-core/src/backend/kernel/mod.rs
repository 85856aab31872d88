//! The fused kernels: built-in rules on parameters of the CPU, of f32, f64, f16 and bf16. Those
//! of 16 bits are f32 while they are computed with.
//!
//! A free step is one pass over memory. A constrained one, with the scalars of
//! [`scalars`] between them, is three:
//!
//! ```text
//! 1. ⟨w,w⟩, ⟨w,g⟩, ⟨g,g⟩           reads w, g
//! 2. buffers, ⟨w,d⟩, ⟨d,d⟩         reads w, g, s; writes s
//! 3. w ← p w + q d                 reads w, d; writes w
//! ```
//!
//! Where the constraint leaves the gradient as it is, nothing is needed before the buffers move: there
//! is no first pass, and the second takes the sums of both.
//!
//! Of a centred unit the first two sum `w` and `d` as well, and the third takes the means off by a
//! constant.
//!
//! `d` has no memory of its own. A momentum is the direction itself. With Adam, `d` takes the
//! place of the first moment, which the next step forms again. For Adam in f32 that is
//! 8 + 24 + 12 = 44 bytes a parameter, where the plain step has 28.
//!
//! A rule that may project its direction looks at all of its gradient first, and then takes one pass
//! or three; see [`radial`].
//!
//! Some rows of a table take a free step where they lie, without a look at the others.
//!
//! One thread takes a small unit through all passes, and units of a few elements many at a time: pass
//! by pass, so that none waits for the numbers of another. All threads together take the larger
//! ones, in waves. The last pass over a wave runs in one loop with the first over the next.

mod adagrad;
mod averaged;
mod block;
mod direction;
mod dispatch;
mod element;
mod format;
mod isa;
mod job;
mod lanes;
mod lion;
mod memory;
mod nadam;
mod narrow;
pub(crate) mod norms;
mod over;
mod pass;
mod piece;
mod pool;
mod radial;
mod rows;
mod runner;
mod scalars;
#[cfg(test)]
mod tests;
mod tuning;
pub(crate) mod width;
mod x86;

pub(crate) use averaged::AverageStep;
pub(crate) use block::Block;
pub(crate) use dispatch::Kernel;
pub(crate) use format::Format;
pub(crate) use isa::Isa;
pub(crate) use job::Job;
pub(crate) use lanes::Element;
pub(crate) use memory::Memory;
pub(crate) use narrow::NarrowBlock;
pub(crate) use pass::{Factors, Sums};
pub(crate) use rows::RowBlock;
pub(crate) use runner::Runner;
pub(crate) use scalars::{Outcome, Scalars};
