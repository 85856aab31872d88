//! Where the numbers of a block lie.

/// Where a block lies: its weights, gradients and up to three buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<E> {
    pub(crate) w: *mut E,
    pub(crate) g: *const E,
    pub(crate) s: [*mut E; 3],
    pub(crate) len: usize,
}
