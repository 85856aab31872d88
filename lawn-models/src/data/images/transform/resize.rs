//! Resizing with antialiasing, bit by bit as PIL does it.
//!
//! ```text
//! s = max(in/out, 1)                               the filter f grows where the image shrinks
//! c_i = (i + 1/2)·in/out                           centre of output pixel i
//! w_ij ∝ f((j + 1/2 − c_i)/s)                      over input pixels j, Σ_j w_ij = 1
//! y_i = Σ_j w_ij x_j
//! ```
//! Rows first, then columns, each rounded to a byte; weights are integers of 22 bits.
//!
//! Source: Pillow 13.0, `src/libImaging/Resample.c`.

use std::ops::Range;

use super::filter::Interpolation;
use super::kernels::{along_rows, down_columns};
use super::taps::Taps;
use crate::data::images::image::{CHANNELS, Image, PixelRows, Region};

/// Pixels, and what of them becomes an image.
#[derive(Clone, Copy)]
pub(super) struct Extent<'a> {
    pub(super) pixels: PixelRows<'a>,
    /// From where to where, in pixels and parts of one.
    pub(super) x: [f64; 2],
    pub(super) y: [f64; 2],
}

impl<'a> Extent<'a> {
    /// All of them.
    pub(super) fn whole(pixels: PixelRows<'a>) -> Self {
        Self {
            pixels,
            x: [0.0, pixels.width as f64],
            y: [0.0, pixels.height as f64],
        }
    }
}

/// The part `window` of `from` resized to `[height, width]`, into `to`. `rows` is memory for what
/// is resized in x alone.
///
/// # Panics
/// If the window is not within that.
pub(super) fn resize(
    from: Extent<'_>,
    [height, width]: [usize; 2],
    window: Region,
    interpolation: Interpolation,
    rows: &mut Vec<u8>,
    to: &mut Image,
) {
    assert!(window.left + window.width <= width && window.top + window.height <= height);
    let Extent { pixels, x, y } = from;
    let is_as_wide = pixels.width == width && x == [0.0, width as f64];
    let is_as_high = pixels.height == height && y == [0.0, height as f64];
    let taps = |from, extent, to, range| Taps::new(from, extent, to, range, interpolation);
    let across = taps(pixels.width, x, width, [window.left, window.width]);
    let down = taps(pixels.height, y, height, [window.top, window.height]);
    // Rows that the window is made of, and no others.
    let Range { start: first, end } = if is_as_high {
        window.top..window.top + window.height
    } else {
        down.span()
    };
    let stride = window.width * CHANNELS;
    (to.height, to.width) = (window.height, window.width);
    to.bytes.resize(window.height * stride, 0);
    let resized = if is_as_high {
        &mut to.bytes
    } else {
        rows.resize((end - first) * stride, 0);
        &mut *rows
    };
    let needed = pixels.part(Region {
        left: 0,
        top: first,
        width: pixels.width,
        height: end - first,
    });
    if is_as_wide {
        for (y, row) in resized.chunks_exact_mut(stride).enumerate() {
            row.copy_from_slice(&needed.row(y)[window.left * CHANNELS..][..stride]);
        }
    } else {
        along_rows(needed, &across, resized);
    }
    if !is_as_high {
        down_columns(rows, stride, first, &down, &mut to.bytes);
    }
}

/// As [`resize`], of a whole image.
pub(super) fn resized(
    image: &Image,
    size: [usize; 2],
    window: Region,
    interpolation: Interpolation,
) -> Image {
    let mut to = Image::default();
    let from = Extent::whole(image.pixels());
    resize(from, size, window, interpolation, &mut Vec::new(), &mut to);
    to
}
