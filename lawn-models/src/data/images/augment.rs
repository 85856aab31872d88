//! Random flips and crops of images that keep their size.

use std::ops::Range;

use rand::Rng;

use super::image::CHANNELS;
use super::moves::Move;
use super::policy::Policy;
use super::transform::Scratch;
use crate::random::{Permutation, Purpose, at, below_of, stream};

/// How one sample of an epoch is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) index: u32,
    pub(crate) moved: Move,
}

/// How train images are augmented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shifts {
    /// Pixels by which an image moves, at most.
    pub(crate) most: i32,
    /// What is done to it then.
    pub(crate) policy: Option<Policy>,
}

/// The views of an epoch with these numbers, in training order.
///
/// Order and augmentation of each depend on the seed, the epoch and its number alone, so batches
/// of any size cut up the same sequence.
pub(crate) fn views(
    train: &[u32],
    shifts: Option<Shifts>,
    [seed, epoch]: [u64; 2],
    samples: Range<u64>,
) -> Vec<View> {
    let order = Permutation::of_epoch(train.len() as u64, seed, epoch);
    let key = stream(seed, Purpose::Augmentation, epoch).next_u64();
    let view = |place| View {
        index: train[order.at(place) as usize],
        moved: shifts.map_or_else(Move::default, |shifts| shifts.draw(at(key, place))),
    };
    samples.map(view).collect()
}

impl Shifts {
    /// Of uniform bits, one of all moves that there are, each as likely as another.
    fn draw(self, bits: u64) -> Move {
        let span = 2 * self.most as u64 + 1;
        let drawn = below_of(bits, 2 * span * span);
        let shift = |steps: u64| steps as i32 - self.most;
        Move {
            flip: drawn % 2 == 1,
            shift: [shift(drawn / 2 / span), shift(drawn / 2 % span)],
        }
    }
}

impl View {
    /// The picture as it is.
    pub(crate) fn plain(index: u32) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Moves the shown picture now, and changes it by a policy: what is to be done by `key`,
    /// the seed and the epoch.
    pub(crate) fn apply(self, policy: Policy, [seed, epoch]: [u64; 2], scratch: &mut Scratch) {
        let image = &mut scratch.shown;
        let [down, right] = self.moved.shift.map(|shift| shift as isize);
        let mut bytes = vec![policy.fill(); image.bytes.len()];
        let (pixels, _) = image.bytes.as_chunks::<CHANNELS>();
        let (targets, _) = bytes.as_chunks_mut::<CHANNELS>();
        let inside = |to: usize, shift: isize, length: usize| {
            to.checked_add_signed(-shift).filter(|&from| from < length)
        };
        for (y, row) in targets.chunks_exact_mut(image.width).enumerate() {
            let Some(from_y) = inside(y, down, image.height) else {
                continue;
            };
            for (x, pixel) in row.iter_mut().enumerate() {
                if let Some(from_x) = inside(x, right, image.width) {
                    let from_x = match self.moved.flip {
                        true => image.width - 1 - from_x,
                        false => from_x,
                    };
                    *pixel = pixels[from_y * image.width + from_x];
                }
            }
        }
        image.bytes = bytes;
        policy.apply(image, [seed, epoch, u64::from(self.index)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIFTS: Option<Shifts> = Some(Shifts {
        most: 2,
        policy: None,
    });

    #[test]
    fn an_epoch_shows_each_image_once_and_moves_within_the_padding() {
        let train: Vec<u32> = (5..105).collect();
        let shown = views(&train, SHIFTS, [1, 1], 0..100);
        assert_eq!(shown, views(&train, SHIFTS, [1, 1], 0..100));
        assert_ne!(shown, views(&train, SHIFTS, [1, 2], 0..100));
        let parts = [0..1, 1..40, 40..100].map(|part| views(&train, SHIFTS, [1, 1], part));
        assert_eq!(shown, parts.concat());
        let mut indices: Vec<u32> = shown.iter().map(|view| view.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, train);
        let plain = views(&train, None, [1, 1], 0..100);
        assert!(plain.iter().all(|view| view.moved == Move::default()));
        let order = |views: &[View]| views.iter().map(|view| view.index).collect::<Vec<_>>();
        assert_eq!(order(&plain), order(&shown));
    }

    #[test]
    fn every_move_is_as_likely_as_another() {
        let train: Vec<u32> = (0..50_000).collect();
        let mut counts = [0f64; 50];
        for View { moved, .. } in views(&train, SHIFTS, [3, 1], 0..50_000) {
            let [down, right] = moved.shift.map(|shift| (shift + 2) as usize);
            counts[(down * 5 + right) * 2 + usize::from(moved.flip)] += 1.0;
        }
        let chi: f64 = counts
            .iter()
            .map(|count| (count - 1_000.0).powi(2) / 1_000.0)
            .sum();
        // The 99.99 % point of 49 degrees of freedom.
        assert!(chi < 94.0, "{chi}");
    }

    unsafe extern "C" {
        fn lawn_samples_moves(key: u64, count: u64, most: u32, moves: *mut i32);
    }

    /// What a device computes, compiled for the host, is what the host computes.
    #[test]
    fn a_device_draws_the_same_moves() {
        for most in [0, 1, 4, 28] {
            let shifts = Shifts { most, policy: None };
            let mut there = vec![0; 3 * 1_000];
            // SAFETY: `there` has a place for the three numbers of each move.
            unsafe { lawn_samples_moves(77, 1_000, most as u32, there.as_mut_ptr()) };
            let here = (0..1_000).flat_map(|place| {
                let Move { flip, shift } = shifts.draw(at(77, place));
                [i32::from(flip), shift[0], shift[1]]
            });
            assert!(here.eq(there), "{most}");
        }
    }

    /// Committed numbers: other ones would change every result.
    #[test]
    fn views_keep_their_values() {
        let train: Vec<u32> = (0..1_000).collect();
        let shown = views(&train, SHIFTS, [42, 3], 0..3);
        let shown = shown.into_iter().map(
            |View {
                 index,
                 moved: Move { flip, shift },
             }| (index, flip, shift),
        );
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                (398, true, [2, 2]),
                (647, false, [-1, -1]),
                (891, true, [2, -2])
            ]
        );
    }
}
