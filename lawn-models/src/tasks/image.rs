//! Image classification: the kind `image`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::Device;
use tch::nn::VarStore;

use super::generated;
use super::kind::{AssembledNet, AssembledTask, Counts, Files, Kind, Surroundings, TaskMetrics};
use super::left_by::{of_kind, that_left};
use super::named;
use super::stated::{DataSize, StatedSizes};
use super::task::{Net, TableRows, Task};
use crate::data::checked::CheckedData;
use crate::data::images::{
    self, Augmentation, BadFiles, GeneratedImages, Mixup, Part, Reading, Scan, ScanProgress, Sets,
    Showing, Source, TransformConfig,
};
use crate::data::{DataError, GENERATED};
use crate::device::{available_memory, let_go_of_host_memory};
use crate::measure::{Accuracy, Floor, Split, floors};
use crate::models::{CifarShortcut, ImageModelName, Init, Layout, TablePart};
use crate::trial::{SettingsError, TestPermit, require};

/// What `generated` was called once, and is still called in the files of a run.
const THEN: &str = "procedural";

/// Pixels a side of images that are not there and stay as they are: those of CIFAR.
const SIDE: u32 = 32;

/// Image classification with one of the nets of [`ImageModelName`].
///
/// A data set is a folder of JPEG, PNG or WebP files under the data root:
///
/// ```text
/// NAME/train/CLASS/…
/// NAME/test/CLASS/…        the same classes; or NAME/val
/// ```
///
/// Part of each class of train is held out for validation; as many of those that
/// stay, shown as they are, are measured as the train split.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ImageConfig {
    /// `"generated"`, or the name of an image folder under the data root.
    #[serde(serialize_with = "write_data", deserialize_with = "read_data")]
    #[schemars(length(min = 1))]
    pub data: String,
    /// The net by name, such as `resnet50`, `vgg16_bn` or `vit_s_16`; where nothing is said
    /// `resnet_cifar`, the residual network for small images.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "named::read_some"
    )]
    #[schemars(extend("default" = ImageModelName::ResnetCifar))]
    pub model: Option<ImageModelName>,
    /// Depth of the network, `6n + 2`; of `resnet_cifar` only.
    #[schemars(range(min = 8, max = 1202))]
    pub depth: i64,
    /// Channels of the first stage; the second and third have two and four
    /// times as many. Of `resnet_cifar` only.
    #[schemars(range(min = 1, max = 1024))]
    pub width: i64,
    /// The way around a block that halves the picture: `a`, without parameters, or `b`, a
    /// convolution; `a` where nothing is said. Of `resnet_cifar` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = CifarShortcut::default()))]
    pub shortcut: Option<CifarShortcut>,
    /// Whose rules the initial values follow; where nothing is said `paper` for
    /// `resnet_cifar` and `vit_s_16_algoperf`, `timm` for `vit_s_16`, `torchvision` for the
    /// others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// Whether the last normalization of each block of a residual network begins with a
    /// scale of 0; where nothing is said it does with `init = "timm"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_gamma: Option<bool>,
    /// Rate of the dropout of a VGG or a vision transformer; 0.5 and 0 where nothing is
    /// said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: Option<f64>,
    /// Rate at which the last block of a vision transformer is dropped for a sample
    /// (stochastic depth), less in the blocks before; 0 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = f64::default()))]
    pub drop_path: Option<f64>,
    /// A safetensors file under the data root with the weights that training begins with:
    /// each variable of the net, and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_from: Option<PathBuf>,
    /// Samples that one set of batch-normalization statistics is taken over
    /// (ghost batch). Independent of batch and micro-batch.
    #[schemars(range(min = 2, max = u32::MAX))]
    pub statistics_batch: u64,
    /// What training sees of an image: `true` for random crops and flips, `false` for none, or a
    /// policy beside them, `"randaugment"` or `"trivialaugment"`.
    pub augment: Augmentation,
    /// What targets lean towards all classes alike: 0 is none, 0.1 usual in large batches.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = f64::default()))]
    pub label_smoothing: f64,
    /// The α of mixup: training sees pairs of images mixed by λ and 1 − λ, with λ of Beta(α, α),
    /// and targets mixed alike; none where it is left out, 0.2 usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub mixup: Option<f64>,
    /// Whether weights and images lie with their channels last in memory: the same up to
    /// rounding, and faster in half precision.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = bool::default()))]
    pub channels_last: bool,
    /// Part of each class of the train folder held out for validation.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub validation_fraction: f64,
    /// Seeds the held-out images: part of the data set, not of the trial.
    pub split_seed: u64,
    /// What becomes of files that cannot be read as images: `"fail"`, or `"exclude"`, which
    /// counts them and trains without them.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = BadFiles::default()))]
    pub bad_files: BadFiles,
    /// Whether images are turned as their EXIF tags say. Published accuracies are measured
    /// without.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = bool::default()))]
    pub exif_orientation: bool,
    /// How images of any size become those of one size. Without it all images have one size,
    /// and stay as they are but for random flips, and crops after padding by an eighth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformConfig>,
    /// Sizes of the generated images; only where `data = "generated"`.
    #[serde(rename(serialize = "procedural"), alias = "procedural")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedImages>,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            data: GENERATED.to_owned(),
            model: None,
            depth: 20,
            width: 16,
            shortcut: None,
            init: None,
            zero_gamma: None,
            dropout: None,
            drop_path: None,
            init_from: None,
            statistics_batch: 128,
            augment: Augmentation::Basic(true),
            label_smoothing: 0.0,
            mixup: None,
            channels_last: false,
            validation_fraction: 0.1,
            split_seed: 0,
            bad_files: BadFiles::default(),
            exif_orientation: false,
            transform: None,
            generated: None,
        }
    }
}

/// Whether a key is left out of the text that a trial is known by: it came later than trials
/// that do not have it.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn read_data<'de, D: Deserializer<'de>>(table: D) -> Result<String, D::Error> {
    generated::read(table, THEN)
}

fn write_data<S: Serializer>(data: &str, into: S) -> Result<S::Ok, S::Error> {
    generated::write(data, into, THEN)
}

impl ImageConfig {
    /// Half of the memory that is left, on as many threads as one operation may use.
    fn reading(&self) -> Reading {
        let_go_of_host_memory();
        Reading {
            bad_files: self.bad_files,
            exif: self.exif_orientation,
            room: available_memory().map_or(u64::MAX, |left| left / 2),
            threads: tch::get_num_threads().max(1) as usize,
        }
    }
}

impl Kind for ImageConfig {
    const NAME: &'static str = "image";
    const ABOUT: &'static str =
        "classification of images by residual networks, VGGs and vision transformers";
    const METRICS: TaskMetrics = TaskMetrics {
        primary: "top-1",
        all: &["top-1", "top-5"],
        higher_is_better: true,
        turned: &[],
        unranked: &[],
    };
    const RENAMED: &'static [(&'static str, &'static str)] = &[(THEN, GENERATED)];

    const SIZES: &'static [DataSize] = &[DataSize::Classes];

    type Generated = GeneratedImages;

    fn data(&self) -> &str {
        &self.data
    }

    fn weights(&self) -> Option<&Path> {
        self.init_from.as_deref()
    }

    fn statistics_batch(&self) -> u64 {
        match self.model_name().takes("statistics_batch") {
            true => self.statistics_batch,
            false => 1,
        }
    }

    fn resolve(&mut self) {
        // The same net under either of its names is the same trial.
        self.model = self
            .model
            .filter(|&model| model != ImageModelName::ResnetCifar);
        if let Some(transform) = &mut self.transform {
            transform.resolve();
        }
        if self.data == GENERATED {
            self.generated.get_or_insert_default();
        }
    }

    fn validate(&self) -> Result<(), SettingsError> {
        require(!self.data.is_empty(), "data", "empty", "a data set's name")?;
        self.validate_model()?;
        require(
            (0.0..1.0).contains(&self.label_smoothing),
            "label_smoothing",
            self.label_smoothing,
            "at least 0 and below 1",
        )?;
        self.augment.validate()?;
        let alpha = self.mixup.unwrap_or(1.0);
        require(
            alpha > 0.0 && alpha <= 1.0,
            "mixup",
            alpha,
            "above 0 and up to 1",
        )?;
        require(
            self.validation_fraction > 0.0 && self.validation_fraction < 1.0,
            "validation_fraction",
            self.validation_fraction,
            "above 0 and below 1",
        )?;
        self.transform
            .as_ref()
            .map_or(Ok(()), TransformConfig::validate)?;
        generated::require_beside(&self.data, self.generated.is_some())?;
        if self.data == GENERATED {
            self.refuse_keys_of_files("generated images")?;
        }
        self.generated
            .as_ref()
            .map_or(Ok(()), |sizes| sizes.validate())
    }

    fn assemble(&self, surroundings: Surroundings<'_>) -> Result<AssembledTask, DataError> {
        self.put_together(surroundings, self.reading())
            .map(AssembledTask)
    }

    fn net(&self, stated: &StatedSizes, _: TablePart) -> Result<AssembledNet, DataError> {
        let classes = stated.classes.map(i64::from);
        let classes = classes.ok_or_else(|| DataError::Setting(DataSize::Classes.missing()))?;
        let side = self.transform.as_ref().map_or(SIDE, |one| one.size);
        let store = VarStore::new(Device::Cpu);
        let model = self.build_model(&store.root(), [i64::from(side); 2], classes, 0)?;
        let rows = TableRows::new();
        Ok(AssembledNet(Net { store, model, rows }))
    }

    fn floors(
        &self,
        data_root: Option<&Path>,
        permit: Option<&TestPermit>,
    ) -> Result<Vec<Floor>, DataError> {
        let reading = self.reading();
        let source = self.source(data_root)?;
        let train = source.train(reading)?;
        let split = self.split(&train.labels, train.classes.len());
        let labels = |chosen: &[u32]| -> Vec<u32> {
            let label = |&index: &u32| train.labels[index as usize];
            chosen.iter().map(label).collect()
        };
        let mut answers = vec![(Split::Validation, labels(&split.validation))];
        if let Some(permit) = permit {
            let test = source.test(permit, reading)?;
            answers.push((Split::Test, test.labels));
        }
        Ok(floors::accuracy::floors(
            train.classes.len(),
            &labels(&split.train),
            &answers,
        ))
    }

    fn files(&self, root: &Path, split: Files) -> Result<Vec<PathBuf>, DataError> {
        self.source(Some(root))?.files(part(split))
    }

    fn scan(
        &self,
        root: &Path,
        splits: &[Files],
        progress: ScanProgress<'_>,
    ) -> Result<Vec<Scan>, DataError> {
        let parts: Vec<Part> = splits.iter().map(|&split| part(split)).collect();
        self.scanned(&self.source(Some(root))?, &parts, progress)
    }

    fn survey(
        &self,
        data_root: Option<&Path>,
        _permit: &TestPermit,
    ) -> Result<Vec<String>, DataError> {
        // Its weights alone are read.
        let mut lines = match self.data == GENERATED {
            true => Vec::new(),
            false => self.source(data_root)?.survey()?,
        };
        lines.extend(self.seen_before(data_root));
        Ok(lines)
    }

    fn sheet(&self, data_root: Option<&Path>, seed: u64) -> Result<Option<Vec<u8>>, DataError> {
        let sets = self.sets(self.source(data_root)?, self.reading(), seed)?;
        images::sheet(&sets, 1)
            .and_then(|sheet| images::png(&sheet))
            .map(Some)
    }

    fn describe(folder: &Path) -> Option<Result<Counts, DataError>> {
        images::describe(folder)
    }

    fn check(
        &self,
        folder: &Path,
        progress: ScanProgress<'_>,
    ) -> Option<Result<CheckedData, DataError>> {
        self.checked(folder, progress)
    }

    fn idle(&self) -> Vec<&'static str> {
        self.keys_that_its_net_lacks()
    }

    fn write(sizes: &GeneratedImages, folder: &Path) -> Result<(), DataError> {
        sizes
            .validate()
            .map_err(|error| DataError::options(Self::NAME, &error))?;
        images::write(sizes, folder)
    }
}

impl ImageConfig {
    /// Whether the weights that training begins with have seen images that are measured here, as far
    /// as their file says it. Weights of other data have not.
    fn seen_before(&self, data_root: Option<&Path>) -> Option<String> {
        let root = data_root.unwrap_or(Path::new(""));
        let table = that_left(&root.join(self.init_from.as_ref()?))?;
        let then: Self = of_kind(table, Self::NAME)?;
        let held_out = |task: &Self| (task.validation_fraction, task.split_seed, task.bad_files);
        if then.data != self.data || held_out(&then) == held_out(self) {
            return None;
        }
        Some(format!(
            "init_from was trained on {} with validation_fraction {} and split_seed {}, here {} and {}: it \
             has seen images that are measured here as validation",
            self.data,
            then.validation_fraction,
            then.split_seed,
            self.validation_fraction,
            self.split_seed
        ))
    }

    pub(super) fn source(&self, root: Option<&Path>) -> Result<Source, DataError> {
        Source::of(&self.data, self.generated.as_ref(), root)
    }

    fn put_together(
        &self,
        surroundings: Surroundings<'_>,
        reading: Reading,
    ) -> Result<Task, DataError> {
        let (device, seed) = (surroundings.device, surroundings.seed);
        let source = self.source(surroundings.data_root)?;
        let sets = self.sets(source, reading, seed)?;
        let store = VarStore::new(device);
        let classes = sets.classes as i64;
        let model = self.build_model(&store.root(), sets.sides, classes, seed)?;
        let layout = if self.channels_last {
            Layout::ChannelsLast
        } else {
            Layout::Contiguous
        };
        layout.lay_weights(&store);
        Ok(Task {
            model,
            objective: Box::new(
                Accuracy::new(device, sets.measured, sets.test)
                    .with_label_smoothing(self.label_smoothing),
            ),
            dataset: sets.train,
            layout,
            rows: TableRows::new(),
            needs_two: self.model_name().normalized_values(sets.sides) == Some(1),
            store,
        })
    }

    pub(super) fn sets(
        &self,
        source: Source,
        reading: Reading,
        seed: u64,
    ) -> Result<Sets, DataError> {
        let showing = Showing {
            transform: self.transform.as_ref(),
            augmentation: self.augment,
            seed,
        };
        let split = |labels: &[u32], classes| self.split(labels, classes);
        let mut sets = Sets::open(source, reading, showing, split)?;
        if let Some(alpha) = self.mixup {
            let classes = sets.classes as i64;
            sets.train = Arc::new(Mixup::new(sets.train, alpha, classes, seed));
        }
        Ok(sets)
    }

    /// The train images, split.
    fn split(&self, labels: &[u32], classes: usize) -> images::Split {
        images::Split::new(labels, classes, self.validation_fraction, self.split_seed)
    }
}

/// The split of a folder that holds these files.
fn part(split: Files) -> Part {
    match split {
        Files::Train => Part::Train,
        Files::Test => Part::Test,
    }
}

#[cfg(test)]
mod tests;
