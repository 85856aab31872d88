//! Parameters of 16 bits: f32 in the kernels, tile by tile.

use super::block::Block;
use super::dispatch::Kernel;
use super::format::Format;
use super::isa::Isa;
use super::memory::Memory;
use super::pass::{Factors, Order, Pass, Sums};

/// Elements that are converted at a time. Two tiles of so many f32 stay in the first cache of
/// a core, with the buffers beside them.
const TILE: usize = 1024;

/// Where a block of f16 or bf16 lies: its weights, gradients and up to three
/// buffers of f32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NarrowBlock {
    pub(crate) format: Format,
    /// The model's weights.
    pub(crate) w: *mut u16,
    /// The f32 copy on which the steps are taken; null where there is none.
    pub(crate) master: *mut f32,
    pub(crate) g: *const u16,
    pub(crate) s: [*mut f32; 3],
    pub(crate) len: usize,
}

impl Memory for NarrowBlock {
    type Element = f32;

    fn len(&self) -> usize {
        self.len
    }

    unsafe fn part(&self, start: usize, len: usize) -> Self {
        // SAFETY: the caller asks for a part of the block. Pointers of absent memory
        // are null and are only ever moved.
        let (w, g) = unsafe { (self.w.add(start), self.g.add(start)) };
        let master = if self.master.is_null() {
            self.master
        } else {
            self.master.wrapping_add(start)
        };
        Self {
            format: self.format,
            w,
            master,
            g,
            s: self.s.map(|s| s.wrapping_add(start)),
            len,
        }
    }

    unsafe fn pass(&self, isa: Isa, kernel: &Kernel<f32>, pass: Pass, factors: &Factors) -> Sums {
        let (mut w_tile, mut g_tile) = ([0.0; TILE], [0.0; TILE]);
        let tiles = self.len.div_ceil(TILE);
        let mut sums = Sums::default();
        for tile in 0..tiles {
            let start = TILE
                * match pass.order() {
                    Order::Forwards => tile,
                    Order::Backwards => tiles - 1 - tile,
                };
            let len = TILE.min(self.len - start);
            // SAFETY: a tile holds `len` numbers. The part is within this block, whose
            // pointers the caller gives as valid.
            unsafe {
                let part = self.part(start, len);
                if kernel.reads_gradient(pass) {
                    self.format.widen(isa, part.g, g_tile.as_mut_ptr(), len);
                }
                let w = if part.master.is_null() {
                    if pass != Pass::Square {
                        self.format.widen(isa, part.w, w_tile.as_mut_ptr(), len);
                    }
                    w_tile.as_mut_ptr()
                } else {
                    part.master
                };
                let wide = Block {
                    w,
                    g: g_tile.as_ptr(),
                    s: part.s,
                    len,
                };
                sums += kernel.pass(isa, pass, factors, wide);
                if pass.moves() {
                    self.format.narrow(isa, w, part.w, len);
                }
            }
        }
        sums
    }
}
