//! The data sets that a task reads: train, what is measured, and test.

use std::path::Path;
use std::sync::Arc;

use super::augment::Shifts;
use super::dataset::{PlainImages, TrainImages};
use super::pictures::Pictures;
use super::pixels::Images;
use super::policy::Augmentation;
use super::reading::Reading;
use super::source::Source;
use super::split::Split;
use super::statistics::Statistics;
use super::transform::{Transform, TransformConfig};
use super::views::{RandomViews, Views};
use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::trial::TestPermit;

/// Opens the test split.
pub(crate) type OpenTest =
    Box<dyn Fn(&TestPermit) -> Result<Box<dyn Dataset>, DataError> + Send + Sync>;

/// The data sets of a task.
pub(crate) struct Sets {
    /// Number of classes.
    pub(crate) classes: usize,
    /// Height and width of what the network is given, in pixels.
    pub(crate) sides: [i64; 2],
    /// What is taken off each channel, and what that is divided by.
    pub(crate) statistics: Statistics,
    pub(crate) train: Arc<dyn Dataset>,
    /// Part of train as it is measured, and validation.
    pub(crate) measured: [Box<dyn Dataset>; 2],
    pub(crate) test: OpenTest,
}

/// How train images are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Showing<'a> {
    /// None where all images have one size, and keep it.
    pub(crate) transform: Option<&'a TransformConfig>,
    pub(crate) augmentation: Augmentation,
    /// Seed of the trial.
    pub(crate) seed: u64,
}

impl Sets {
    /// Opens `source`; `split` is given the labels of train, and the number of classes.
    ///
    /// # Errors
    /// [`DataError`] where it cannot be read, or no image is left for validation.
    pub(crate) fn open(
        source: Source,
        reading: Reading,
        showing: Showing<'_>,
        split: impl FnOnce(&[u32], usize) -> Split,
    ) -> Result<Self, DataError> {
        let pictures = source.train(reading)?;
        let split = split(&pictures.labels, pictures.classes.len());
        if split.validation.is_empty() {
            return Err(DataError::unusable(
                Path::new("train"),
                "one image a class or fewer",
                "two or more, one of them for validation",
            ));
        }
        match showing.transform {
            Some(transform) => Ok(Self::of_any_size(
                source, reading, showing, transform, pictures, split,
            )),
            None => Self::of_one_size(source, reading, showing, pictures, split),
        }
    }

    fn of_one_size(
        source: Source,
        reading: Reading,
        showing: Showing<'_>,
        pictures: Pictures,
        split: Split,
    ) -> Result<Self, DataError> {
        let images = Images::of_one_size(pictures, reading.room, reading.threads)?;
        let images = Arc::new(images);
        images.check(&split.validation, reading.threads)?;
        let statistics = Statistics::over(&images, &split.train, reading.threads)?;
        let plain = move |images: &Arc<Images>, chosen: Vec<u32>| {
            PlainImages::new(Arc::clone(images), statistics, chosen, reading.threads)
        };
        let measured = [split.probe, split.validation]
            .map(|chosen| -> Box<dyn Dataset> { Box::new(plain(&images, chosen)) });
        let train = plain(&images, split.train);
        let shifts = showing.augmentation.is_random().then_some(Shifts {
            most: (images.width / 8) as i32,
            policy: showing.augmentation.policy(),
        });
        Ok(Self {
            classes: images.classes.len(),
            sides: [images.height, images.width].map(|side| side as i64),
            statistics,
            train: Arc::new(TrainImages::new(train, shifts, showing.seed)),
            measured,
            test: Box::new(move |permit| {
                let test = source.test(permit, reading)?;
                let test = Images::of_one_size(test, reading.room, reading.threads)?;
                let test = Arc::new(test.like(&images)?);
                let all = (0..test.len() as u32).collect();
                Ok(Box::new(plain(&test, all)))
            }),
        })
    }

    fn of_any_size(
        source: Source,
        reading: Reading,
        showing: Showing<'_>,
        config: &TransformConfig,
        pictures: Pictures,
        split: Split,
    ) -> Self {
        let (transform, pictures) = (Transform::new(config), Arc::new(pictures));
        let statistics = config.normalization.statistics();
        let views = move |pictures: &Arc<Pictures>, chosen| {
            let pictures = Arc::clone(pictures);
            Views::new(pictures, chosen, transform, statistics, reading.threads)
        };
        let measured = [split.probe, split.validation]
            .map(|chosen| -> Box<dyn Dataset> { Box::new(views(&pictures, chosen)) });
        let train = views(&pictures, split.train);
        Self {
            classes: pictures.classes.len(),
            sides: [i64::from(config.size); 2],
            statistics,
            train: Arc::new(RandomViews::new(train, showing.augmentation, showing.seed)),
            measured,
            test: Box::new(move |permit| {
                let test = Arc::new(source.test(permit, reading)?);
                let all = (0..test.len() as u32).collect();
                Ok(Box::new(views(&test, all)))
            }),
        }
    }
}
