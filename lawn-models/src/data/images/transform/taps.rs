//! Which input pixels an output pixel is made of, and how much of each.

use std::ops::Range;

use super::filter::Interpolation;

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
    /// Those of the output pixels `start..start + count` of `to`, where `extent` of `from` input
    /// pixels is resized to `to`.
    pub(super) fn new(
        from: usize,
        extent: [f64; 2],
        to: usize,
        [start, count]: [usize; 2],
        interpolation: Interpolation,
    ) -> Self {
        let scale = (extent[1] - extent[0]) / to as f64;
        let grown = scale.max(1.0);
        let reach = interpolation.support() * grown;
        let most = reach.ceil() as usize * 2 + 1;
        let mut taps = Self {
            starts: Vec::with_capacity(count),
            counts: Vec::with_capacity(count),
            most,
            weights: vec![0; count * most],
        };
        let mut exact = vec![0.0; most];
        for place in 0..count {
            let centre = extent[0] + ((start + place) as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let last = ((centre + reach + 0.5) as usize).min(from);
            let mut sum = 0.0;
            for (tap, weight) in exact[..last - first].iter_mut().enumerate() {
                let distance = ((tap + first) as f64 - centre + 0.5) * (1.0 / grown);
                *weight = interpolation.weight(distance);
                sum += *weight;
            }
            let weights = &mut taps.weights[place * most..][..last - first];
            for (weight, exact) in weights.iter_mut().zip(&exact) {
                // To the nearest integer, ties away from 0.
                *weight = (exact / sum * f64::from(1 << BITS)).round() as i32;
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

    /// The input pixels that all of them are made of.
    pub(super) fn span(&self) -> Range<usize> {
        let last = self.starts.len() - 1;
        self.starts[0]..self.starts[last] + self.counts[last]
    }
}
