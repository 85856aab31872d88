//! Bilinear resizing with antialiasing, bit by bit as PIL does it.
//!
//! ```text
//! s = max(in/out, 1)                               the filter grows where the image shrinks
//! c_i = (i + 1/2)·in/out                           centre of output pixel i
//! w_ij ∝ max(0, 1 − |j + 1/2 − c_i|/s)             over input pixels j, Σ_j w_ij = 1
//! y_i = Σ_j w_ij x_j
//! ```
//! Rows first, then columns, each rounded to a byte; weights are integers of 22 bits.
//!
//! Source: Pillow 13.0, `src/libImaging/Resample.c`.

use super::kernels::{along_rows, down_columns};
use crate::data::images::image::{CHANNELS, Image, Region};

/// Bits of a weight.
pub(super) const BITS: u32 = 22;

/// The input pixels that an output pixel is made of, and their weights.
pub(super) struct Taps {
    /// First input pixel, for each output pixel.
    starts: Vec<usize>,
    /// How many, for each output pixel.
    counts: Vec<usize>,
    /// Room for weights of one output pixel.
    most: usize,
    /// `[output, most]`.
    weights: Vec<i32>,
}

impl Taps {
    /// Those of the output pixels `start..start + count` of `to`, where `from` are resized to
    /// `to`.
    pub(super) fn new(from: usize, to: usize, start: usize, count: usize) -> Self {
        let scale = from as f64 / to as f64;
        let grown = scale.max(1.0);
        let most = grown.ceil() as usize * 2 + 1;
        let mut taps = Self {
            starts: Vec::with_capacity(count),
            counts: Vec::with_capacity(count),
            most,
            weights: vec![0; count * most],
        };
        let mut exact = vec![0.0; most];
        for place in 0..count {
            let centre = ((start + place) as f64 + 0.5) * scale;
            let first = (centre - grown + 0.5).max(0.0) as usize;
            let last = ((centre + grown + 0.5) as usize).min(from);
            let mut sum = 0.0;
            for (tap, weight) in exact[..last - first].iter_mut().enumerate() {
                let distance = ((tap + first) as f64 - centre + 0.5) * (1.0 / grown);
                *weight = (1.0 - distance.abs()).max(0.0);
                sum += *weight;
            }
            let weights = &mut taps.weights[place * most..][..last - first];
            for (weight, exact) in weights.iter_mut().zip(&exact) {
                *weight = (0.5 + exact / sum * f64::from(1 << BITS)) as i32;
            }
            taps.starts.push(first);
            taps.counts.push(last - first);
        }
        taps
    }

    /// Output pixels.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// First input pixel, and weights, of an output pixel.
    pub(super) fn of(&self, place: usize) -> (usize, &[i32]) {
        let weights = &self.weights[place * self.most..][..self.counts[place]];
        (self.starts[place], weights)
    }
}

/// The part `window` of `image` resized to `[height, width]`.
///
/// # Panics
/// If the window is not within that.
pub(super) fn resize(image: &Image, [height, width]: [usize; 2], window: Region) -> Image {
    assert!(window.left + window.width <= width && window.top + window.height <= height);
    let across = Taps::new(image.width, width, window.left, window.width);
    let down = Taps::new(image.height, height, window.top, window.height);
    // Rows that the window is made of, and no others.
    let last = window.height - 1;
    let (first, end) = if image.height == height {
        (window.top, window.top + window.height)
    } else {
        (down.starts[0], down.starts[last] + down.counts[last])
    };
    let mut rows = vec![0; (end - first) * window.width * CHANNELS];
    let stride = image.width * CHANNELS;
    if image.width == width {
        let rows = rows.chunks_exact_mut(window.width * CHANNELS);
        for (to, from) in rows.zip(image.bytes[first * stride..].chunks_exact(stride)) {
            to.copy_from_slice(&from[window.left * CHANNELS..][..window.width * CHANNELS]);
        }
    } else {
        along_rows(
            &image.bytes[first * stride..end * stride],
            stride,
            &across,
            &mut rows,
        );
    }
    let bytes = if image.height == height {
        rows
    } else {
        let mut bytes = vec![0; window.height * window.width * CHANNELS];
        let stride = window.width * CHANNELS;
        down_columns(&rows, stride, first, &down, &mut bytes);
        bytes
    };
    Image {
        height: window.height,
        width: window.width,
        bytes,
    }
}
