//! Weights from elsewhere, measured on a folder of images.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;
use tch::{Device, Tensor};
use thiserror::Error;

use super::image::ImageConfig;
use super::kind::Kind;
use super::left_by::{of_kind, that_left};
use crate::data::images::{
    BadFiles, EvaluatedSplit, Part, Reading, TransformConfig, image_decoder,
};
use crate::data::{DataError, Dataset, Loader, Request};
use crate::device::{Autocast, HalfKind, require_device};
use crate::measure::Right;
use crate::models::{
    CifarShortcut, ImageModelName, Init, Mode, UnusableValues, WeightsError, load_weights,
    unusable_values,
};
use crate::trial::{Precision, SettingsError, TestPermit, require};

/// What is measured, on what, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageEvaluation {
    /// The net.
    pub model: ImageModelName,
    /// Its weights: safetensors with each of its variables, and nothing else.
    pub weights: PathBuf,
    /// Name of the data set.
    pub data: String,
    /// Folder that it lies in.
    pub data_root: PathBuf,
    /// The split that is measured.
    pub split: ImageSplit,
    /// How images become those that the net is given; what is for training is not looked at.
    /// None measures as a task without a transform does: all images have one size, and are
    /// normalized by the statistics of the images that the task trains on.
    pub transform: Option<TransformConfig>,
    /// Layers of a `resnet_cifar`; 20 where nothing is said.
    pub depth: Option<i64>,
    /// Channels of the first stage of a `resnet_cifar`; 16 where nothing is said.
    pub width: Option<i64>,
    /// The way around a block that halves the picture, in a `resnet_cifar`.
    pub shortcut: Option<CifarShortcut>,
    /// Part of each class of train that the task held out; decides the statistics of images
    /// without a transform.
    pub validation_fraction: f64,
    /// What the task drew the held-out images with.
    pub split_seed: u64,
    /// Whether images are turned as their EXIF says, as for the task that left the weights.
    pub exif_orientation: bool,
    /// What becomes of files that cannot be read.
    pub bad_files: BadFiles,
    /// Kind of numbers that products and convolutions are computed in.
    pub precision: Precision,
    /// Images that the net is given at once: no part of the result, but for rounding.
    pub batch_size: u64,
    /// Where it is computed.
    pub device: Device,
}

/// A split of a folder of images.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ImageSplit {
    /// All of the train folder.
    Train,
    /// The folder `test`, or `val`, as publishers call it who keep their test labels.
    #[default]
    Test,
}

/// How often the right class was found, and all that this depends on.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ImageAccuracy {
    /// Images that were measured.
    pub images: u64,
    /// Classes that were told apart.
    pub classes: u64,
    /// Images whose class has the greatest logit.
    pub right: u64,
    /// Images whose class has one of the five greatest.
    pub right_among_five: u64,
    /// `right / images`.
    pub top_1: f64,
    /// `right_among_five / images`.
    pub top_5: f64,
    /// What read the files.
    pub decoder: String,
    /// What made images of one size of them.
    pub resize: String,
    /// Files that could not be read and were left out.
    pub left_out: u64,
    /// In what the task that left the weights was another than what is measured, by the metadata
    /// of their file; a line each.
    pub differs: Vec<String>,
    /// Seconds from the first image to the last answer.
    pub seconds: f64,
}

/// Weights that could not be measured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data set is absent or cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The weights cannot be read, or are those of another net.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The device is not there.
    #[error("device {device} cannot be used: {reason}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The weights have values that no net computes anything with.
    #[error("weights {path}: {values}, expected finite ones, and variances of 0 or more")]
    UnusableValues {
        /// The file of weights.
        path: PathBuf,
        /// What is wrong, and where.
        values: UnusableValues,
    },
    /// The net does not answer with numbers.
    #[error("weights {path}: an image among the first {images} has a logit that is not finite")]
    NotFinite {
        /// The file of weights.
        path: PathBuf,
        /// Images that were answered by then.
        images: u64,
    },
}

/// Measures weights on a split of a folder of images; `progress` is told how many images are
/// answered, and how many there are.
///
/// Images are read and decoded while those before them are answered. What the net is given is
/// what a trial's evaluation gives it: the shorter side resized, the middle cut out, normalized.
///
/// # Errors
/// [`EvaluationError`]; a file that cannot be read is named.
///
/// ```no_run
/// use lawn_models::models::ImageModelName;
/// use lawn_models::{
///     BadFiles, Device, ImageEvaluation, ImageSplit, Precision, TransformConfig,
///     evaluate_images,
/// };
/// let accuracy = evaluate_images(
///     &ImageEvaluation {
///         model: ImageModelName::Resnet18,
///         weights: "resnet18.safetensors".into(),
///         data: "imagenet".into(),
///         data_root: "data".into(),
///         split: ImageSplit::Test,
///         transform: Some(TransformConfig::default()),
///         depth: None,
///         width: None,
///         shortcut: None,
///         validation_fraction: 0.1,
///         split_seed: 0,
///         exif_orientation: false,
///         bad_files: BadFiles::Fail,
///         precision: Precision::F32,
///         batch_size: 100,
///         device: Device::Cpu,
///     },
///     &|_, _| (),
/// )?;
/// println!("{:.3} %", 100.0 * accuracy.top_1);
/// # Ok::<(), lawn_models::EvaluationError>(())
/// ```
pub fn evaluate_images(
    evaluation: &ImageEvaluation,
    progress: &dyn Fn(u64, u64),
) -> Result<ImageAccuracy, EvaluationError> {
    let (mut right, mut right_among_five) = (0, 0);
    let mut answered = 0;
    let measured = answer(evaluation, &mut |logits, targets, total| {
        let found = Right::count(logits, targets);
        right += found.first;
        right_among_five += found.among_five;
        answered += targets.size()[0] as u64;
        progress(answered, total);
    })?;
    let share = |count: u64| count as f64 / measured.images as f64;
    let resize = match &evaluation.transform {
        Some(transform) => format!(
            "shorter side to {}, {} with antialiasing as PIL's; the middle {} × {}",
            transform.shorter_side(),
            transform.interpolation.name(),
            transform.size,
            transform.size
        ),
        None => "none; normalized by the images that are trained on".to_owned(),
    };
    Ok(ImageAccuracy {
        images: measured.images,
        classes: measured.classes,
        right,
        right_among_five,
        top_1: share(right),
        top_5: share(right_among_five),
        decoder: image_decoder().to_owned(),
        resize,
        left_out: measured.left_out,
        differs: differences(evaluation),
        seconds: measured.seconds,
    })
}

/// What all batches came to.
struct Measured {
    images: u64,
    classes: u64,
    left_out: u64,
    seconds: f64,
}

/// Hands on the logits of each batch, its targets, and how many images there are.
fn answer(
    evaluation: &ImageEvaluation,
    batch: &mut dyn FnMut(&Tensor, &Tensor, u64),
) -> Result<Measured, EvaluationError> {
    let config = checked(evaluation)?;
    let device = evaluation.device;
    require_device(device).map_err(|error| EvaluationError::Device {
        device: error.device,
        reason: error.reason,
    })?;
    let reading = Reading {
        exif: evaluation.exif_orientation,
        bad_files: evaluation.bad_files,
        threads: tch::get_num_threads().max(1) as usize,
        ..Reading::default()
    };
    let Opened {
        images,
        classes,
        sides,
        left_out,
    } = opened(evaluation, &config, reading)?;
    let total = images.len();
    let store = VarStore::new(device);
    let model = config.build_model(&store.root(), sides, classes as i64, 0)?;
    load_weights(&store, &evaluation.weights)?;
    if let Some(values) = unusable_values(&store) {
        return Err(EvaluationError::UnusableValues {
            path: evaluation.weights.clone(),
            values,
        });
    }
    let size = evaluation.batch_size;
    let starts = (0..total).step_by(size as usize);
    let requests = starts.map(move |start| Request {
        epoch: 1,
        samples: start..total.min(start + size),
    });
    let began = Instant::now();
    let mut loader = Loader::start(images, device, requests);
    let _guard = tch::no_grad_guard();
    while let Some((request, images)) = loader.next_batch()? {
        let logits = {
            let _region =
                HalfKind::of(evaluation.precision).map(|kind| Autocast::begin(device, kind));
            model.forward(&images.inputs, Mode::Evaluate)
        };
        let logits = logits.to_kind(tch::Kind::Float);
        if logits.isfinite().all().int64_value(&[]) == 0 {
            return Err(EvaluationError::NotFinite {
                path: evaluation.weights.clone(),
                images: request.samples.end,
            });
        }
        batch(&logits, &images.targets, total);
    }
    Ok(Measured {
        images: total,
        classes,
        left_out,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// The images that are measured.
struct Opened {
    images: Arc<dyn Dataset>,
    classes: u64,
    /// Height and width of what the net is given.
    sides: [i64; 2],
    left_out: u64,
}

fn opened(
    evaluation: &ImageEvaluation,
    config: &ImageConfig,
    reading: Reading,
) -> Result<Opened, DataError> {
    let permit = TestPermit::of_a_person();
    let (data, root) = (&evaluation.data, &evaluation.data_root);
    let Some(transform) = &evaluation.transform else {
        let source = config.source(Some(root))?;
        let scans = config.scanned(&source, &[Part::Train, Part::Test], &|_, _| ())?;
        let sets = config.sets(source, reading, 0)?;
        return Ok(Opened {
            images: Arc::from((sets.test)(&permit)?),
            classes: sets.classes as u64,
            sides: sets.sides,
            left_out: scans.get(1).map_or(0, |test| test.bad.len() as u64),
        });
    };
    if let Ok(source) = config.source(Some(root)) {
        config.require_keys(&source)?;
    }
    let part = match evaluation.split {
        ImageSplit::Train => Part::Train,
        ImageSplit::Test => Part::Test,
    };
    let split = EvaluatedSplit::open(data, root, part, transform, reading, &permit)?;
    Ok(Opened {
        images: split.images,
        classes: split.classes.len() as u64,
        sides: [i64::from(transform.size); 2],
        left_out: split.left_out,
    })
}

/// In what the task that left the weights was another than what is measured.
///
/// Their file says it. What is for training alone is not looked at, nor are the data of a net that is
/// given images by fixed means and deviations: measuring on others is what this is for.
fn differences(evaluation: &ImageEvaluation) -> Vec<String> {
    let Some(table) = that_left(&evaluation.weights) else {
        return Vec::new();
    };
    let Some(then) = of_kind::<ImageConfig>(table, ImageConfig::NAME) else {
        return vec!["the weights were left by a task of another kind".to_owned()];
    };
    let shown = |transform: &Option<TransformConfig>| match transform {
        None => "none".to_owned(),
        Some(transform) => format!(
            "size {}, shorter side {}, {}, normalization {}",
            transform.size,
            transform.shorter_side(),
            transform.interpolation.name(),
            transform.normalization.name()
        ),
    };
    let mut pairs = vec![
        (
            "transform",
            shown(&then.transform),
            shown(&evaluation.transform),
        ),
        (
            "exif_orientation",
            then.exif_orientation.to_string(),
            evaluation.exif_orientation.to_string(),
        ),
    ];
    if evaluation.transform.is_none() {
        let fraction = |of: f64| of.to_string();
        pairs.extend([
            ("data", then.data.clone(), evaluation.data.clone()),
            (
                "validation_fraction",
                fraction(then.validation_fraction),
                fraction(evaluation.validation_fraction),
            ),
            (
                "split_seed",
                then.split_seed.to_string(),
                evaluation.split_seed.to_string(),
            ),
        ]);
    }
    pairs
        .into_iter()
        .filter(|(_, then, now)| then != now)
        .map(|(key, then, now)| {
            format!("`{key}` was {then} for the task that left the weights, and is {now} here")
        })
        .collect()
}

/// The task that the net is that of, checked as one.
fn checked(evaluation: &ImageEvaluation) -> Result<ImageConfig, SettingsError> {
    require(
        (1..=u64::from(u32::MAX)).contains(&evaluation.batch_size),
        "batch_size",
        evaluation.batch_size,
        "1 to 4294967295",
    )?;
    let is_measurable = evaluation.transform.is_some() || evaluation.split == ImageSplit::Test;
    require(is_measurable, "split", "train", "test, without a transform")?;
    for (setting, is_set) in [
        ("depth", evaluation.depth.is_some()),
        ("width", evaluation.width.is_some()),
        ("shortcut", evaluation.shortcut.is_some()),
    ] {
        if is_set && !evaluation.model.takes(setting) {
            return Err(SettingsError::NotApplicable {
                setting: setting.to_owned(),
                context: evaluation.model.name().to_owned(),
                allowed: "leave it out".to_owned(),
            });
        }
    }
    let plain = ImageConfig::default();
    let config = ImageConfig {
        data: evaluation.data.clone(),
        model: Some(evaluation.model),
        // All of them come from the file.
        init: Some(Init::Zeros),
        init_from: Some(evaluation.weights.clone()),
        transform: evaluation.transform.clone(),
        depth: evaluation.depth.unwrap_or(plain.depth),
        width: evaluation.width.unwrap_or(plain.width),
        shortcut: evaluation.shortcut,
        validation_fraction: evaluation.validation_fraction,
        split_seed: evaluation.split_seed,
        exif_orientation: evaluation.exif_orientation,
        bad_files: evaluation.bad_files,
        ..plain
    };
    config.validate()?;
    Ok(config)
}
