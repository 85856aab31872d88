//! Operations that change colours.
//!
//! An enhancement goes from a lesser image through the one there is, and beyond where the factor
//! is above 1:
//! ```text
//! y = lesser + factor (x − lesser)                in f32, cut off to a byte
//! lesser = 0                                      brightness
//!          grey = (19595 r + 38470 g + 7471 b + 2¹⁵) / 2¹⁶    saturation
//!          mean of grey over the image            contrast
//!          x smoothed                             sharpness
//! ```
//! Source: Pillow 13.0, `ImageEnhance.py`, `ImageOps.py` and `src/libImaging/` (`Blend.c`,
//! `Convert.c`, `Filter.c`).

use crate::data::images::image::{CHANNELS, Image};

/// A new value for each value of each channel.
type Curves = [[u8; 256]; CHANNELS];

pub(super) fn brightness(image: &mut Image, factor: f64) {
    map(image, &[enhancement(0, factor as f32); CHANNELS]);
}

pub(super) fn contrast(image: &mut Image, factor: f64) {
    let (pixels, _) = image.bytes.as_chunks::<CHANNELS>();
    let sum: u64 = pixels.iter().map(|pixel| u64::from(grey(pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    map(image, &[enhancement(mean, factor as f32); CHANNELS]);
}

pub(super) fn saturation(image: &mut Image, factor: f64) {
    let (pixels, _) = image.bytes.as_chunks_mut::<CHANNELS>();
    for pixel in pixels {
        let grey = grey(pixel);
        *pixel = pixel.map(|value| enhanced(grey, value, factor as f32));
    }
}

pub(super) fn sharpness(image: &mut Image, factor: f64) {
    let smooth = smoothed(image);
    for (value, lesser) in image.bytes.iter_mut().zip(smooth) {
        *value = enhanced(lesser, *value, factor as f32);
    }
}

/// Keeps so many bits of each value.
pub(super) fn posterize(image: &mut Image, bits: u32) {
    let mask = !0u8 << (8 - bits);
    let curve = std::array::from_fn(|value| value as u8 & mask);
    map(image, &[curve; CHANNELS]);
}

/// Inverts values from `threshold` on.
pub(super) fn solarize(image: &mut Image, threshold: f64) {
    let curve = std::array::from_fn(|value| {
        if (value as f64) < threshold {
            value as u8
        } else {
            255 - value as u8
        }
    });
    map(image, &[curve; CHANNELS]);
}

/// Spreads each channel over all values.
pub(super) fn autocontrast(image: &mut Image) {
    let curves = histograms(image).map(|counts| {
        let has = |&value: &usize| counts[value] > 0;
        let least = (0..256).find(has).unwrap_or(0);
        let most = (0..256).rfind(has).unwrap_or(0);
        std::array::from_fn(|value| {
            if most <= least {
                return value as u8;
            }
            let scale = 255.0 / (most - least) as f64;
            let offset = -(least as f64) * scale;
            (value as f64 * scale + offset) as u8
        })
    });
    map(image, &curves);
}

/// Makes the values of each channel equally frequent.
pub(super) fn equalize(image: &mut Image) {
    let curves = histograms(image).map(|counts| {
        let last = counts.iter().rfind(|&&count| count > 0).unwrap_or(&0);
        let step = (counts.iter().sum::<u64>() - last) / 255;
        let mut sum = step / 2;
        std::array::from_fn(|value| {
            if step == 0 {
                return value as u8;
            }
            let level = (sum / step).min(255) as u8;
            sum += counts[value];
            level
        })
    });
    map(image, &curves);
}

fn map(image: &mut Image, curves: &Curves) {
    let (pixels, _) = image.bytes.as_chunks_mut::<CHANNELS>();
    for pixel in pixels {
        for (value, curve) in pixel.iter_mut().zip(curves) {
            *value = curve[usize::from(*value)];
        }
    }
}

/// How often each channel has each value.
fn histograms(image: &Image) -> [[u64; 256]; CHANNELS] {
    let mut counts = [[0; 256]; CHANNELS];
    let (pixels, _) = image.bytes.as_chunks::<CHANNELS>();
    for pixel in pixels {
        for (counts, &value) in counts.iter_mut().zip(pixel) {
            counts[usize::from(value)] += 1;
        }
    }
    counts
}

fn grey(pixel: &[u8; CHANNELS]) -> u8 {
    let [red, green, blue] = pixel.map(u32::from);
    ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8
}

fn enhancement(lesser: u8, factor: f32) -> [u8; 256] {
    std::array::from_fn(|value| enhanced(lesser, value as u8, factor))
}

/// `as` cuts off what no byte has.
fn enhanced(lesser: u8, value: u8, factor: f32) -> u8 {
    let (lesser, value) = (i32::from(lesser), i32::from(value));
    (lesser as f32 + factor * (value - lesser) as f32) as u8
}

/// Each pixel with its neighbours, five times as much of it as of each of them. The border stays.
fn smoothed(image: &Image) -> Vec<u8> {
    const KERNEL: [f32; 3] = [1.0 / 13.0, 5.0 / 13.0, 1.0 / 13.0];
    let (height, width, from) = (image.height, image.width, &image.bytes);
    let mut smooth = from.clone();
    if height < 3 || width < 3 {
        return smooth;
    }
    let stride = width * CHANNELS;
    let edge = [KERNEL[0]; 3];
    for y in 1..height - 1 {
        let row = |y: usize| &from[y * stride..][..stride];
        // From below, which is the order of the sums.
        let rows = [(row(y + 1), edge), (row(y), KERNEL), (row(y - 1), edge)];
        let to = &mut smooth[y * stride + CHANNELS..(y + 1) * stride - CHANNELS];
        for (place, value) in to.iter_mut().enumerate() {
            let mut sum = 0.5f32;
            for (row, kernel) in rows {
                let at = |pixel: usize| f32::from(row[place + pixel * CHANNELS]) * kernel[pixel];
                sum += at(0) + at(1) + at(2);
            }
            *value = sum as u8;
        }
    }
    smooth
}
