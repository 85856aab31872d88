//! Numbers that are computed from a key and their place alone.

/// 2⁶⁴ / golden ratio, an odd number: places lie so far apart.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number at `place` of the sequence that `key` begins.
///
/// ```text
/// z ← key + (place + 1) γ
/// z ← (z ⊕ z ≫ 30) m₁,   z ← (z ⊕ z ≫ 27) m₂,   z ⊕ z ≫ 31
/// ```
/// Products and sums wrap at 2⁶⁴. Nothing goes from one place to the next, so that any part of a
/// sequence is computed anywhere: `cpp/samples.h` has the same for a device.
///
/// Source: SplitMix64, Steele, Lea and Flood 2014, *Fast splittable pseudorandom number
/// generators*, doi 10.1145/2660193.2660195, whose state is such a counter.
pub(crate) fn at(key: u64, place: u64) -> u64 {
    let mut z = key.wrapping_add(place.wrapping_add(1).wrapping_mul(STEP));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// ⌊bits · bound / 2⁶⁴⌋, for a bound up to 2³²: a uniform integer below it, of uniform bits.
///
/// Written in 64 bits, as not every device has a product of 128. The bias is below
/// `bound / 2^64`.
pub(crate) fn below_of(bits: u64, bound: u64) -> u64 {
    debug_assert!(bound <= 1 << 32);
    let (high, low) = (bits >> 32, bits & 0xffff_ffff);
    (high * bound + ((low * bound) >> 32)) >> 32
}

/// Spreads each of 32 bits over all of them. No two numbers become one.
///
/// Source: the finalizer of MurmurHash3 of 32 bits, Appleby 2011.
pub(super) fn spread(bits: u32) -> u32 {
    let mut h = bits;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of Steele's `SplittableRandom` and Vigna's `splitmix64.c`, and of MurmurHash3 for no
    /// bytes and the seeds 1 and 2³² − 1.
    #[test]
    fn numbers_are_those_of_their_sources() {
        let first = [0, 1, 2].map(|place| at(0, place));
        let published = [
            0xe220_a839_7b1d_cdaf,
            0x6e78_9e6a_a1b9_65f4,
            0x06c4_5d18_8009_454f,
        ];
        assert_eq!(first, published);
        assert_eq!(at(1_234_567, 0), 6_457_827_717_110_365_317);
        assert_eq!(at(1_234_567, 1), 3_203_168_211_198_807_973);
        let spread = [0, 1, u32::MAX].map(spread);
        assert_eq!(spread, [0, 0x514e_28b7, 0x81f1_6f39]);
    }

    #[test]
    fn a_bound_is_met_as_by_a_product_of_128_bits() {
        let wide = |bits: u64, bound: u64| ((u128::from(bits) * u128::from(bound)) >> 64) as u64;
        for bound in [1, 2, 3, 3_706, 1 << 31, (1 << 32) - 1, 1 << 32] {
            let ends = [0, 1, u64::MAX, u64::MAX - 1, u64::MAX / bound, 1 << 32];
            let drawn = (0..1_000).map(|place| at(bound, place));
            for bits in ends.into_iter().chain(drawn) {
                assert_eq!(below_of(bits, bound), wide(bits, bound), "{bits} {bound}");
            }
        }
    }

    /// Uniform in each of 64 cells, for neighbours taken together, and from key to key.
    #[test]
    fn numbers_are_uniform() {
        let chi = |cells: &[u64; 64]| -> f64 {
            let expected = cells.iter().sum::<u64>() as f64 / 64.0;
            let apart = |&count: &u64| (count as f64 - expected).powi(2) / expected;
            cells.iter().map(apart).sum()
        };
        let mut counts = [[0; 64]; 3];
        for place in 0..64_000 {
            let (one, next, other) = (at(7, place), at(7, place + 1), at(place, 7));
            for (cells, cell) in counts.iter_mut().zip([
                below_of(one, 64),
                below_of(one, 8) * 8 + below_of(next, 8),
                below_of(other, 64),
            ]) {
                cells[cell as usize] += 1;
            }
        }
        // The 99.99 % point of 63 degrees of freedom.
        assert!(counts.iter().all(|cells| chi(cells) < 114.0), "{counts:?}");
    }
}
