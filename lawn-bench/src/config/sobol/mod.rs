//! Quasi-random points: Sobol's sequence, scrambled as Owen does.
//!
//! ```text
//! x_n = ⊕ v_j over the bits j that are set in gray(n) = n ⊕ ⌊n/2⌋
//! ```
//!
//! Of 2^k successive points from the start, each of the 2^k equal parts of an axis
//! holds exactly one; the scramble keeps that and makes each point uniform.
//!
//! Source: Sobol' 1967; Gray-code order after Antonov and Saleev 1979; direction
//! numbers of Joe and Kuo 2008; nested uniform scrambling after Owen 1995.

mod directions;

use directions::DIRECTIONS;

/// Bits of a coordinate.
const BITS: u32 = 32;

/// Coordinate `dimension` of point `index` in the sequence scrambled with `seed`, in (0, 1).
///
/// # Panics
///
/// Where `dimension` is 64 or more.
pub(super) fn point(seed: u64, dimension: usize, index: u32) -> f64 {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(dimension as u64).to_le_bytes());
    let scrambled = scramble(&key, coordinate(dimension, index));
    // The middle of the cell of this many bits: neither 0 nor 1.
    (f64::from(scrambled) + 0.5) / f64::from(BITS).exp2()
}

/// The coordinate before it is scrambled, as a binary fraction of [`BITS`] bits.
fn coordinate(dimension: usize, index: u32) -> u32 {
    let gray = index ^ (index >> 1);
    let direction = directions(dimension);
    (0..BITS)
        .filter(|bit| gray >> bit & 1 == 1)
        .fold(0, |x, bit| x ^ direction[bit as usize])
}

/// The direction numbers v₁ … v₃₂ of a dimension, v_j = m_j / 2^j.
///
/// ```text
/// m_j = 2 a₁ m_{j−1} ⊕ 2² a₂ m_{j−2} ⊕ … ⊕ 2^s m_{j−s} ⊕ m_{j−s},   j > s
/// ```
fn directions(dimension: usize) -> [u32; BITS as usize] {
    let (polynomial, initial) = DIRECTIONS[dimension];
    let degree = initial.len();
    let mut m = [1_u64; BITS as usize];
    for (j, &odd) in initial.iter().enumerate() {
        m[j] = u64::from(odd);
    }
    if degree > 0 {
        for j in degree..BITS as usize {
            m[j] = (1..=degree).fold(m[j - degree], |sum, i| {
                let coefficient = u64::from(polynomial >> (degree - i) & 1);
                sum ^ (coefficient * m[j - i]) << i
            });
        }
    }
    std::array::from_fn(|j| (m[j] << (BITS as usize - 1 - j)) as u32)
}

/// Flips each bit by a coin that depends on the bits above it.
///
/// The coins are hashes: no generator's state, so that a point can be made alone.
fn scramble(key: &[u8; 32], x: u32) -> u32 {
    (0..BITS).fold(0, |scrambled, bit| {
        let above = u64::from(x) >> (BITS - bit);
        let mut place = [0; 12];
        place[..8].copy_from_slice(&above.to_le_bytes());
        place[8..].copy_from_slice(&bit.to_le_bytes());
        let coin = u32::from(blake3::keyed_hash(key, &place).as_bytes()[0] & 1);
        scrambled << 1 | ((x >> (BITS - 1 - bit) & 1) ^ coin)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMENSIONS: usize = DIRECTIONS.len();

    #[derive(serde::Deserialize)]
    struct Golden {
        scipy: String,
        bits: u32,
        points: Vec<Vec<u32>>,
    }

    #[test]
    fn unscrambled_points_are_those_of_scipy_bit_for_bit() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../../goldens/sobol.json")).expect("the golden");
        assert_eq!((golden.bits, golden.scipy.as_str()), (BITS, "1.17.1"));
        for (index, expected) in (0..).zip(&golden.points) {
            let found: Vec<u32> = (0..DIMENSIONS).map(|d| coordinate(d, index)).collect();
            assert_eq!(&found, expected, "point {index}");
        }
    }

    /// Among the first 2^k points each of 2^k equal parts of every axis holds one.
    #[test]
    fn scrambled_points_stay_stratified_on_every_axis() {
        for seed in [0, 1, u64::MAX] {
            for dimension in 0..DIMENSIONS {
                for k in [1, 4, 6] {
                    let parts = 1_u32 << k;
                    let mut hit = vec![0; parts as usize];
                    for index in 0..parts {
                        let x = point(seed, dimension, index);
                        assert!(0.0 < x && x < 1.0, "{x}");
                        hit[(x * f64::from(parts)) as usize] += 1;
                    }
                    assert!(hit.iter().all(|&count| count == 1), "{seed} {dimension}");
                }
            }
        }
    }

    /// Any two of the first dimensions fill boxes of a plane evenly: the first 2^k
    /// points of a (t, 2)-sequence with small t put 2^(t) in each box.
    #[test]
    fn pairs_of_dimensions_cover_the_plane() {
        let points = 256;
        for (a, b) in [(0, 1), (0, 2), (1, 3), (2, 5)] {
            let mut hit = [[0_usize; 8]; 8];
            for index in 0..points {
                let cell = |d| (point(7, d, index) * 8.0) as usize;
                hit[cell(a)][cell(b)] += 1;
            }
            let counts: Vec<usize> = hit.into_iter().flatten().collect();
            assert!(counts.iter().all(|&n| (2..=6).contains(&n)), "{counts:?}");
        }
    }

    #[test]
    fn seeds_and_dimensions_scramble_apart_and_keep_their_values() {
        let first = |seed, dimension| point(seed, dimension, 0);
        assert_ne!(first(0, 0), first(1, 0));
        assert_ne!(first(0, 0), first(0, 1));
        // Committed: other values would be other sweeps.
        let drawn: Vec<u32> = (0..4).map(|i| (point(42, 3, i) * 1e6) as u32).collect();
        assert_eq!(drawn, [709577, 4019, 913271, 420940]);
    }
}
