//! The way from bytes to normalized values.

use std::mem::MaybeUninit;

use tch::Tensor;

use super::image::{CHANNELS, Image};
use super::moves::Move;
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

    /// The entries, one channel after another.
    pub(crate) fn tensor(&self) -> Tensor {
        Tensor::from_slice(self.0.as_flattened())
    }

    /// Writes an image, moved, to `target`, `[3, height, width]`.
    pub(crate) fn write(&self, image: &Image, moved: Move, target: &mut [MaybeUninit<f32>]) {
        let (height, width) = (image.height, image.width);
        let [down, right] = moved.shift.map(|shift| shift as isize);
        let (pixels, _) = image.bytes.as_chunks::<CHANNELS>();
        let planes = target.chunks_exact_mut(height * width);
        for (channel, (plane, entries)) in planes.zip(&self.0).enumerate() {
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                let Some(from) = y.checked_add_signed(-down).filter(|&y| y < height) else {
                    row.fill(MaybeUninit::new(0.0));
                    continue;
                };
                let from = &pixels[from * width..][..width];
                let entry = |pixel: &[u8; CHANNELS]| entries[usize::from(pixel[channel])];
                // Those that come from inside, and those that do not.
                let inside = width.saturating_sub(right.unsigned_abs());
                let (first, rest) = row.split_at_mut(right.max(0).min(width as isize) as usize);
                let (middle, last) = rest.split_at_mut(inside.min(rest.len()));
                first.fill(MaybeUninit::new(0.0));
                last.fill(MaybeUninit::new(0.0));
                let skipped = (-right).max(0) as usize;
                if moved.flip {
                    let from = from.iter().rev().skip(skipped);
                    for (value, pixel) in middle.iter_mut().zip(from) {
                        value.write(entry(pixel));
                    }
                } else {
                    let from = from.iter().skip(skipped);
                    for (value, pixel) in middle.iter_mut().zip(from) {
                        value.write(entry(pixel));
                    }
                }
            }
        }
    }
}
