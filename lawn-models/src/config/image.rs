use serde::{Deserialize, Serialize};

use super::error::{SettingsError, require};

/// Image classification with the residual network for small images.
///
/// Source: He et al. 2016, *Deep Residual Learning for Image Recognition*,
/// arXiv 1512.03385, section 4.2.
///
/// A data set is a folder of JPEG files, all of one size, under the data root:
///
/// ```text
/// NAME/train/CLASS/*.jpg
/// NAME/test/CLASS/*.jpg        the same classes
/// ```
///
/// Part of each class of train is held out for validation; as many of those that
/// stay, shown as they are, are measured as the train split.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ImageConfig {
    /// `"procedural"`, or the name of an image folder under the data root.
    pub data: String,
    /// Depth of the network, `6n + 2`.
    pub depth: i64,
    /// Channels of the first stage; the second and third have two and four
    /// times as many.
    pub width: i64,
    /// Samples that one set of batch-normalization statistics is taken over
    /// (ghost batch). Independent of batch and micro-batch.
    pub statistics_batch: u64,
    /// Random horizontal flips, and crops after padding by `side / 8`.
    pub augment: bool,
    /// Part of each class of the train folder held out for validation.
    pub validation_fraction: f64,
    /// Seeds the held-out images: part of the data set, not of the trial.
    pub split_seed: u64,
    /// Sizes of the procedural images; only where `data = "procedural"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub procedural: Option<ProceduralConfig>,
}

/// Sizes of the procedural images.
///
/// A class is a smooth random texture; an image is that texture moved, scaled
/// in contrast, mixed with one of another class, and covered with noise.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ProceduralConfig {
    /// Number of classes.
    pub classes: u32,
    /// Height and width in pixels.
    pub side: u32,
    /// Train images, validation included.
    pub train: u32,
    /// Test images.
    pub test: u32,
    /// Standard deviation of the noise, in parts of the full 0 to 255 range.
    pub noise: f64,
    /// Seeds the generator: part of the data set, not of the trial.
    pub seed: u64,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            data: Self::PROCEDURAL.to_owned(),
            depth: 20,
            width: 16,
            statistics_batch: 128,
            augment: true,
            validation_fraction: 0.1,
            split_seed: 0,
            procedural: None,
        }
    }
}

impl Default for ProceduralConfig {
    fn default() -> Self {
        Self {
            classes: 8,
            side: 16,
            train: 2_000,
            test: 1_000,
            noise: 0.25,
            seed: 0,
        }
    }
}

impl ImageConfig {
    /// The value of `data` that stands for images generated in the process.
    pub const PROCEDURAL: &str = "procedural";

    /// Writes out what the defaults stand for, so that a plan records the sizes
    /// that it ran with.
    pub(crate) fn resolve(&mut self) {
        if self.data == Self::PROCEDURAL {
            self.procedural.get_or_insert_default();
        }
    }

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(!self.data.is_empty(), "data", "empty", "a data set's name")?;
        require(
            (8..=1_202).contains(&self.depth) && self.depth % 6 == 2,
            "depth",
            self.depth,
            "6n + 2: 8, 14, 20, 32, 44, 56, 110, …",
        )?;
        require(
            (1..=1_024).contains(&self.width),
            "width",
            self.width,
            "1 to 1024",
        )?;
        require(
            (2..=u64::from(u32::MAX)).contains(&self.statistics_batch),
            "statistics_batch",
            self.statistics_batch,
            "2 to 4294967295",
        )?;
        require(
            self.validation_fraction > 0.0 && self.validation_fraction < 1.0,
            "validation_fraction",
            self.validation_fraction,
            "above 0 and below 1",
        )?;
        match &self.procedural {
            Some(_) if self.data != Self::PROCEDURAL => Err(SettingsError::NotApplicable {
                setting: "procedural".to_owned(),
                context: format!("data = \"{}\"", self.data),
                allowed: "leave it out, or set data = \"procedural\"".to_owned(),
            }),
            Some(procedural) => procedural.validate(),
            None => Ok(()),
        }
    }
}

impl ProceduralConfig {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(
            (2..=1_000).contains(&self.classes),
            "procedural.classes",
            self.classes,
            "2 to 1000",
        )?;
        require(
            (8..=512).contains(&self.side),
            "procedural.side",
            self.side,
            "8 to 512",
        )?;
        for (name, value, least) in [
            ("procedural.train", self.train, 4 * self.classes),
            ("procedural.test", self.test, self.classes),
        ] {
            require(
                (least..=1_000_000).contains(&value),
                name,
                value,
                &format!("{least} to 1000000 with {} classes", self.classes),
            )?;
        }
        require(
            self.noise.is_finite() && self.noise >= 0.0,
            "procedural.noise",
            self.noise,
            "a finite number ≥ 0",
        )
    }
}
