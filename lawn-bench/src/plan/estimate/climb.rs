//! Which batch sizes are measured: those of a sweep, reached from a small one without a step that
//! takes long.

use super::line::{self, Points};

/// Seconds that a step may take in a batch size that is only on the way, where that gets further.
const ON_THE_WAY: f64 = 0.25;

/// The least part of a step that is taken to be for its samples: what is seen of it in steps that
/// take nearly the same is noise.
const FOR_SAMPLES: f64 = 0.1;

/// The way up to the batch sizes of a sweep.
///
/// What a step takes beside its samples is unknown at first, so that one of a small batch says
/// little of a large one: in proportion to it is only the most that the large one takes, and so is
/// twice the growth that was seen. The next size is therefore that of the sweep where even this
/// most can be afforded, or else the largest of which it can, at least twice the last.
pub(super) struct Climb<'a> {
    /// The batch sizes of the sweep, ascending.
    sizes: &'a [u64],
    /// Seconds that a step of some is expected to take, where that is known from another arm.
    expected: &'a Points,
    /// Seconds of a step, by batch size.
    taken: Points,
}

impl<'a> Climb<'a> {
    pub(super) fn new(sizes: &'a [u64], expected: &'a Points) -> Self {
        Self {
            sizes,
            expected,
            taken: Points::new(),
        }
    }

    /// A step in batches of `size` took `seconds`.
    pub(super) fn took(&mut self, size: u64, seconds: f64) {
        self.taken.insert(size, seconds);
    }

    /// Whether `size` is one of the sweep.
    pub(super) fn is_own(&self, size: u64) -> bool {
        self.sizes.contains(&size)
    }

    /// The batch size to measure next, where a step may take `patience` seconds.
    pub(super) fn next(&self, patience: f64) -> Option<u64> {
        let (&last, _) = self.taken.last_key_value()?;
        let size = *self.sizes.iter().find(|&&size| size > last)?;
        if let Some(&expected) = self.expected.get(&size) {
            return (expected <= patience).then_some(size);
        }
        if size as f64 <= self.afforded(patience)? {
            return Some(size);
        }
        let ways = [patience.min(ON_THE_WAY), patience];
        ways.into_iter().find_map(|patience| {
            let between = 1u64 << (self.afforded(patience)?.max(1.0) as u64).ilog2();
            (between >= 2 * last).then_some(between)
        })
    }

    /// The largest batch of which a step takes no more than `patience` seconds, for certain.
    fn afforded(&self, patience: f64) -> Option<f64> {
        let (&last, &seconds) = self.taken.last_key_value()?;
        let size = last as f64;
        let in_proportion = patience * size / seconds;
        let Some((below, least)) = line::below(&self.taken, last) else {
            return Some(in_proportion);
        };
        let growth = (seconds - least) / (size - below as f64);
        let growth = growth.max(FOR_SAMPLES * seconds / size);
        let by_growth = size + (patience - seconds) / (2.0 * growth);
        Some(in_proportion.max(by_growth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds for steps, as where a plan has several arms.
    const TIME: f64 = 2.8;

    /// What is measured of steps that take `cost`, and the seconds that they take together.
    fn climbed(sizes: &[u64], noise: [f64; 2], cost: impl Fn(u64) -> f64) -> (Points, f64) {
        let expected = Points::new();
        let mut climb = Climb::new(sizes, &expected);
        let mut spent = 0.0;
        let mut next = Some(sizes[0].min(4));
        while let Some(size) = next {
            let seconds = cost(size);
            // Enough steps for a median, and one to warm up.
            spent += seconds.max(0.3).max(4.0 * seconds).min(1.0 + 2.0 * seconds);
            climb.took(size, seconds * noise[climb.taken.len() % 2]);
            next = climb.next((TIME - spent) / 4.0);
        }
        (climb.taken, spent)
    }

    /// Asserts that what is derived for the sizes of a sweep is within 1.5 times of what it is, where
    /// every other measurement is a twentieth too slow and the others as much too fast.
    fn holds(what: &str, sizes: &[u64], cost: impl Fn(u64) -> f64) {
        for noise in [[1.05, 0.95], [0.95, 1.05], [1.0, 1.0]] {
            let (points, spent) = climbed(sizes, noise, &cost);
            assert!(spent < 1.5 * TIME, "{what}: {spent} seconds");
            for &size in sizes {
                let derived = line::at(&points, size).expect("something was measured");
                let ratio = derived / cost(size);
                assert!(
                    (1.0 / 1.5..=1.5).contains(&ratio),
                    "{what}: {size} is {ratio} of what it takes; measured {points:?}"
                );
            }
        }
    }

    #[test]
    fn what_a_step_takes_is_derived_within_a_half() {
        // Steps that hardly grow at first: 4 and 16 alone would say hours.
        let large = [10_000, 100_000, 1_000_000];
        holds("dear at first", &large, |n| 0.03 + 3e-7 * n as f64);
        holds("cheap", &large, |n| 1e-4 + 1e-8 * n as f64);
        holds("samples alone", &[128, 1024, 8192], |n| 0.01 * n as f64);
        holds("images", &[64, 256, 1024], |n| 0.05 + 0.012 * n as f64);
        holds("dear images", &[16, 64], |n| 0.3 + 0.2 * n as f64);
        holds("one size", &[65_536], |n| 0.02 + 4e-6 * n as f64);
        // Beyond what a cache holds a sample takes twice as long.
        for edge in [100.0, 5_000.0, 60_000.0] {
            holds("a cache", &large, |n| {
                let n = n as f64;
                0.005 + 4e-7 * (n + (n - edge).max(0.0))
            });
        }
    }

    #[test]
    fn what_is_no_more_than_a_guess_is_said_to_be() {
        // Half a second a step, for what does not grow with the batch up to where it is too dear.
        let (points, _) = climbed(&[1_000_000], [1.0, 1.0], |n| 0.5 + 1e-5 * n as f64);
        assert!(!line::is_sure(&points, 1_000_000), "{points:?}");
    }

    #[test]
    fn the_sizes_of_the_sweep_are_measured_where_they_can_be() {
        let sizes = [10_000, 100_000];
        let (points, _) = climbed(&sizes, [1.0, 1.0], |n| 0.03 + 3e-7 * n as f64);
        assert!(
            sizes.iter().all(|size| points.contains_key(size)),
            "{points:?}"
        );
        // A step of a million would take three seconds.
        let sizes = [10_000, 1_000_000];
        let (points, _) = climbed(&sizes, [1.0, 1.0], |n| 0.03 + 3e-6 * n as f64);
        assert!(points.keys().all(|&size| size < 1_000_000), "{points:?}");
        assert!(points.contains_key(&10_000), "{points:?}");
    }

    #[test]
    fn what_is_known_of_another_arm_is_not_climbed() {
        let expected = Points::from([(64, 0.1), (4096, 0.5), (65_536, 9.0)]);
        let mut climb = Climb::new(&[64, 4096, 65_536], &expected);
        climb.took(64, 0.1);
        assert_eq!(climb.next(0.6), Some(4096));
        assert_eq!(climb.next(0.4), None);
        climb.took(4096, 0.5);
        assert_eq!(climb.next(0.6), None);
    }
}
