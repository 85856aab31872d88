//! The way from bytes to normalized values.

use super::image::{CHANNELS, Image};
use super::statistics::Statistics;

/// One entry a channel and byte value: no arithmetic is left for each pixel.
pub(crate) struct Table([[f32; 256]; CHANNELS]);

impl Table {
    /// Values less the mean of their channel, over its deviation.
    pub(crate) fn new(statistics: &Statistics) -> Self {
        Self(std::array::from_fn(|channel| {
            let (mean, deviation) = (statistics.mean[channel], statistics.deviation[channel]);
            std::array::from_fn(|byte| ((byte as f64 / 255.0 - mean) / deviation) as f32)
        }))
    }

    pub(crate) fn value(&self, channel: usize, byte: u8) -> f32 {
        self.0[channel][usize::from(byte)]
    }

    /// Writes an image to `target`, `[3, height, width]`.
    pub(crate) fn write(&self, image: &Image, target: &mut [f32]) {
        let area = image.height * image.width;
        let (pixels, _) = image.bytes.as_chunks::<CHANNELS>();
        for (channel, plane) in target.chunks_exact_mut(area).enumerate() {
            let values = &self.0[channel];
            for (value, pixel) in plane.iter_mut().zip(pixels) {
                *value = values[usize::from(pixel[channel])];
            }
        }
    }
}
