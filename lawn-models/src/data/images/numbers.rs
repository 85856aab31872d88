//! Random numbers that images are shown by.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::random;

/// Random numbers, as torchvision asks for them.
pub(super) trait Numbers {
    /// Uniform in [0, 1), a multiple of 2⁻²⁴, as `torch.rand` gives.
    fn unit(&mut self) -> f32;
    /// Uniform below `bound`, as `torch.randint` gives.
    fn below(&mut self, bound: usize) -> usize;
}

/// Numbers of a stream of ours.
pub(super) struct Drawn(pub(super) ChaCha8Rng);

impl Numbers for Drawn {
    fn unit(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    fn below(&mut self, bound: usize) -> usize {
        random::below(&mut self.0, bound)
    }
}
