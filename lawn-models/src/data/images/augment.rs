//! Random flips and crops of images that keep their size.

use super::image::CHANNELS;
use super::moves::Move;
use super::policy::Policy;
use super::transform::Scratch;
use crate::random::{Purpose, below, shuffle, stream};

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

/// The views of an epoch in training order.
///
/// Order and augmentation depend on `(seed, epoch)` only, so batches of any
/// size cut up the same sequence.
pub(crate) fn views(train: &[u32], shifts: Option<Shifts>, seed: u64, epoch: u64) -> Vec<View> {
    let mut order = train.to_vec();
    shuffle(&mut stream(seed, Purpose::Order, epoch), &mut order);
    let mut rng = stream(seed, Purpose::Augmentation, epoch);
    let view = |index| match shifts {
        None => View::plain(index),
        Some(Shifts { most, .. }) => {
            let span = 2 * most as usize + 1;
            let mut shift = || below(&mut rng, span) as i32 - most;
            let shift = [shift(), shift()];
            View {
                index,
                moved: Move {
                    flip: below(&mut rng, 2) == 1,
                    shift,
                },
            }
        }
    };
    order.into_iter().map(view).collect()
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

    #[test]
    fn an_epoch_shows_each_image_once_and_moves_within_the_padding() {
        let train: Vec<u32> = (5..105).collect();
        let shifts = Some(Shifts {
            most: 2,
            policy: None,
        });
        let shown = views(&train, shifts, 1, 1);
        assert_eq!(shown, views(&train, shifts, 1, 1));
        assert_ne!(shown, views(&train, shifts, 1, 2));
        let mut indices: Vec<u32> = shown.iter().map(|view| view.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, train);
        let moves = || shown.iter().map(|view| view.moved);
        let shifts = || moves().flat_map(|moved| moved.shift);
        assert_eq!((shifts().min(), shifts().max()), (Some(-2), Some(2)));
        assert!(moves().any(|moved| moved.flip) && moves().any(|moved| !moved.flip));
    }
}
