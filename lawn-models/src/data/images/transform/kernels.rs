//! The loops of resizing, compiled for what every processor has and for AVX2.

use super::taps::{BITS, Taps};
use crate::data::images::image::{CHANNELS, PixelRows};

/// Rows that are taken together: their values at one place are summed at once.
const ROWS: usize = 16;

/// Values of a row that are summed at once.
const LANES: usize = 32;

/// Sums along rows; `to` has as many, without a gap between them.
pub(super) fn along_rows(from: PixelRows<'_>, taps: &Taps, to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn with_avx2(from: PixelRows<'_>, taps: &Taps, to: &mut [u8]) {
            rows(from, taps, to);
        }
        // SAFETY: the processor has AVX2.
        return unsafe { with_avx2(from, taps, to) };
    }
    rows(from, taps, to);
}

/// Sums down columns of rows of `stride` bytes, of which the first is the row `first` of the
/// image.
pub(super) fn down_columns(from: &[u8], stride: usize, first: usize, taps: &Taps, to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn with_avx2(from: &[u8], stride: usize, first: usize, taps: &Taps, to: &mut [u8]) {
            columns(from, stride, first, taps, to);
        }
        // SAFETY: the processor has AVX2.
        return unsafe { with_avx2(from, stride, first, taps, to) };
    }
    columns(from, stride, first, taps, to);
}

#[inline(always)]
fn rows(from: PixelRows<'_>, taps: &Taps, to: &mut [u8]) {
    let width = taps.len() * CHANNELS;
    let stride = from.width * CHANNELS;
    // Turned, so that the values of all rows at one place are neighbours.
    let mut block = vec![[0u8; ROWS]; stride];
    let mut out = vec![[0u8; ROWS]; width];
    for (part, to) in to.chunks_mut(width * ROWS).enumerate() {
        for number in 0..to.len() / width {
            for (column, &value) in block.iter_mut().zip(from.row(part * ROWS + number)) {
                column[number] = value;
            }
        }
        for (place, pixel) in out.chunks_exact_mut(CHANNELS).enumerate() {
            let (first, weights) = taps.of(place);
            let columns = &block[first * CHANNELS..][..weights.len() * CHANNELS];
            for (channel, values) in pixel.iter_mut().enumerate() {
                let mut sums = [1i32 << (BITS - 1); ROWS];
                for (column, &weight) in columns.chunks_exact(CHANNELS).zip(weights) {
                    for (sum, &value) in sums.iter_mut().zip(&column[channel]) {
                        *sum += i32::from(value) * weight;
                    }
                }
                for (value, sum) in values.iter_mut().zip(sums) {
                    *value = byte(sum);
                }
            }
        }
        for (number, row) in to.chunks_exact_mut(width).enumerate() {
            for (value, column) in row.iter_mut().zip(&out) {
                *value = column[number];
            }
        }
    }
}

#[inline(always)]
fn columns(from: &[u8], stride: usize, first: usize, taps: &Taps, to: &mut [u8]) {
    for (place, row) in to.chunks_exact_mut(stride).enumerate() {
        let (start, weights) = taps.of(place);
        let rows = &from[(start - first) * stride..];
        let (parts, rest) = row.as_chunks_mut::<LANES>();
        for (number, part) in parts.iter_mut().enumerate() {
            let mut sums = [1i32 << (BITS - 1); LANES];
            for (values, &weight) in rows[number * LANES..].chunks(stride).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(&values[..LANES]) {
                    *sum += i32::from(value) * weight;
                }
            }
            for (value, sum) in part.iter_mut().zip(sums) {
                *value = byte(sum);
            }
        }
        let done = stride - rest.len();
        for (number, value) in rest.iter_mut().enumerate() {
            let values = rows[done + number..].iter().step_by(stride);
            let products = values
                .zip(weights)
                .map(|(&value, &weight)| i32::from(value) * weight);
            *value = byte((1 << (BITS - 1)) + products.sum::<i32>());
        }
    }
}

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::super::filter::Interpolation;
    use super::*;

    /// What is compiled for every processor computes what is compiled for this one.
    #[test]
    fn the_kernels_agree() {
        for (height, width, to) in [(37, 29, 11), (5, 300, 7), (3, 4, 9), (2, 1, 3), (1, 70, 70)] {
            let stride = width * CHANNELS;
            let from: Vec<u8> = (0..height * stride)
                .map(|place| (place * 7_919 % 251) as u8)
                .collect();
            let filter = Interpolation::Bicubic;
            let taps = Taps::new(width, [0.0, width as f64], to, [0, to], filter);
            let mut across = [(); 2].map(|()| vec![0; height * to * CHANNELS]);
            let pixels = PixelRows::packed(&from, [height, width]);
            along_rows(pixels, &taps, &mut across[0]);
            rows(pixels, &taps, &mut across[1]);
            assert!(across[0] == across[1], "{width} to {to}");
            assert!(across[0].iter().any(|&value| value > 0));
            let taps = Taps::new(height, [0.0, height as f64], to, [0, to], filter);
            let mut down = [(); 2].map(|()| vec![0; to * stride]);
            down_columns(&from, stride, 0, &taps, &mut down[0]);
            columns(&from, stride, 0, &taps, &mut down[1]);
            assert!(down[0] == down[1] && down[0].iter().any(|&value| value > 0));
        }
    }
}
