//! In which order the train rows of an epoch come.

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hash::mix;
use crate::random::{Purpose, stream};

/// In which order the train rows of an epoch come.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum ClickOrder {
    /// Each epoch in an order of its own, drawn by the trial's seed.
    #[default]
    Shuffled,
    /// As the files have them, in every epoch: the order of time, and the way that reads a
    /// disk fastest.
    Sequential,
}

/// Rounds after which nothing of the way in is seen in the order that comes out.
const ROUNDS: usize = 8;

/// A permutation of `0..len`, of which any place is computed without the others.
///
/// ```text
/// n = l·2^b + r;   even rounds l ← l ⊕ f(r, k_i),  odd rounds r ← r ⊕ f(l, k_i)
/// ```
/// A Feistel network over the least power of two that holds `len`: what comes out beyond `len`
/// goes in again. Four billion rows take no memory, and a trial that is resumed asks for the
/// place that it stopped at.
#[derive(Clone, Debug)]
pub(super) struct Permutation {
    len: u64,
    low_bits: u32,
    masks: [u64; 2],
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// That of an epoch, of which seed and number alone decide.
    pub(super) fn of_epoch(len: u64, seed: u64, epoch: u64) -> Self {
        let mut rng = stream(seed, Purpose::Order, epoch);
        // Both halves have a bit at least.
        let bits = (u64::BITS - len.saturating_sub(1).leading_zeros()).max(2);
        let low_bits = bits / 2;
        Self {
            len,
            low_bits,
            masks: [(1 << (bits - low_bits)) - 1, (1 << low_bits) - 1],
            keys: std::array::from_fn(|_| rng.next_u64()),
        }
    }

    /// What stands at `place`, which is below the length.
    pub(super) fn at(&self, place: u64) -> u64 {
        let mut number = place;
        loop {
            number = self.once(number);
            if number < self.len {
                return number;
            }
        }
    }

    fn once(&self, number: u64) -> u64 {
        let (mut high, mut low) = (number >> self.low_bits, number & self.masks[1]);
        let (pairs, _) = self.keys.as_chunks::<2>();
        for [one, other] in pairs {
            high ^= mix(low ^ one) & self.masks[0];
            low ^= mix(high ^ other) & self.masks[1];
        }
        high << self.low_bits | low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(len: u64, seed: u64, epoch: u64) -> Vec<u64> {
        let order = Permutation::of_epoch(len, seed, epoch);
        (0..len).map(|place| order.at(place)).collect()
    }

    #[test]
    fn each_row_comes_once() {
        for len in [1, 2, 3, 4, 5, 100, 1_023, 1_024, 1_025, 40_000] {
            let mut sorted = order(len, 3, 1);
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..len), "{len}");
        }
    }

    #[test]
    fn seed_and_epoch_decide_the_order() {
        assert_eq!(order(500, 0, 1), order(500, 0, 1));
        assert_ne!(order(500, 0, 1), order(500, 0, 2));
        assert_ne!(order(500, 0, 1), order(500, 1, 1));
        // Committed numbers: another permutation would change every result.
        assert_eq!(order(1_000_003, 42, 3)[..4], KEPT);
    }

    const KEPT: [u64; 4] = [497_848, 724_399, 121_752, 619_961];

    /// Each row is as likely at each place, and what follows a row says nothing of it.
    #[test]
    fn places_and_neighbours_are_uniform() {
        let (len, epochs) = (7, 7_000);
        let mut places = vec![0f64; (len * len) as usize];
        let mut neighbours = places.clone();
        for epoch in 1..=epochs {
            let order = order(len, 9, epoch);
            for (place, &row) in order.iter().enumerate() {
                places[place * len as usize + row as usize] += 1.0;
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
        // Below the 99.99 % points of 36 and of 41 degrees of freedom.
        assert!(chi(&places, epochs as f64 / len as f64) < 80.0);
        let pairs = (len * (len - 1)) as f64;
        assert!(chi(&neighbours, epochs as f64 * (len - 1) as f64 / pairs) < 87.0);
    }
}
