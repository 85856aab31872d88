//! Images of any size as samples of one size.

use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::image::{CHANNELS, Image};
use super::pictures::Pictures;
use super::statistics::Statistics;
use super::table::Table;
use super::transform::Transform;
use crate::data::dataset::{Batch, Dataset};
use crate::data::epochs::Epochs;
use crate::data::error::DataError;
use crate::data::parts;
use crate::random::{Purpose, shuffle, stream};

/// Chosen images as evaluation sees them, in the order of their choice, the same each epoch.
pub(crate) struct Views {
    pictures: Arc<Pictures>,
    chosen: Vec<u32>,
    transform: Transform,
    statistics: Statistics,
    threads: usize,
}

/// Images in an order that is new each epoch, and each cut at random.
pub(crate) struct RandomViews {
    views: Views,
    seed: u64,
    /// Whether images are cut at random; otherwise they are as evaluation sees them.
    is_random: bool,
    epochs: Epochs<Vec<u32>>,
}

impl Views {
    /// `chosen` are indices, `statistics` are taken off, `threads` decode.
    pub(crate) fn new(
        pictures: Arc<Pictures>,
        chosen: Vec<u32>,
        transform: Transform,
        statistics: Statistics,
        threads: usize,
    ) -> Self {
        Self {
            pictures,
            chosen,
            transform,
            statistics,
            threads,
        }
    }

    /// The images at `indices`, each as `show` gives it.
    fn show(
        &self,
        indices: &[u32],
        show: impl Fn(u32) -> Result<Image, DataError> + Sync,
    ) -> Result<Batch, DataError> {
        let side = self.transform.size();
        let size = CHANNELS * side * side;
        let table = Table::new(&self.statistics);
        let mut values = vec![0.0f32; indices.len() * size];
        let part = parts::size(indices.len(), self.threads);
        let work = |(indices, targets): (&[u32], &mut [f32])| -> Result<(), DataError> {
            for (&index, target) in indices.iter().zip(targets.chunks_exact_mut(size)) {
                table.write(&show(index)?, target);
            }
            Ok(())
        };
        parts::each(
            indices.chunks(part).zip(values.chunks_mut(part * size)),
            work,
        )
        .into_iter()
        .collect::<Result<(), DataError>>()?;
        let label = |&index: &u32| i64::from(self.pictures.labels[index as usize]);
        let labels: Vec<i64> = indices.iter().map(label).collect();
        let shape = [indices.len(), CHANNELS, side, side].map(|size| size as i64);
        Ok(Batch {
            inputs: vec![Tensor::from_slice(&values).view(shape)],
            targets: Tensor::from_slice(&labels),
        })
    }

    fn plain(&self, index: u32) -> Result<Image, DataError> {
        let transform = self.transform;
        self.pictures
            .with(index as usize, |picture| transform.plain(picture))
    }
}

impl Dataset for Views {
    fn len(&self) -> u64 {
        self.chosen.len() as u64
    }

    fn batch(&self, samples: Range<u64>, _epoch: u64) -> Result<Batch, DataError> {
        let chosen = &self.chosen[samples.start as usize..samples.end as usize];
        self.show(chosen, |index| self.plain(index))
    }
}

impl RandomViews {
    /// With `is_random` images are cut and turned; otherwise only their order is new.
    pub(crate) fn new(views: Views, is_random: bool, seed: u64) -> Self {
        let chosen = views.chosen.clone();
        let order = move |epoch| {
            let mut order = chosen.clone();
            shuffle(&mut stream(seed, Purpose::Order, epoch), &mut order);
            order
        };
        Self {
            views,
            seed,
            is_random,
            epochs: Epochs::new(order),
        }
    }
}

impl Dataset for RandomViews {
    fn len(&self) -> u64 {
        self.views.len()
    }

    fn prepare(&self, epoch: u64) {
        self.epochs.prepare(epoch);
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        let order = self.epochs.get(epoch);
        let chosen = &order[samples.start as usize..samples.end as usize];
        let Views {
            transform,
            pictures,
            ..
        } = &self.views;
        self.views.show(chosen, |index| {
            if !self.is_random {
                return self.views.plain(index);
            }
            let key = [self.seed, epoch, u64::from(index)];
            pictures.with(index as usize, |picture| transform.random(picture, key))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::folder;
    use crate::data::images::generated::{self, GeneratedImages, Set};
    use crate::data::images::transform::TransformConfig;

    fn views(pictures: Pictures, threads: usize, is_random: bool) -> RandomViews {
        let config = TransformConfig {
            size: 12,
            ..TransformConfig::default()
        };
        let statistics = config.normalization.statistics();
        let chosen = (0..pictures.len() as u32).collect();
        let pictures = Arc::new(pictures);
        let transform = Transform::new(&config);
        let views = Views::new(pictures, chosen, transform, statistics, threads);
        RandomViews::new(views, is_random, 5)
    }

    fn sizes() -> GeneratedImages {
        GeneratedImages {
            classes: 3,
            side: 20,
            train: 40,
            test: 6,
            ..GeneratedImages::default()
        }
    }

    /// Batches of any size, made on any number of threads, cut up one sequence.
    #[test]
    fn samples_are_the_same_however_they_are_asked_for() {
        let set = tempfile::tempdir().unwrap();
        generated::write(&sizes(), set.path()).unwrap();
        let open = || {
            let listing = folder::list(&set.path().join("train"), None).unwrap();
            Pictures::of_files(listing, false)
        };
        let (one, three) = (views(open(), 1, true), views(open(), 3, true));
        for epoch in [1, 2] {
            let whole = one.batch(0..40, epoch).unwrap();
            assert_eq!(whole.inputs[0].size(), [40, 3, 12, 12]);
            for samples in [0..1, 7..30, 39..40] {
                let part = three.batch(samples.clone(), epoch).unwrap();
                let same = whole.narrow(samples.start, samples.end - samples.start);
                assert_eq!(part.inputs[0], same.inputs[0]);
                assert_eq!(part.targets, same.targets);
            }
        }
        let epoch = |epoch| one.batch(0..40, epoch).unwrap().inputs[0].shallow_clone();
        assert_ne!(epoch(1), epoch(2));
        let seen = one.batch(0..40, 3).unwrap().targets;
        let counts = seen.bincount::<Tensor>(None, 3);
        assert_eq!(Vec::<i64>::try_from(counts).unwrap(), [14, 13, 13]);
    }

    #[test]
    fn without_augmentation_only_the_order_is_new() {
        let open = || Pictures::of_raw(generated::draw(&sizes(), Set::Train));
        let set = views(open(), 2, false);
        let plain = set.views.batch(0..40, 1).unwrap();
        let order = set.epochs.get(4);
        let shown = set.batch(0..40, 4).unwrap();
        for (place, &index) in order.iter().enumerate() {
            let shown = shown.inputs[0].get(place as i64);
            assert_eq!(shown, plain.inputs[0].get(i64::from(index)));
        }
    }
}
