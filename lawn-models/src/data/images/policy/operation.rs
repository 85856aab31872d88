//! The operations by their names.

use super::{colour, geometry};
use crate::data::images::image::Image;
use crate::data::images::numbers::Numbers;

/// An operation, by torchvision's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

impl Operation {
    /// In the order in which torchvision numbers them.
    pub(super) const ALL: [Self; 14] = [
        Self::Identity,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Rotate,
        Self::Brightness,
        Self::Color,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterize,
        Self::Solarize,
        Self::AutoContrast,
        Self::Equalize,
    ];

    /// Any of them.
    pub(super) fn draw(numbers: &mut impl Numbers) -> Self {
        Self::ALL[numbers.below(Self::ALL.len())]
    }

    pub(super) fn has_magnitude(self) -> bool {
        !matches!(self, Self::Identity | Self::AutoContrast | Self::Equalize)
    }

    /// Whether a magnitude may be negative.
    pub(super) fn is_signed(self) -> bool {
        self.has_magnitude() && !matches!(self, Self::Posterize | Self::Solarize)
    }

    /// Changes an image; what comes into it from outside is `fill`.
    pub(super) fn apply(self, image: &mut Image, magnitude: f64, fill: u8) {
        match self {
            Self::Identity => {}
            Self::ShearX => geometry::shear(image, [magnitude, 0.0], fill),
            Self::ShearY => geometry::shear(image, [0.0, magnitude], fill),
            Self::TranslateX => geometry::translate(image, [magnitude, 0.0], fill),
            Self::TranslateY => geometry::translate(image, [0.0, magnitude], fill),
            Self::Rotate => geometry::rotate(image, magnitude, fill),
            Self::Brightness => colour::brightness(image, 1.0 + magnitude),
            Self::Color => colour::saturation(image, 1.0 + magnitude),
            Self::Contrast => colour::contrast(image, 1.0 + magnitude),
            Self::Sharpness => colour::sharpness(image, 1.0 + magnitude),
            Self::Posterize => colour::posterize(image, magnitude as u32),
            Self::Solarize => colour::solarize(image, magnitude),
            Self::AutoContrast => colour::autocontrast(image),
            Self::Equalize => colour::equalize(image),
        }
    }
}
