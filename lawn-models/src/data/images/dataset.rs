//! Images as samples: in an order that is new each epoch, or as they are.

use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::augment::{self, View};
use super::pixels::Images;
use super::statistics::Statistics;
use crate::data::dataset::{Batch, Dataset};
use crate::data::epochs::Epochs;
use crate::data::error::DataError;

/// The images that gradients come from, shuffled and augmented.
pub(crate) struct TrainImages {
    images: PlainImages,
    epochs: Epochs<Vec<View>>,
}

impl TrainImages {
    /// Crops move by `padding` pixels at most; without it nothing is augmented.
    pub(crate) fn new(images: PlainImages, padding: Option<i32>, seed: u64) -> Self {
        let train = images.chosen.clone();
        let views = move |epoch| augment::views(&train, padding, seed, epoch);
        Self {
            images,
            epochs: Epochs::new(views),
        }
    }
}

impl Dataset for TrainImages {
    fn len(&self) -> u64 {
        self.images.len()
    }

    fn prepare(&self, epoch: u64) {
        self.epochs.prepare(epoch);
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        let views = self.epochs.get(epoch);
        let views = &views[samples.start as usize..samples.end as usize];
        self.images.show(views)
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

    fn show(&self, views: &[View]) -> Result<Batch, DataError> {
        let label = |view: &View| i64::from(self.images.labels[view.index as usize]);
        let labels: Vec<i64> = views.iter().map(label).collect();
        let pictures = augment::tensor(&self.images, &self.statistics, views, self.threads)?;
        Ok(Batch {
            inputs: vec![pictures],
            targets: Tensor::from_slice(&labels),
        })
    }
}

impl Dataset for PlainImages {
    fn len(&self) -> u64 {
        self.chosen.len() as u64
    }

    fn batch(&self, samples: Range<u64>, _epoch: u64) -> Result<Batch, DataError> {
        let chosen = &self.chosen[samples.start as usize..samples.end as usize];
        let views: Vec<View> = chosen.iter().map(|&index| View::plain(index)).collect();
        self.show(&views)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::folder;
    use crate::data::images::generated::{self, GeneratedImages};
    use crate::data::images::pictures::Pictures;

    fn train(images: Images, threads: usize) -> Result<TrainImages, DataError> {
        let chosen: Vec<u32> = (0..images.len() as u32).collect();
        let statistics = Statistics::over(&images, &chosen, threads)?;
        let plain = PlainImages::new(Arc::new(images), statistics, chosen, threads);
        Ok(TrainImages::new(plain, Some(2), 7))
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
