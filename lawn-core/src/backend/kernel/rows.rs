//! Some rows of a table, walked through where they lie.

use super::block::Block;
use super::dispatch::Kernel;
use super::isa::Isa;
use super::lanes::Element;
use super::memory::Memory;
use super::pass::{Factors, Pass, Sums};
use super::scalars::Outcome;

/// Where some rows of a table lie, or a part of them.
///
/// Elements are counted row after row, as if the rows were a table of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowBlock<E> {
    /// The weights and buffers of the whole table, and the gradients of the rows alone.
    pub(crate) table: Block<E>,
    /// Which rows these are, each once.
    pub(crate) rows: *const i64,
    pub(crate) columns: usize,
    /// The first element of the part.
    pub(crate) start: usize,
    /// How many elements the part has.
    pub(crate) len: usize,
}

impl<E: Element> Memory for RowBlock<E> {
    type Element = E;

    fn len(&self) -> usize {
        self.len
    }

    unsafe fn part(&self, start: usize, len: usize) -> Self {
        Self {
            start: self.start + start,
            len,
            ..*self
        }
    }

    unsafe fn pass(&self, isa: Isa, kernel: &Kernel<E>, pass: Pass, factors: &Factors) -> Sums {
        let Block { w, g, s, .. } = self.table;
        let mut outcome = Outcome {
            factors: *factors,
            ..Outcome::default()
        };
        let (mut at, end) = (self.start, self.start + self.len);
        while at < end {
            let (row, column) = (at / self.columns, at % self.columns);
            let len = (self.columns - column).min(end - at);
            // SAFETY: the caller gives rows of the table, so that the elements from `column` on
            // lie within one of them, and pointers that are valid for all of the table. Pointers
            // of absent buffers are null and are only ever moved.
            unsafe {
                let place = *self.rows.add(row) as usize * self.columns + column;
                let block = Block {
                    w: w.add(place),
                    g: g.add(at),
                    s: s.map(|s| s.wrapping_add(place)),
                    len,
                };
                kernel.units(isa, pass, block, std::slice::from_mut(&mut outcome));
            }
            at += len;
        }
        outcome.sums
    }
}
