//! The filters of resizing: how much an input pixel weighs by its distance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How pixels are made of those around them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Of the two nearest, by their distance: torchvision's default.
    #[default]
    Bilinear,
    /// Of the four nearest, by a cubic: what most weights of timm are evaluated with.
    Bicubic,
}

impl Interpolation {
    /// As it is written in a configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The distance from which on a pixel weighs nothing.
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The weight of a pixel at a distance `x`.
    ///
    /// ```text
    /// bilinear   1 − |x|                                   up to 1
    /// bicubic    (a + 2)|x|³ − (a + 3)|x|² + 1             up to 1, a = −1/2
    ///            a |x|³ − 5a |x|² + 8a |x| − 4a            up to 2
    /// ```
    ///
    /// Source: Pillow 13.0, `src/libImaging/Resample.c`.
    pub(super) fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bicubic => 0.0,
        }
    }
}
