//! The net of an image task: what its settings allow, and how it is built.

use std::path::Path;

use tch::nn;

use super::image::ImageConfig;
use crate::data::DataError;
use crate::models::{ImageModelName, ImageModelOptions, Init, Model};
use crate::trial::{SettingsError, require};

/// Keys of the table that not every net has.
const OF_SOME_NETS: [&str; 7] = [
    "depth",
    "width",
    "statistics_batch",
    "shortcut",
    "zero_gamma",
    "dropout",
    "drop_path",
];

impl ImageConfig {
    /// The net that it names, or the one that was there before there were names.
    pub(super) fn model_name(&self) -> ImageModelName {
        self.model.unwrap_or(ImageModelName::ResnetCifar)
    }

    pub(super) fn validate_model(&self) -> Result<(), SettingsError> {
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
        for (setting, value) in [("dropout", self.dropout), ("drop_path", self.drop_path)] {
            let value = value.unwrap_or(0.0);
            let is_rate = (0.0..1.0).contains(&value);
            require(is_rate, setting, value, "at least 0 and below 1")?;
        }
        let without_values = self.init == Some(Init::Zeros) && self.init_from.is_none();
        require(
            !without_values,
            "init",
            "zeros",
            "torchvision, timm, paper; zeros beside `init_from` only",
        )?;
        self.refuse_what_it_lacks()
    }

    /// Keys of the table that are of other nets.
    pub(super) fn keys_that_its_net_lacks(&self) -> Vec<&'static str> {
        let model = self.model_name();
        let keys = OF_SOME_NETS.into_iter();
        keys.filter(|key| !model.takes(key)).collect()
    }

    /// Refuses settings that its net does not have, rather than leaving them unread.
    fn refuse_what_it_lacks(&self) -> Result<(), SettingsError> {
        let model = self.model_name();
        let plain = Self::default();
        let is_set = [
            self.depth != plain.depth,
            self.width != plain.width,
            self.statistics_batch != plain.statistics_batch,
            self.shortcut.is_some(),
            self.zero_gamma.is_some(),
            self.dropout.is_some(),
            self.drop_path.is_some(),
        ];
        for (setting, is_set) in OF_SOME_NETS.into_iter().zip(is_set) {
            if is_set && !model.takes(setting) {
                return Err(SettingsError::NotApplicable {
                    setting: setting.to_owned(),
                    context: model.name().to_owned(),
                    allowed: "leave it out".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Makes the net under `path`, for pictures of `[height, width]`.
    pub(super) fn build_model(
        &self,
        path: &nn::Path,
        [height, width]: [i64; 2],
        classes: i64,
        seed: u64,
    ) -> Result<Box<dyn Model>, DataError> {
        let model = self.model_name();
        let (least, step) = (model.smallest_image(), model.image_size_step());
        let found = || format!("images of {width} × {height} pixels");
        // With a transform its size is that of the images, whatever the data are.
        let unusable = |expected: String| match &self.transform {
            Some(transform) => DataError::Setting(SettingsError::OutOfRange {
                setting: "transform.size".to_owned(),
                value: transform.size.to_string(),
                allowed: expected,
            }),
            None => DataError::unusable(Path::new(&self.data), found(), expected),
        };
        if height.min(width) < least {
            let name = model.name();
            return Err(unusable(format!("{least} or more a side, for {name}")));
        }
        if model.has_positions() && (height != width || width % step != 0) {
            let name = model.name();
            return Err(unusable(format!(
                "square ones with sides of a multiple of {step}, for {name}"
            )));
        }
        let own = ImageModelOptions::new(width, classes);
        let options = ImageModelOptions {
            depth: self.depth,
            width: self.width,
            shortcut: self.shortcut.unwrap_or(own.shortcut),
            statistics_batch: self.statistics_batch,
            init: self.init,
            zero_gamma: self.zero_gamma,
            dropout: self.dropout,
            drop_path: self.drop_path.unwrap_or(own.drop_path),
            ..own
        };
        Ok(model.build(path, &options, seed))
    }
}
