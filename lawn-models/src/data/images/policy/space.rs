//! How great the magnitudes of the operations are.

use super::operation::Operation;
use crate::data::images::image::Image;
use crate::data::images::numbers::Numbers;

/// The greatest magnitudes.
pub(super) struct Space {
    shear: f64,
    translation: Translation,
    degrees: f64,
    /// By which a factor is above or below 1.
    factor: f64,
    /// Bits of a value that are lost.
    bits: usize,
}

enum Translation {
    /// Part of a side.
    Part(f64),
    Pixels(f64),
}

impl Space {
    /// Steps of a magnitude, none at all included.
    pub(super) const BINS: usize = 31;

    /// Of RandAugment.
    pub(super) const NARROW: Self = Self {
        shear: 0.3,
        translation: Translation::Part(150.0 / 331.0),
        degrees: 30.0,
        factor: 0.9,
        bits: 4,
    };

    /// Of TrivialAugment.
    pub(super) const WIDE: Self = Self {
        shear: 0.99,
        translation: Translation::Pixels(32.0),
        degrees: 135.0,
        factor: 0.99,
        bits: 6,
    };

    /// A magnitude of an operation, with its sign; 0 where the operation has none. `bin` draws
    /// the step.
    pub(super) fn signed<N: Numbers>(
        &self,
        operation: Operation,
        image: &Image,
        numbers: &mut N,
        bin: impl FnOnce(&mut N) -> usize,
    ) -> f64 {
        if !operation.has_magnitude() {
            return 0.0;
        }
        let step = bin(numbers);
        let magnitude = self.magnitude(operation, step, [image.height, image.width]);
        if operation.is_signed() && numbers.below(2) == 1 {
            -magnitude
        } else {
            magnitude
        }
    }

    /// The magnitude of a step, in an image of `[height, width]`.
    pub(super) fn magnitude(
        &self,
        operation: Operation,
        step: usize,
        [height, width]: [usize; 2],
    ) -> f64 {
        let translation = |side: usize| match self.translation {
            Translation::Part(part) => part * side as f64,
            Translation::Pixels(pixels) => pixels,
        };
        match operation {
            Operation::ShearX | Operation::ShearY => step_of(0.0, self.shear, step),
            Operation::TranslateX => step_of(0.0, translation(width), step),
            Operation::TranslateY => step_of(0.0, translation(height), step),
            Operation::Rotate => step_of(0.0, self.degrees, step),
            Operation::Brightness
            | Operation::Color
            | Operation::Contrast
            | Operation::Sharpness => step_of(0.0, self.factor, step),
            Operation::Posterize => {
                let lost = step as f32 / ((Self::BINS - 1) as f32 / self.bits as f32);
                f64::from(8.0 - lost.round_ties_even())
            }
            Operation::Solarize => step_of(255.0, 0.0, step),
            Operation::Identity | Operation::AutoContrast | Operation::Equalize => 0.0,
        }
    }
}

/// A step from `from` to `to`, bit by bit that of `torch.linspace`.
fn step_of(from: f64, to: f64, step: usize) -> f64 {
    let (from, to) = (from as f32, to as f32);
    let size = (to - from) / (Space::BINS - 1) as f32;
    f64::from(if step < Space::BINS / 2 {
        size.mul_add(step as f32, from)
    } else {
        (-size).mul_add((Space::BINS - 1 - step) as f32, to)
    })
}
