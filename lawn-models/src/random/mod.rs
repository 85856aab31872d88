//! Random streams derived from a seed, a purpose and an epoch, and numbers that are computed from
//! their place.

mod counter;
mod permutation;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) use counter::{at, below_of};
pub(crate) use permutation::DevicePermutation;
pub(crate) use permutation::Permutation;

/// Version of what a seed draws: order, negatives and augmentation of the samples. Those of
/// version 1 were drawn one after the other. Those of 2 are computed each by itself, from the
/// seed, the epoch and their place.
///
/// A plan of one version is not trained with the samples of another.
pub const SAMPLES: u32 = 2;

/// What a stream is used for: two purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Initial weights.
    Weights,
    /// Order of the samples in an epoch.
    Order,
    /// Train negatives of an epoch.
    Negatives,
    /// Flips and crops of an epoch.
    Augmentation,
    /// Choice of held-out samples.
    Split,
    /// Negatives that evaluation ranks against.
    Evaluation,
    /// Generated data.
    Generation,
    /// What dropout and stochastic depth drop, a part for each layer.
    Dropout,
    /// How much of its partner a sample is mixed with in an epoch.
    Mixup,
    /// What an augmentation policy does to an image in an epoch.
    Policy,
}

impl Purpose {
    // Spelled out: the numbers are part of what a seed means.
    fn tag(self) -> u64 {
        match self {
            Self::Weights => 1,
            Self::Order => 2,
            Self::Negatives => 3,
            Self::Augmentation => 4,
            Self::Split => 5,
            Self::Evaluation => 6,
            Self::Generation => 7,
            Self::Dropout => 8,
            Self::Mixup => 9,
            Self::Policy => 10,
        }
    }
}

/// The stream for `(seed, purpose, index)`.
///
/// The three make up the key of ChaCha8 side by side, so that no two streams
/// coincide and zero is a seed like any other. `index` counts epochs, or parts
/// of a purpose.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.tag().to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// The stream for one sample of `(seed, purpose, index)`: what others draw does not move it.
pub(crate) fn sample_stream(seed: u64, purpose: Purpose, index: u64, sample: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.tag().to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    // 0 is the stream of all samples.
    key[24..].copy_from_slice(&(sample + 1).to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A uniform integer below `bound`, which must not be 0.
///
/// Written out rather than taken from a library, whose stream may change
/// between releases. The bias is below `bound / 2^64`.
pub(crate) fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// The bits of a fraction that an f64 holds exactly.
const FRACTION: u32 = 53;

/// A uniform number in [0, 1), a multiple of 2⁻⁵³.
pub(crate) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    unit_of(rng.next_u64())
}

/// The number in [0, 1) that the upper 53 of these bits make.
pub(crate) fn unit_of(bits: u64) -> f64 {
    shifted_unit(bits, 0.0)
}

/// A uniform number in (0, 1], which has a logarithm.
pub(crate) fn unit_above_zero(rng: &mut ChaCha8Rng) -> f64 {
    shifted_unit(rng.next_u64(), 1.0)
}

/// A uniform number in (0, 1], between the multiples of 2⁻⁵³; 1 by rounding alone.
pub(crate) fn unit_between(rng: &mut impl Rng) -> f64 {
    shifted_unit(rng.next_u64(), 0.5)
}

/// `(n + shift) / 2⁵³`, n the upper 53 of these bits.
fn shifted_unit(bits: u64, shift: f64) -> f64 {
    ((bits >> (64 - FRACTION)) as f64 + shift) / (1u64 << FRACTION) as f64
}

/// Permutes `items` uniformly (Fisher–Yates).
pub(crate) fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_in_each_part_of_their_key() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let base = first(0, Purpose::Order, 1);
        assert_eq!(base, first(0, Purpose::Order, 1));
        assert_ne!(base, first(1, Purpose::Order, 1));
        assert_ne!(base, first(0, Purpose::Negatives, 1));
        assert_ne!(base, first(0, Purpose::Order, 2));
    }

    #[test]
    fn each_sample_has_a_stream_of_its_own() {
        let first = |epoch, sample| sample_stream(0, Purpose::Order, epoch, sample).next_u64();
        assert_eq!(first(1, 7), first(1, 7));
        assert_ne!(first(1, 7), first(1, 8));
        assert_ne!(first(1, 7), first(2, 7));
        assert_ne!(first(1, 0), stream(0, Purpose::Order, 1).next_u64());
    }

    #[test]
    fn units_are_53_bits_within_their_bounds() {
        let most = u64::MAX;
        assert_eq!([unit_of(0), unit_of(1 << 63)], [0.0, 0.5]);
        assert_eq!(unit_of(most), 1.0 - 2f64.powi(-53));
        assert_eq!(shifted_unit(0, 1.0), 2f64.powi(-53));
        assert_eq!(shifted_unit(most, 1.0), 1.0);
        assert_eq!(shifted_unit(0, 0.5), 2f64.powi(-54));
        let mut rng = stream(42, Purpose::Order, 3);
        assert_eq!(
            unit(&mut rng),
            (6874467954992078204u64 >> 11) as f64 / 2f64.powi(53)
        );
    }

    /// Committed numbers: a changed stream would silently change every result.
    #[test]
    fn streams_keep_their_values() {
        let mut rng = stream(42, Purpose::Order, 3);
        let drawn = [rng.next_u64(), rng.next_u64()];
        assert_eq!(drawn, [6874467954992078204, 3930454548350183256]);
    }
}
