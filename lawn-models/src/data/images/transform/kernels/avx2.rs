//! Sums along rows with AVX2: two rows at once, four pixels of each.
//!
//! A weight w of 22 bits is 2¹¹ h + l with h and l of 12 bits at most, so that a product with a byte
//! fits `_mm256_madd_epi16`, which multiplies pairs of 16 bits and adds them:
//! ```text
//! Σ w v = 2¹¹ Σ h v + Σ l v
//! ```

use std::arch::x86_64::*;

use super::super::taps::{BITS, Taps};
use super::byte;
use crate::data::images::image::{CHANNELS, PixelRows};

/// Pixels of a row that are multiplied at once.
const PIXELS: usize = 4;

/// Bytes that are read for them, of which the last four are not used.
const READ: usize = 16;

/// Bits of the lower part of a weight.
const LOW: u32 = BITS / 2;

/// The weights of four pixels: h and l of the first two, and of the others.
type Weights = [[i32; 2]; 2];

/// Sums along rows; `to` has as many, without a gap between them.
#[target_feature(enable = "avx2")]
pub(super) fn along_rows(from: PixelRows<'_>, taps: &Taps, to: &mut [u8]) {
    let (weights, groups) = grouped(taps);
    let width = taps.len() * CHANNELS;
    for (pair, to) in to.chunks_mut(2 * width).enumerate() {
        let first = from.row(2 * pair);
        let (to, second_to) = to.split_at_mut(width);
        // The last of an odd number is its own partner.
        let is_last = second_to.is_empty();
        let second = if is_last {
            first
        } else {
            from.row(2 * pair + 1)
        };
        let mut start = 0;
        for (place, &end) in groups.iter().enumerate() {
            let left = taps.of(place).0;
            let sums = sums([first, second], left * CHANNELS, &weights[start..end]);
            start = end;
            let at = place * CHANNELS;
            for channel in 0..CHANNELS {
                to[at + channel] = byte(sums[channel]);
                if !is_last {
                    second_to[at + channel] = byte(sums[4 + channel]);
                }
            }
        }
    }
}

/// The weights of each output pixel in groups of four pixels, and where those of each end.
fn grouped(taps: &Taps) -> (Vec<Weights>, Vec<usize>) {
    let (mut weights, mut ends) = (Vec::new(), Vec::with_capacity(taps.len()));
    for place in 0..taps.len() {
        for four in taps.of(place).1.chunks(PIXELS) {
            let of = |pixel: usize| four.get(pixel).copied().unwrap_or(0);
            let pair = |one: i32, other: i32| {
                // A weight is not negative, and all of them are 2²² in sum.
                let (high, low) = (|w: i32| w >> LOW, |w: i32| w & ((1 << LOW) - 1));
                [high(one) | high(other) << 16, low(one) | low(other) << 16]
            };
            weights.push([pair(of(0), of(1)), pair(of(2), of(3))]);
        }
        ends.push(weights.len());
    }
    (weights, ends)
}

/// Sums of one output pixel, rounded up by a half: three channels and nothing, of each row.
#[target_feature(enable = "avx2")]
fn sums(rows: [&[u8]; 2], start: usize, groups: &[Weights]) -> [i32; 8] {
    // Of four pixels r0 g0 b0 r1 …, the first two, and the others, channel by channel:
    // r0 r1 g0 g1 b0 b1 and zeros, each in 16 bits.
    let pairs = [0, 6].map(|at: i8| {
        let lane = [
            at,
            -1,
            at + 3,
            -1,
            at + 1,
            -1,
            at + 4,
            -1,
            at + 2,
            -1,
            at + 5,
            -1,
            -1,
            -1,
            -1,
            -1,
        ];
        let words: [i64; 2] = [0, 8].map(|half: usize| {
            i64::from_le_bytes(std::array::from_fn(|byte| lane[half + byte] as u8))
        });
        _mm256_setr_epi64x(words[0], words[1], words[0], words[1])
    });
    let (mut high, mut low) = (_mm256_setzero_si256(), _mm256_set1_epi32(1 << (BITS - 1)));
    for (number, group) in groups.iter().enumerate() {
        let at = start + number * PIXELS * CHANNELS;
        let pixels = _mm256_set_m128i(read(rows[1], at), read(rows[0], at));
        for (shuffle, &[of_high, of_low]) in pairs.iter().zip(group) {
            let pair = _mm256_shuffle_epi8(pixels, *shuffle);
            high = _mm256_add_epi32(high, _mm256_madd_epi16(pair, _mm256_set1_epi32(of_high)));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(pair, _mm256_set1_epi32(of_low)));
        }
    }
    let sums = _mm256_add_epi32(_mm256_slli_epi32::<{ LOW as i32 }>(high), low);
    let mut values = [0; 8];
    // SAFETY: there is room for eight values, and a place for them need not be aligned.
    unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), sums) };
    values
}

/// Bytes of a row from `at` on, and zeros beyond its end.
#[target_feature(enable = "avx2")]
fn read(row: &[u8], at: usize) -> __m128i {
    match row.get(at..at + READ) {
        // SAFETY: these are as many bytes as are read, and need not be aligned.
        Some(bytes) => unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) },
        None => end(row, at),
    }
}

#[cold]
#[target_feature(enable = "avx2")]
fn end(row: &[u8], at: usize) -> __m128i {
    let mut bytes = [0; READ];
    let rest = row.get(at..).unwrap_or_default();
    bytes[..rest.len()].copy_from_slice(rest);
    // SAFETY: as above.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
