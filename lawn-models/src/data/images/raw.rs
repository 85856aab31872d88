//! Images of one size in memory, as generators and CIFAR give them.

use super::image::CHANNELS;

/// Images of one size with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawImages {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) classes: Vec<String>,
    /// `[N]`, indices into `classes`.
    pub(crate) labels: Vec<u32>,
    /// `[N, height, width, 3]`, 0 to 255.
    pub(crate) bytes: Vec<u8>,
}

impl RawImages {
    /// Bytes of one image, rows from the top.
    pub(crate) fn of(&self, index: usize) -> &[u8] {
        let size = self.height * self.width * CHANNELS;
        &self.bytes[index * size..][..size]
    }
}
