use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::PossibleValuesParser;
use lawn_models::models::{CifarShortcut, ImageModelName};
use lawn_models::{
    BadFile, BadFiles, DataError, EvaluationError, ImageAccuracy, ImageEvaluation, ImageSplit,
    Interpolation, Normalization, Precision, SettingsError, TransformConfig,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output::{print, to_json};
use super::values::{DataRoot, positive};
use crate::config::DeviceChoice;
use crate::error::{Fault, Place};
use crate::process::streams;
use crate::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn eval --model resnet18 --weights resnet18.safetensors --data imagenet --data-root ~/data
  lawn eval --model resnet_cifar --depth 56 --no-transform --weights model.safetensors --data cifar10 --data-root ~/data
  lawn eval --model vit_s_16 --weights vit.safetensors --data imagenet --data-root ~/data --device auto --precision bf16 --json
  lawn eval --model vit_s_16 --resize 248 --interpolation bicubic --normalization half --weights augreg.safetensors --data imagenet --data-root ~/data")]
pub(super) struct Eval {
    /// The net. `resnet_cifar` without `--depth` and `--width` is one of 20 layers whose first
    /// stage has 16 channels, as in a task that does not set them.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(models()))]
    model: String,
    /// Layers of a `resnet_cifar`, 6n + 2 [default: 20].
    #[arg(long, value_name = "LAYERS")]
    depth: Option<i64>,
    /// Channels of the first stage of a `resnet_cifar` [default: 16].
    #[arg(long, value_name = "CHANNELS")]
    width: Option<i64>,
    /// The way around a block of a `resnet_cifar` that halves the picture: `a`, without
    /// parameters, or `b`, a convolution [default: a].
    #[arg(long, value_parser = ["a", "b"])]
    shortcut: Option<String>,
    /// Its weights, as safetensors under torchvision's or timm's names.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The data set under the data root: NAME/test/CLASS or NAME/val/CLASS.
    #[arg(long, value_name = "NAME")]
    data: String,
    #[command(flatten)]
    root: DataRoot,
    /// What is measured: `test` is the folder test, or val as publishers call it; `train` all
    /// of the folder train.
    #[arg(long, default_value = "test", value_parser = ["test", "train"])]
    split: String,
    /// Length of the shorter side before the middle is cut out, in pixels; 8/7 of the size
    /// where it is left out.
    #[arg(long, value_name = "PIXELS")]
    resize: Option<u32>,
    /// Height and width of what the net is given, in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = TransformConfig::default().size)]
    size: u32,
    /// How images are resized: `bilinear` as for torchvision's weights, `bicubic` as for most of
    /// timm's.
    #[arg(long, default_value = "bilinear", value_parser = ["bilinear", "bicubic"])]
    interpolation: String,
    /// What is taken off each channel: `imagenet` as torchvision's weights want it, `half`
    /// for values from -1 to 1.
    #[arg(long, default_value = "imagenet", value_parser = ["imagenet", "half"])]
    normalization: String,
    /// Measure as a task without `transform` does: images of one size stay as they are, and are
    /// normalized by those that the task trains on, so a train folder is needed.
    #[arg(long, conflicts_with_all = ["size", "resize", "interpolation", "normalization"])]
    no_transform: bool,
    /// The task's `validation_fraction`, which says with `--split-seed` what it trained on
    /// [default: 0.1].
    #[arg(long, value_name = "PART", requires = "no_transform")]
    validation_fraction: Option<f64>,
    /// The task's `split_seed` [default: 0].
    #[arg(long, value_name = "SEED", requires = "no_transform")]
    split_seed: Option<u64>,
    /// Turn images as their EXIF says, as the task's `exif_orientation` does.
    #[arg(long)]
    exif_orientation: bool,
    /// Leave out files that cannot be read, as the task's `bad_files = "exclude"` does, in place of
    /// naming them and measuring nothing.
    #[arg(long)]
    exclude_bad_files: bool,
    /// Kind of numbers that products and convolutions are computed in.
    #[arg(long, default_value = "f32", value_parser = ["f32", "bf16", "f16"])]
    precision: String,
    /// Where it is computed.
    #[arg(long, default_value = "cpu", value_parser = ["cpu", "cuda", "auto"])]
    device: String,
    /// Images that the net is given at once.
    #[arg(long, value_name = "IMAGES", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    batch_size: u64,
    /// Threads that decode and compute; all processors where it is left out.
    #[arg(long, value_name = "COUNT", value_parser = positive, allow_negative_numbers = true)]
    threads: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Names of the nets.
fn models() -> impl Iterator<Item = &'static str> {
    ImageModelName::ALL.iter().map(|model| model.name())
}

/// Time between two lines of progress.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortcut: Option<&'a str>,
    weights: &'a PathBuf,
    data: &'a str,
    split: &'a str,
    normalization: &'a str,
    precision: &'a str,
    #[serde(flatten)]
    accuracy: &'a ImageAccuracy,
    images_per_second: f64,
}

impl Eval {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let data_root = self.root.folder().ok_or_else(Error::no_data_root_given)?;
        if let Some(threads) = self.threads {
            lawn_models::set_threads(u32::try_from(threads).unwrap_or(u32::MAX));
        }
        let transform = TransformConfig {
            size: self.size,
            resize: self.resize,
            interpolation: word::<Interpolation>(&self.interpolation),
            normalization: word::<Normalization>(&self.normalization),
            ..TransformConfig::default()
        };
        let evaluation = ImageEvaluation {
            model: word(&self.model),
            weights: self.weights.clone(),
            data: self.data.clone(),
            data_root: data_root.to_owned(),
            split: word::<ImageSplit>(&self.split),
            transform: (!self.no_transform).then_some(transform),
            depth: self.depth,
            width: self.width,
            shortcut: self.shortcut.as_deref().map(word::<CifarShortcut>),
            validation_fraction: self.validation_fraction.unwrap_or(0.1),
            split_seed: self.split_seed.unwrap_or(0),
            exif_orientation: self.exif_orientation,
            bad_files: match self.exclude_bad_files {
                true => BadFiles::Exclude,
                false => BadFiles::Fail,
            },
            precision: word::<Precision>(&self.precision),
            batch_size: self.batch_size,
            device: word::<DeviceChoice>(&self.device).here(),
        };
        let (began, told) = (Instant::now(), Cell::new(Instant::now()));
        let progress = |done: u64, total: u64| {
            if told.get().elapsed() >= TOLD_EVERY {
                told.set(Instant::now());
                let rate = done as f64 / began.elapsed().as_secs_f64();
                streams::say(&format!("{done} of {total} images, {rate:.0} images/s"));
            }
        };
        let accuracy = lawn_models::evaluate_images(&evaluation, &progress).map_err(of_eval)?;
        for line in &accuracy.differs {
            streams::say(&format!("warning: {}: {line}", self.weights.display()));
        }
        print(&self.described(&accuracy));
        Ok(Exit::Ok)
    }

    /// What is taken off each channel, in a word.
    fn normalized(&self) -> &str {
        match self.no_transform {
            true => "train",
            false => &self.normalization,
        }
    }

    fn described(&self, accuracy: &ImageAccuracy) -> String {
        let images_per_second = accuracy.images as f64 / accuracy.seconds;
        if self.json {
            return to_json(&Printed {
                model: &self.model,
                depth: self.depth,
                width: self.width,
                shortcut: self.shortcut.as_deref(),
                weights: &self.weights,
                data: &self.data,
                split: &self.split,
                normalization: self.normalized(),
                precision: &self.precision,
                accuracy,
                images_per_second,
            });
        }
        let line = |name: &str, share: f64, right: u64| {
            let percent = 100.0 * share;
            format!("{name}  {percent:.3} %  {right} of {}\n", accuracy.images)
        };
        let among_five = match accuracy.classes {
            // Every answer is among them.
            0..=5 => String::new(),
            _ => line("top-5  ", accuracy.top_5, accuracy.right_among_five),
        };
        let left_out = match accuracy.left_out {
            0 => String::new(),
            1 => "1 file cannot be read and is left out\n".to_owned(),
            files => format!("{files} files cannot be read and are left out\n"),
        };
        format!(
            "{} with {} on {}/{}, {} classes, {}\n{}{among_five}{left_out}resize   {}; normalization {}\ndecoder  {}\n{:.1} images/s, {:.1} s\n",
            self.model,
            self.weights.display(),
            self.data,
            self.split,
            accuracy.classes,
            self.precision,
            line("top-1  ", accuracy.top_1, accuracy.right),
            accuracy.resize,
            self.normalized(),
            accuracy.decoder,
            images_per_second,
            accuracy.seconds,
        )
    }
}

/// Keys of a task, and the options that stand for them here.
const OPTIONS: [(&str, &str); 4] = [
    ("exif_orientation", "--exif-orientation"),
    ("bad_files", "--exclude-bad-files"),
    ("transform.size", "--size"),
    ("transform.resize", "--resize"),
];

/// The same about the option that stands for a key.
fn of_option(error: SettingsError) -> EvaluationError {
    let option = OPTIONS.iter().find(|(key, _)| *key == error.setting());
    EvaluationError::Settings(match option {
        Some((_, option)) => error.called(option),
        None => error,
    })
}

/// What is advised of a sweep is another option here.
fn of_eval(error: EvaluationError) -> Error {
    match error {
        EvaluationError::Settings(error) | EvaluationError::Data(DataError::Setting(error)) => {
            of_option(error).into()
        }
        EvaluationError::Data(DataError::Turned { path, turned }) => {
            let (not, advice) = match turned {
                true => ("", "give --exif-orientation, or a pack made without it"),
                false => (
                    "not ",
                    "leave --exif-orientation out, or give a pack made with it",
                ),
            };
            let found = format!("images were {not}turned as their EXIF says when they were packed");
            let fault = Fault::new(Place::file(path), found).advice(advice);
            Error::Option(Box::new(fault))
        }
        EvaluationError::Data(DataError::ImageSize {
            path,
            found,
            expected,
            like,
        }) => {
            let pixels = |[height, width]: [usize; 2]| format!("{width} × {height} pixels");
            let found = format!(
                "an image has {}, not {}, as {like}",
                pixels(found),
                pixels(expected)
            );
            let fault = Fault::new(Place::file(path), found)
                .advice("without --no-transform images of any size are measured");
            Error::Option(Box::new(fault))
        }
        EvaluationError::Data(DataError::BadFiles { folder, files, bad }) => {
            let named = |file: &BadFile| format!("{}: {}", file.path.display(), file.reason);
            let bad: Vec<String> = bad.iter().map(named).collect();
            Error::bad_files(folder, files, &bad, "measure")
        }
        error => error.into(),
    }
}

/// The value that a word stands for, which the command line allows.
///
/// # Panics
/// If it stands for none: then the list of allowed words is wrong.
fn word<T: DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(word.into()).expect("the command line allows words of this type only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_is_allowed_stands_for_something() {
        for model in models() {
            assert_eq!(word::<ImageModelName>(model).name(), model);
        }
        for name in ["test", "train"] {
            word::<ImageSplit>(name);
        }
        for name in ["imagenet", "half"] {
            word::<Normalization>(name);
        }
        for name in ["bilinear", "bicubic"] {
            word::<Interpolation>(name);
        }
        for name in ["a", "b"] {
            word::<CifarShortcut>(name);
        }
        for name in ["f32", "bf16", "f16"] {
            word::<Precision>(name);
        }
        for name in ["cpu", "cuda", "auto"] {
            word::<DeviceChoice>(name);
        }
    }
}
