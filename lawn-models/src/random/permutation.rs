//! Orders of which any place is computed without the others.

use rand::Rng;

use super::counter::spread;
use super::{Purpose, stream};

/// Rounds after which nothing of the way in is seen in the order that comes out.
const ROUNDS: usize = 8;

/// Places that are computed side by side.
const LANES: usize = 16;

/// A permutation of `0..len`, of which any place is computed without the others.
///
/// ```text
/// n = h·b + l,   h < a, l < b,   a = ⌈√len⌉, b = ⌈len / a⌉
/// even rounds    h ← (h + f(l ⊕ k_i, a)) mod a       f(x, m) = ⌊spread(x) · m / 2³²⌋
/// odd rounds     l ← (l + f(h ⊕ k_i, b)) mod b
/// ```
/// A Feistel network over the least rectangle that is nearly a square and holds `len`. What comes
/// out beyond `len` goes in again (cycle walking), which fewer than one place in √len does: over a
/// power of two it would be up to half of them. Keys are those of ChaCha8 for
/// `(seed, order, epoch)`. There is no memory beside them and no sort; `cpp/samples.h` has the same
/// for a device.
///
/// Source: the generalized Feistel cipher and cycle walking of Black and Rogaway 2002, *Ciphers
/// with arbitrary finite domains*; for shuffles on devices Mitchell et al. 2022,
/// *Bandwidth-optimal random shuffling for GPUs*, arXiv 2106.06161. *Differs from* the latter in its
/// rounds, fewer and each of two products, and in the rectangle.
#[derive(Clone, Debug)]
pub(crate) struct Permutation {
    len: u64,
    /// What halves are below: a and b.
    sides: [u32; 2],
    keys: [u32; ROUNDS],
}

impl Permutation {
    /// That of an epoch, of which the seed and the epoch's number alone decide.
    ///
    /// # Panics
    /// If `len` is more than 2⁶²: halves would not fit.
    pub(crate) fn of_epoch(len: u64, seed: u64, epoch: u64) -> Self {
        assert!(len <= 1 << 62, "{len} samples");
        let mut rng = stream(seed, Purpose::Order, epoch);
        let root = len.isqrt();
        let high = (root + u64::from(root * root < len)).max(1);
        let low = len.div_ceil(high).max(1);
        Self {
            len,
            sides: [high, low].map(|side| side as u32),
            keys: std::array::from_fn(|_| (rng.next_u64() >> 32) as u32),
        }
    }

    /// What stands at `place`, which is below the length.
    pub(crate) fn at(&self, place: u64) -> u64 {
        let low = u64::from(self.sides[1]);
        self.walk([(place / low) as u32, (place % low) as u32])
    }

    /// What stands at the places from `first` on.
    pub(crate) fn fill(&self, first: u64, numbers: &mut [u64]) {
        let [_, low] = self.sides;
        let mut next = [
            (first / u64::from(low)) as u32,
            (first % u64::from(low)) as u32,
        ];
        for numbers in numbers.chunks_mut(LANES) {
            let mut halves = [[0; LANES]; 2];
            let [high, low_half] = &mut halves;
            for (high, low_half) in high.iter_mut().zip(low_half) {
                (*high, *low_half) = (next[0], next[1]);
                next[1] += 1;
                if next[1] == low {
                    next = [next[0].wrapping_add(1), 0];
                }
            }
            self.all_rounds(&mut halves);
            for (lane, number) in numbers.iter_mut().enumerate() {
                let halves = [halves[0][lane], halves[1][lane]];
                *number = self.number(halves);
                if *number >= self.len {
                    *number = self.walk(halves);
                }
            }
        }
    }

    /// From halves on until they make a number that is below the length.
    fn walk(&self, mut halves: [u32; 2]) -> u64 {
        loop {
            let mut one = halves.map(|half| [half]);
            self.all_rounds(&mut one);
            halves = one.map(|[half]| half);
            let number = self.number(halves);
            if number < self.len {
                return number;
            }
        }
    }

    fn number(&self, [high, low]: [u32; 2]) -> u64 {
        u64::from(high) * u64::from(self.sides[1]) + u64::from(low)
    }

    /// Of N numbers side by side.
    fn all_rounds<const N: usize>(&self, [high, low]: &mut [[u32; N]; 2]) {
        let (pairs, _) = self.keys.as_chunks::<2>();
        for &[even, odd] in pairs {
            round(high, low, even, self.sides[0]);
            round(low, high, odd, self.sides[1]);
        }
    }
}

/// Moves one half on by what the other comes to.
fn round<const N: usize>(half: &mut [u32; N], other: &[u32; N], key: u32, side: u32) {
    for (half, other) in half.iter_mut().zip(other) {
        let by = (u64::from(spread(other ^ key)) * u64::from(side)) >> 32;
        // What is beyond the last place is computed with the others, and may wrap.
        let sum = half.wrapping_add(by as u32);
        // The lesser of both, as the difference wraps where the sum is below the side.
        *half = sum.min(sum.wrapping_sub(side));
    }
}

/// `Permutation` of `cpp/samples.h`.
#[repr(C)]
pub(crate) struct DevicePermutation {
    len: u64,
    sides: [u32; 2],
    keys: [u32; ROUNDS],
}

impl DevicePermutation {
    pub(crate) fn of(order: &Permutation) -> Self {
        let Permutation { len, sides, keys } = *order;
        Self { len, sides, keys }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn lawn_samples_permuted(
            order: *const DevicePermutation,
            first: u64,
            count: u64,
            numbers: *mut u64,
        );
    }

    /// What a device computes, compiled for the host, is what the host computes.
    #[test]
    fn a_device_has_the_same_order() {
        for (len, first) in [
            (1, 0),
            (2, 0),
            (7, 0),
            (1_000, 3),
            (1 << 40, 1 << 39),
            (1 << 62, 5),
        ] {
            let order = Permutation::of_epoch(len, 6, len);
            let mut here = vec![0; (len - first).min(2_000) as usize];
            let mut there = here.clone();
            order.fill(first, &mut here);
            let device = DevicePermutation::of(&order);
            // SAFETY: `there` has a place for each of the numbers, and the order outlives the call.
            unsafe {
                lawn_samples_permuted(
                    &raw const device,
                    first,
                    there.len() as u64,
                    there.as_mut_ptr(),
                );
            }
            assert_eq!(here, there, "{len}");
        }
    }

    fn order(len: u64, seed: u64, epoch: u64) -> Vec<u64> {
        let order = Permutation::of_epoch(len, seed, epoch);
        (0..len).map(|place| order.at(place)).collect()
    }

    #[test]
    fn each_number_comes_once() {
        let large = [1_023, 1_024, 1_025, 40_000, 65_536, 65_537, 1_000_003];
        for len in (1..=300).chain(large) {
            let order = Permutation::of_epoch(len, 3, len);
            let mut numbers = vec![0; len as usize];
            order.fill(0, &mut numbers);
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..len), "{len}");
        }
        Permutation::of_epoch(0, 3, 1).fill(0, &mut []);
    }

    /// The rounds can be taken back, so that no two numbers become one of any length.
    #[test]
    fn lengths_beyond_32_bits_are_permuted_too() {
        for len in [1 << 33, (1 << 40) + 12_345, 1 << 62] {
            let order = Permutation::of_epoch(len, 3, 1);
            let places = (0..1_000).map(|one| one * (len / 1_000)).chain([len - 1]);
            for place in places {
                let number = order.at(place);
                assert!(number < len);
                assert_eq!(taken_back(&order, number), place, "{len}");
            }
        }
    }

    fn taken_back(order: &Permutation, number: u64) -> u64 {
        let [a, b] = order.sides;
        let mut halves = [number / u64::from(b), number % u64::from(b)].map(|half| half as u32);
        let by = |other: u32, key: u32, side: u32| {
            ((u64::from(spread(other ^ key)) * u64::from(side)) >> 32) as u32
        };
        loop {
            for (round, &key) in order.keys.iter().enumerate().rev() {
                let (half, side) = (round % 2, [a, b][round % 2]);
                let back = side - by(halves[1 - half], key, side);
                halves[half] =
                    ((u64::from(halves[half]) + u64::from(back)) % u64::from(side)) as u32;
            }
            let place = order.number(halves);
            if place < order.len {
                return place;
            }
        }
    }

    #[test]
    fn places_are_the_same_however_they_are_asked_for() {
        for len in [1, 7, 50, 1_000] {
            let order = Permutation::of_epoch(len, 9, 4);
            let whole: Vec<u64> = (0..len).map(|place| order.at(place)).collect();
            for part in [1, 3, 16, 17, 1_000] {
                let mut numbers = vec![0; len as usize];
                let parts = numbers.chunks_mut(part).enumerate();
                parts.for_each(|(at, part_of)| order.fill((at * part) as u64, part_of));
                assert_eq!(numbers, whole, "{len} in parts of {part}");
            }
        }
    }

    #[test]
    fn seed_and_epoch_decide_the_order() {
        assert_eq!(order(500, 0, 1), order(500, 0, 1));
        assert_ne!(order(500, 0, 1), order(500, 0, 2));
        assert_ne!(order(500, 0, 1), order(500, 1, 1));
    }

    /// Committed numbers: another permutation would change every result.
    #[test]
    fn orders_keep_their_values() {
        let large = Permutation::of_epoch(1 << 40, 42, 3);
        let found = [
            order(1_000_003, 42, 3)[..4].to_vec(),
            order(7, 42, 3),
            vec![large.at(0), large.at(1 << 39)],
        ];
        let kept: [&[u64]; 3] = [
            &[216_977, 855_864, 338_412, 675_754],
            &[0, 5, 4, 1, 6, 2, 3],
            &[407_584_937_610, 351_918_406_603],
        ];
        assert_eq!(found, kept);
    }

    /// Each number is as likely at each place, and what follows a number says nothing of it.
    #[test]
    fn places_and_neighbours_are_uniform() {
        for len in [7, 16, 23] {
            let epochs = 7_000;
            let mut places = vec![0f64; (len * len) as usize];
            let mut neighbours = places.clone();
            for epoch in 1..=epochs {
                let order = order(len, 9, epoch);
                for (place, &number) in order.iter().enumerate() {
                    places[place * len as usize + number as usize] += 1.0;
                }
                for pair in order.windows(2) {
                    neighbours[(pair[0] * len + pair[1]) as usize] += 1.0;
                }
            }
            let chi = |counts: &[f64], expected: f64| -> f64 {
                let counts = counts.iter().filter(|&&count| count > 0.0);
                counts
                    .map(|count| (count - expected).powi(2) / expected)
                    .sum()
            };
            // Four deviations above the mean.
            let most = |freedom: f64| freedom + 4.0 * (2.0 * freedom).sqrt();
            let (len, epochs) = (len as f64, epochs as f64);
            let found = chi(&places, epochs / len);
            assert!(found < most((len - 1.0).powi(2)), "{len}: {found}");
            let found = chi(&neighbours, epochs * (len - 1.0) / (len * (len - 1.0)));
            assert!(found < most(len * (len - 1.0) - 1.0), "{len}: {found}");
        }
    }

    /// Of numbers that are neighbours on the way in, distances on the way out are those of chance:
    /// no line of the square is seen in a large order.
    #[test]
    fn neighbours_of_a_large_order_lie_apart_as_by_chance() {
        let len = 1 << 20;
        let order = Permutation::of_epoch(len, 1, 1);
        for stride in [1, 2, 1_023, 1_024, 1_025] {
            let mut cells = [0f64; 64];
            for place in 0..200_000 {
                let apart = order.at(place + stride).wrapping_sub(order.at(place)) % len;
                cells[(apart / (len / 64)) as usize] += 1.0;
            }
            let expected = 200_000.0 / 64.0;
            let chi: f64 = cells
                .iter()
                .map(|count| (count - expected).powi(2) / expected)
                .sum();
            assert!(chi < 114.0, "{stride}: {chi}");
        }
    }
}
