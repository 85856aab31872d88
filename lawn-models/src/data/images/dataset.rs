//! Images as samples: in an order that is new each epoch, or as they are.

use std::ops::Range;
use std::sync::Arc;

use tch::{Device, Tensor};

use super::augment::{self, Shifts, View};
use super::finish::Finish;
use super::moves::Move;
use super::pixels::Images;
use super::resident::Resident;
use super::statistics::Statistics;
use super::table::Table;
use super::transform::Scratch;
use crate::data::dataset::{Batch, Dataset};
use crate::data::error::DataError;

/// The images that gradients come from, shuffled and augmented.
pub(crate) struct TrainImages {
    images: PlainImages,
    shifts: Option<Shifts>,
    seed: u64,
    resident: Resident,
}

impl TrainImages {
    /// Without `shifts` nothing is augmented.
    pub(crate) fn new(images: PlainImages, shifts: Option<Shifts>, seed: u64) -> Self {
        Self {
            images,
            shifts,
            seed,
            resident: Resident::default(),
        }
    }
}

impl Dataset for TrainImages {
    fn len(&self) -> u64 {
        self.images.len()
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        self.batch_on(samples, epoch, Device::Cpu)
    }

    fn batch_on(
        &self,
        samples: Range<u64>,
        epoch: u64,
        device: Device,
    ) -> Result<Batch, DataError> {
        let key = [self.seed, epoch];
        let views = augment::views(&self.images.chosen, self.shifts, key, samples);
        let policy = self.shifts.and_then(|shifts| shifts.policy);
        // A policy changes pictures on the host.
        let resident = policy.is_none().then_some(&self.resident);
        let PlainImages {
            images, statistics, ..
        } = &self.images;
        let shown = |one: &Resident| one.shown(images, statistics, &views, device);
        if let Some(shown) = resident.and_then(shown) {
            let labels = views
                .iter()
                .map(|view| i64::from(images.labels[view.index as usize]));
            let labels = Tensor::from_slice(&labels.collect::<Vec<_>>());
            return Ok(Batch {
                inputs: vec![shown],
                targets: labels.to_device(device),
            });
        }
        self.images.show(&views, device, |view, scratch| {
            let Some(policy) = policy else {
                return view.moved;
            };
            view.apply(policy, key, scratch);
            Move::default()
        })
    }

    fn take_reason(&self) -> Option<String> {
        self.resident.take_reason()
    }
}

/// Chosen images as they are, in the order of their choice, the same each epoch.
pub(crate) struct PlainImages {
    images: Arc<Images>,
    statistics: Statistics,
    chosen: Vec<u32>,
    threads: usize,
}

impl PlainImages {
    /// `statistics` are taken off, `chosen` are indices, `threads` decode.
    pub(crate) fn new(
        images: Arc<Images>,
        statistics: Statistics,
        chosen: Vec<u32>,
        threads: usize,
    ) -> Self {
        Self {
            images,
            statistics,
            chosen,
            threads,
        }
    }

    /// Images as their views have them; `change` does what is done to the picture before it is
    /// moved, and says how that is still to be.
    fn show(
        &self,
        views: &[View],
        device: Device,
        change: impl Fn(View, &mut Scratch) -> Move + Sync,
    ) -> Result<Batch, DataError> {
        let images = &self.images;
        let size = [images.height, images.width];
        let finish = Finish {
            size,
            table: Table::new(&self.statistics),
            threads: images.threads(self.threads),
            device,
        };
        let labels = views.iter().map(|view| images.labels[view.index as usize]);
        finish.batch(labels, |place, scratch| {
            let view = views[place];
            let [height, width] = size;
            (scratch.shown.height, scratch.shown.width) = (height, width);
            scratch.shown.bytes.clear();
            let bytes = images.of(view.index as usize)?;
            scratch.shown.bytes.extend_from_slice(&bytes);
            Ok(change(view, scratch))
        })
    }
}

impl Dataset for PlainImages {
    fn len(&self) -> u64 {
        self.chosen.len() as u64
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        self.batch_on(samples, epoch, Device::Cpu)
    }

    fn batch_on(
        &self,
        samples: Range<u64>,
        _epoch: u64,
        device: Device,
    ) -> Result<Batch, DataError> {
        let chosen = &self.chosen[samples.start as usize..samples.end as usize];
        let views: Vec<View> = chosen.iter().map(|&index| View::plain(index)).collect();
        self.show(&views, device, |view, _| view.moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::folder;
    use crate::data::images::generated::{self, GeneratedImages};
    use crate::data::images::pictures::Pictures;
    use crate::data::images::pixels::Pixels;

    fn train(images: Images, threads: usize) -> Result<TrainImages, DataError> {
        let chosen: Vec<u32> = (0..images.len() as u32).collect();
        let statistics = Statistics::over(&images, &chosen, threads)?;
        let plain = PlainImages::new(Arc::new(images), statistics, chosen, threads);
        let shifts = Shifts {
            most: 2,
            policy: None,
        };
        Ok(TrainImages::new(plain, Some(shifts), 7))
    }

    /// A folder of images under a limit of memory that they fit in, and under one that they
    /// do not.
    fn folders() -> (tempfile::TempDir, [Images; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let sizes = GeneratedImages {
            classes: 3,
            side: 16,
            train: 60,
            test: 12,
            ..GeneratedImages::default()
        };
        generated::write(&sizes, folder.path()).unwrap();
        let bytes = 60 * 16 * 16 * 3;
        let images = [bytes, bytes - 1].map(|room| {
            let listing = folder::list(&folder.path().join("train"), None).unwrap();
            Images::of_one_size(Pictures::of_files(listing, false), room, 2).unwrap()
        });
        (folder, images)
    }

    #[test]
    fn images_that_do_not_fit_in_memory_give_the_same_samples() {
        let (_folder, [kept, files]) = folders();
        assert_ne!(kept.pixels, files.pixels);
        let (kept, files) = (train(kept, 1).unwrap(), train(files, 3).unwrap());
        for (samples, epoch) in [(0..60, 1), (5..6, 1), (17..40, 2)] {
            let one = kept.batch(samples.clone(), epoch).unwrap();
            let other = files.batch(samples, epoch).unwrap();
            assert_eq!(one.inputs[0], other.inputs[0]);
            assert_eq!(one.targets, other.targets);
        }
    }

    /// One image of 2 × 3 pixels; red counts 0 to 5, green and blue are flat.
    fn image() -> Images {
        Images {
            height: 2,
            width: 3,
            classes: vec!["a".to_owned(), "b".to_owned()],
            labels: vec![0],
            pixels: Pixels::InMemory((0..6).flat_map(|red| [red, 10, 10]).collect()),
        }
    }

    fn shown(statistics: Statistics, moved: Move) -> Tensor {
        let plain = PlainImages::new(Arc::new(image()), statistics, vec![0], 1);
        let view = View { index: 0, moved };
        let batch = plain.show(&[view], Device::Cpu, |view, _| view.moved);
        batch.unwrap().inputs[0].shallow_clone()
    }

    #[test]
    fn moves_by_hand() {
        // Leaves the byte values as they are.
        let plain = Statistics {
            mean: [0.0; 3],
            deviation: [1.0 / 255.0; 3],
        };
        let red = |flip, shift| {
            let values = shown(plain, Move { flip, shift }).select(1, 0);
            Vec::<f32>::try_from(values.reshape([-1]).round()).unwrap()
        };
        assert_eq!(red(false, [0, 0]), [0., 1., 2., 3., 4., 5.]);
        assert_eq!(red(true, [0, 0]), [2., 1., 0., 5., 4., 3.]);
        assert_eq!(red(false, [1, 0]), [0., 0., 0., 0., 1., 2.]);
        assert_eq!(red(false, [0, -1]), [1., 2., 0., 4., 5., 0.]);
        assert_eq!(red(true, [0, 1]), [0., 2., 1., 0., 5., 4.]);
    }

    #[test]
    fn statistics_give_zero_mean_and_unit_deviation() {
        let statistics = Statistics::over(&image(), &[0], 1).unwrap();
        let values = shown(statistics, Move::default());
        let red = values.select(1, 0);
        assert!(red.mean(tch::Kind::Float).double_value(&[]).abs() < 1e-6);
        assert!((red.std(false).double_value(&[]) - 1.0).abs() < 1e-6);
        assert_eq!(values.select(1, 1).abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn a_file_that_breaks_while_training_is_named() {
        let (folder, [_, files]) = folders();
        files.check(&[0, 30], 2).unwrap();
        let broken = folder.path().join("train/class001/000031.jpg");
        let set = train(files.clone(), 2).unwrap();
        std::fs::write(&broken, b"no image").unwrap();
        for error in [
            set.batch(0..60, 1).unwrap_err(),
            files.check(&(0..60).collect::<Vec<u32>>(), 2).unwrap_err(),
        ] {
            let said = error.to_string();
            assert!(said.contains("class001/000031.jpg"), "{said}");
        }
    }
}
