//! The image task as the trainer sees it.

use std::path::Path;

use lawn_core::Parameters;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};

use super::augment::{self, View};
use super::pixels::{Images, Statistics};
use super::resnet::ResNet;
use super::source::Source;
use super::split::Split;
use crate::DataError;
use crate::config::ImageConfig;
use crate::record::{self, Measurement};
use crate::trainer::{Batch, Measured, Task, TestPermit};

/// Images evaluated at once.
const IMAGES_AT_ONCE: usize = 500;

/// A model with its images.
#[derive(Debug)]
pub(crate) struct ImageTask {
    source: Source,
    images: Images,
    statistics: Statistics,
    split: Split,
    /// Pixels that a crop may move by; none without augmentation.
    padding: Option<i32>,
    statistics_batch: u64,
    seed: u64,
    store: VarStore,
    model: ResNet,
    /// Samples of the epoch under way.
    views: Vec<View>,
}

/// What a model answers on a set of images.
struct Answers {
    right: u64,
    total: u64,
    logit_mean_abs: f64,
    logit_max_abs: f64,
}

impl ImageTask {
    /// Loads the train images, splits them and makes the model.
    pub(crate) fn new(
        config: &ImageConfig,
        root: Option<&Path>,
        device: Device,
        seed: u64,
    ) -> Result<Self, DataError> {
        let source = Source::of(config, root)?;
        let images = source.train()?;
        let classes = images.classes.len();
        let split = Split::new(
            &images.labels,
            classes,
            config.validation_fraction,
            config.split_seed,
        );
        if split.validation.is_empty() {
            return Err(DataError::unusable(
                Path::new(&config.data),
                "one image a class or fewer",
                "two or more, one of them for validation",
            ));
        }
        let store = VarStore::new(device);
        let model = ResNet::new(&store, config, classes as i64, seed);
        Ok(Self {
            statistics: Statistics::over(&images, &split.train),
            padding: config.augment.then_some((images.width / 8) as i32),
            statistics_batch: config.statistics_batch,
            source,
            images,
            split,
            seed,
            store,
            model,
            views: Vec::new(),
        })
    }

    fn answers(&self, images: &Images, chosen: &[u32]) -> Answers {
        let _guard = tch::no_grad_guard();
        let mut answers = Answers {
            right: 0,
            total: chosen.len() as u64,
            logit_mean_abs: 0.0,
            logit_max_abs: 0.0,
        };
        for part in chosen.chunks(IMAGES_AT_ONCE) {
            let views: Vec<View> = part.iter().map(|&index| View::plain(index)).collect();
            let input = augment::tensor(images, &self.statistics, &views);
            let logits = self
                .model
                .forward(&input.to_device(self.store.device()), false);
            let right = logits
                .argmax(1, false)
                .eq_tensor(&self.labels(images, part));
            answers.right += right.sum(Kind::Int64).int64_value(&[]) as u64;
            let size = logits.abs();
            let mean = size.mean(Kind::Double).double_value(&[]);
            answers.logit_mean_abs += mean * part.len() as f64 / chosen.len() as f64;
            // `max` passes a NaN on, which `f64::max` would swallow.
            let most = size.max().double_value(&[]);
            if most.is_nan() || most > answers.logit_max_abs {
                answers.logit_max_abs = most;
            }
        }
        answers
    }

    fn labels(&self, images: &Images, chosen: &[u32]) -> Tensor {
        let label = |&index: &u32| i64::from(images.labels[index as usize]);
        let labels: Vec<i64> = chosen.iter().map(label).collect();
        Tensor::from_slice(&labels).to_device(self.store.device())
    }
}

impl Task for ImageTask {
    fn store(&self) -> &VarStore {
        &self.store
    }

    fn store_mut(&mut self) -> &mut VarStore {
        &mut self.store
    }

    fn parameters(&self) -> Result<Parameters, lawn_core::Error> {
        Parameters::from_var_store(&self.store)
    }

    fn train_samples(&self) -> u64 {
        self.split.train.len() as u64
    }

    fn divisible_by(&self) -> u64 {
        self.statistics_batch
    }

    fn start_epoch(&mut self, epoch: u64, _another: bool) {
        self.views = augment::views(&self.split.train, self.padding, self.seed, epoch);
    }

    fn batch(&self, start: u64, count: u64) -> Batch {
        let views = &self.views[start as usize..(start + count) as usize];
        let input = augment::tensor(&self.images, &self.statistics, views);
        let chosen: Vec<u32> = views.iter().map(|view| view.index).collect();
        Batch {
            inputs: vec![input.to_device(self.store.device())],
            targets: self.labels(&self.images, &chosen),
        }
    }

    fn loss(&self, batch: &Batch) -> Tensor {
        let logits = self.model.forward(&batch.inputs[0], true);
        logits.cross_entropy_loss::<Tensor>(&batch.targets, None, Reduction::Sum, -100, 0.0)
    }

    fn measure(&self) -> Measured {
        let probe = self.answers(&self.images, &self.split.probe);
        let validation = self.answers(&self.images, &self.split.validation);
        Measured {
            measurements: vec![
                probe.measurement(record::Split::Train),
                validation.measurement(record::Split::Validation),
            ],
            logit_mean_abs: probe.logit_mean_abs,
            logit_max_abs: probe.logit_max_abs,
        }
    }

    fn measure_test(&self, permit: &TestPermit) -> Result<Vec<Measurement>, DataError> {
        let images = self.source.test(permit, &self.images)?;
        let all: Vec<u32> = (0..images.len() as u32).collect();
        let answers = self.answers(&images, &all);
        Ok(vec![answers.measurement(record::Split::Test)])
    }
}

impl Answers {
    fn measurement(&self, split: record::Split) -> Measurement {
        Measurement {
            split,
            metric: "top-1".to_owned(),
            value: self.right as f64 / self.total as f64,
            count: Some(self.right),
            total: Some(self.total),
        }
    }
}
