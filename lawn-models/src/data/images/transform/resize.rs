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

use std::ops::Range;

use super::kernels::{along_rows, down_columns};
use super::taps::Taps;
use crate::data::images::image::{CHANNELS, Image, Region};

/// The part `window` of `image` resized to `[height, width]`.
///
/// # Panics
/// If the window is not within that.
pub(super) fn resize(image: &Image, [height, width]: [usize; 2], window: Region) -> Image {
    assert!(window.left + window.width <= width && window.top + window.height <= height);
    let across = Taps::new(image.width, width, window.left, window.width);
    let down = Taps::new(image.height, height, window.top, window.height);
    // Rows that the window is made of, and no others.
    let Range { start: first, end } = if image.height == height {
        window.top..window.top + window.height
    } else {
        down.span()
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
