//! What a sweep file says of how images are cut, resized and normalized.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter::Interpolation;
use crate::data::images::image::CHANNELS;
use crate::data::images::statistics::Statistics;
use crate::trial::{SettingsError, require};

/// How images of any size become those of one size.
///
/// ```text
/// train       a random part of the image, resized to `size`; turned left to right half the time
/// evaluation  the shorter side resized to `resize`, and `size` cut out of the middle
/// ```
/// Without `augment` training has the images of evaluation. Resizing is with antialiasing, bit by
/// bit as PIL does it; parts are those of torchvision's
/// `RandomResizedCrop` and `CenterCrop` for the same random numbers. With `reduced_decoding`
/// train images are those of PIL's `draft` and `resize` with a `box`; evaluation always decodes
/// all of an image.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct TransformConfig {
    /// Height and width of what the network is given, in pixels.
    #[schemars(range(min = 8, max = 1024))]
    pub size: u32,
    /// Evaluation: length of the shorter side before the middle is cut out; 8/7 of `size`
    /// where it is left out, which is 256 for 224.
    #[schemars(range(min = 8, max = 4096))]
    pub resize: Option<u32>,
    /// Training: the least part of an image's area that is shown.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub smallest_crop: f64,
    /// How images are resized.
    #[serde(skip_serializing_if = "Interpolation::is_default")]
    #[schemars(extend("default" = Interpolation::default()))]
    pub interpolation: Interpolation,
    /// What is taken off each channel, and what that is divided by.
    pub normalization: Normalization,
    /// Training: whether JPEG files are decoded to a half, a quarter or an eighth of their size
    /// where the part that is shown is so many times larger than `size`: less to compute, and
    /// other pixels.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = bool::default()))]
    pub reduced_decoding: bool,
}

/// Means and deviations of the channels.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// Those of ImageNet's train images, which torchvision's weights are trained with.
    #[default]
    Imagenet,
    /// A half and a half: values from -1 to 1.
    Half,
}

impl Normalization {
    /// As it is written in a configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Imagenet => "imagenet",
            Self::Half => "half",
        }
    }
}

impl Default for TransformConfig {
    fn default() -> Self {
        Self {
            size: 224,
            resize: None,
            smallest_crop: 0.08,
            interpolation: Interpolation::default(),
            normalization: Normalization::default(),
            reduced_decoding: false,
        }
    }
}

impl TransformConfig {
    /// Writes out what the defaults stand for.
    pub(crate) fn resolve(&mut self) {
        let default = (f64::from(self.size) * 256.0 / 224.0).round() as u32;
        self.resize.get_or_insert(default);
    }

    /// Length of the shorter side in evaluation.
    pub(crate) fn shorter_side(&self) -> u32 {
        let mut resolved = self.clone();
        resolved.resolve();
        resolved.resize.unwrap_or(self.size)
    }

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub(crate) fn validate(&self) -> Result<(), SettingsError> {
        require(
            (8..=1_024).contains(&self.size),
            "transform.size",
            self.size,
            "8 to 1024",
        )?;
        let resize = self.shorter_side();
        require(
            (self.size..=4 * self.size).contains(&resize),
            "transform.resize",
            resize,
            &format!(
                "{} to {}: `size` to four times that",
                self.size,
                4 * self.size
            ),
        )?;
        require(
            self.smallest_crop > 0.0 && self.smallest_crop <= 1.0,
            "transform.smallest_crop",
            self.smallest_crop,
            "above 0 and up to 1",
        )
    }
}

impl Normalization {
    /// Its values.
    pub(crate) fn statistics(self) -> Statistics {
        let (mean, deviation) = match self {
            Self::Imagenet => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Self::Half => ([0.5; CHANNELS], [0.5; CHANNELS]),
        };
        Statistics { mean, deviation }
    }
}
