//! Images of any size as samples of one size.

use std::ops::Range;
use std::sync::Arc;

use tch::Device;

use super::finish::Finish;
use super::moves::Move;
use super::pictures::Pictures;
use super::policy::Augmentation;
use super::statistics::Statistics;
use super::table::Table;
use super::transform::{Scratch, Transform};
use crate::data::dataset::{Batch, Dataset};
use crate::data::error::DataError;
use crate::random::Permutation;

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
    augmentation: Augmentation,
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

    /// The images at `indices`, each as `make` puts it into the scratch.
    fn show(
        &self,
        indices: &[u32],
        device: Device,
        make: impl Fn(u32, &mut Scratch) -> Result<Move, DataError> + Sync,
    ) -> Result<Batch, DataError> {
        let finish = Finish {
            size: [self.transform.size(); 2],
            table: Table::new(&self.statistics),
            threads: self.threads,
            device,
        };
        let labels = indices
            .iter()
            .map(|&index| self.pictures.labels[index as usize]);
        finish.batch(labels, |place, scratch| make(indices[place], scratch))
    }

    fn plain(&self, index: u32, scratch: &mut Scratch) -> Result<Move, DataError> {
        let mut file = std::mem::take(&mut scratch.file);
        self.pictures.with(index as usize, &mut file, |picture| {
            self.transform.plain(picture, scratch)
        })?;
        scratch.file = file;
        Ok(Move::default())
    }
}

impl Dataset for Views {
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
        self.show(chosen, device, |index, scratch| self.plain(index, scratch))
    }
}

impl RandomViews {
    /// With an `augmentation` that is random images are cut and turned; otherwise only their
    /// order is new.
    pub(crate) fn new(views: Views, augmentation: Augmentation, seed: u64) -> Self {
        Self {
            views,
            seed,
            augmentation,
        }
    }

    /// The images of an epoch at these places of its order.
    fn chosen(&self, samples: Range<u64>, epoch: u64) -> Vec<u32> {
        let chosen = &self.views.chosen;
        let order = Permutation::of_epoch(chosen.len() as u64, self.seed, epoch);
        samples
            .map(|place| chosen[order.at(place) as usize])
            .collect()
    }

    fn random(&self, index: u32, epoch: u64, scratch: &mut Scratch) -> Result<Move, DataError> {
        let Views {
            transform,
            pictures,
            ..
        } = &self.views;
        let key = [self.seed, epoch, u64::from(index)];
        let mut file = std::mem::take(&mut scratch.file);
        let flip = pictures.with(index as usize, &mut file, |picture| {
            transform.random(picture, key, scratch)
        })?;
        scratch.file = file;
        let Some(policy) = self.augmentation.policy() else {
            return Ok(Move {
                flip,
                ..Move::default()
            });
        };
        // Operations have a left and a right: what they are done to is turned before.
        if flip {
            scratch.shown.flip();
        }
        policy.apply(&mut scratch.shown, key);
        Ok(Move::default())
    }
}

impl Dataset for RandomViews {
    fn len(&self) -> u64 {
        self.views.len()
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
        self.views
            .show(&self.chosen(samples, epoch), device, |index, scratch| {
                if self.augmentation.is_random() {
                    self.random(index, epoch, scratch)
                } else {
                    self.views.plain(index, scratch)
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;
    use crate::data::images::folder;
    use crate::data::images::generated::{self, GeneratedImages, Set};
    use crate::data::images::policy::Policy;
    use crate::data::images::transform::TransformConfig;

    fn views(pictures: Pictures, threads: usize, augmentation: Augmentation) -> RandomViews {
        let config = TransformConfig {
            size: 12,
            ..TransformConfig::default()
        };
        let statistics = config.normalization.statistics();
        let chosen = (0..pictures.len() as u32).collect();
        let pictures = Arc::new(pictures);
        let transform = Transform::new(&config);
        let views = Views::new(pictures, chosen, transform, statistics, threads);
        RandomViews::new(views, augmentation, 5)
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
        for augmentation in [
            Augmentation::Basic(true),
            Augmentation::Policy(Policy::TrivialAugment { fill: 128 }),
        ] {
            cut_up(
                &views(open(), 1, augmentation),
                &views(open(), 3, augmentation),
            );
        }
    }

    fn cut_up(one: &RandomViews, three: &RandomViews) {
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
        let set = views(open(), 2, Augmentation::Basic(false));
        let plain = set.views.batch(0..40, 1).unwrap();
        let order = set.chosen(0..40, 4);
        let shown = set.batch(0..40, 4).unwrap();
        for (place, &index) in order.iter().enumerate() {
            let shown = shown.inputs[0].get(place as i64);
            assert_eq!(shown, plain.inputs[0].get(i64::from(index)));
        }
    }
}
