//! RandAugment and TrivialAugment: operations that change what an image looks like.
//!
//! For the same operation and magnitude, an image becomes what torchvision's `RandAugment` and
//! `TrivialAugmentWide` make of one of PIL, bit by bit (`goldens/policies.py`).
//!
//! Sources: Cubuk et al. 2019, *RandAugment: Practical automated data augmentation with a reduced
//! search space*, arXiv 1909.13719; Müller and Hutter 2021, *TrivialAugment: Tuning-free yet
//! state-of-the-art data augmentation*, arXiv 2103.10158; torchvision 0.26,
//! `transforms/autoaugment.py`.

mod colour;
mod config;
mod geometry;
mod operation;
mod space;
#[cfg(test)]
mod tests;

pub use config::{Augmentation, Policy};

use operation::Operation;
use space::Space;

use super::image::Image;
use super::numbers::{Drawn, Numbers};
use crate::random::{Purpose, sample_stream};

impl Policy {
    /// What training sees of `image`, the one at `index`, in an epoch: that depends on nothing
    /// but these and the seed.
    pub(super) fn apply(self, image: &mut Image, [seed, epoch, index]: [u64; 3]) {
        let stream = sample_stream(seed, Purpose::Policy, epoch, index);
        self.apply_by(image, &mut Drawn(stream));
    }

    /// Draws in the order in which torchvision does.
    fn apply_by(self, image: &mut Image, numbers: &mut impl Numbers) {
        match self {
            Self::RandAugment { n, m, fill } => {
                for _ in 0..n {
                    let operation = Operation::draw(numbers);
                    let magnitude = Space::NARROW.signed(operation, image, numbers, |_| m as usize);
                    operation.apply(image, magnitude, fill);
                }
            }
            Self::TrivialAugment { fill } => {
                let operation = Operation::draw(numbers);
                let any = |numbers: &mut _| Numbers::below(numbers, Space::BINS);
                let magnitude = Space::WIDE.signed(operation, image, numbers, any);
                operation.apply(image, magnitude, fill);
            }
        }
    }

    /// The grey level of what comes into an image from outside.
    pub(super) fn fill(self) -> u8 {
        match self {
            Self::RandAugment { fill, .. } | Self::TrivialAugment { fill } => fill,
        }
    }
}
