//! The NCF task as the trainer sees it.

use std::path::Path;

use lawn_core::Parameters;
use tch::nn::VarStore;
use tch::{Device, Reduction, Tensor};

use super::model::NcfModel;
use super::ranking::{Ranking, RankingSet};
use super::sampler::{EpochSamples, Sampler};
use super::source::Source;
use super::split::Split;
use crate::DataError;
use crate::config::{NcfConfig, Ties};
use crate::record::{self, Measurement};
use crate::trainer::{Batch, Measured, Task, TestPermit};

/// A model with its interactions.
#[derive(Debug)]
pub(crate) struct NcfTask {
    source: Source,
    ties: Ties,
    users: usize,
    items: usize,
    store: VarStore,
    model: NcfModel,
    sampler: Sampler,
    /// Samples of the epoch under way, on the device.
    samples: Option<EpochSamples>,
    probe: RankingSet,
    validation: RankingSet,
}

impl NcfTask {
    /// Loads the train interactions, splits them and makes the model.
    pub(crate) fn new(
        config: &NcfConfig,
        root: Option<&Path>,
        device: Device,
        seed: u64,
    ) -> Result<Self, DataError> {
        let source = Source::of(config, root)?;
        let ratings = source.train()?;
        let split = Split::new(
            &source.path(),
            &ratings,
            config.validation,
            config.split_seed,
        )?;
        let (users, items) = (split.train.users(), split.train.items());
        let store = VarStore::new(device);
        let model = NcfModel::new(&store, config, users as i64, items as i64, seed);
        Ok(Self {
            source,
            ties: config.ties,
            users,
            items,
            store,
            model,
            probe: RankingSet::new(&split.probe, device),
            validation: RankingSet::new(&split.validation, device),
            sampler: Sampler::new(split.train, config.negatives, seed),
            samples: None,
        })
    }

    fn rank(&self, set: &RankingSet) -> Ranking {
        set.measure(self.ties, |users, items| self.model.forward(users, items))
    }
}

impl Task for NcfTask {
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
        self.sampler.len()
    }

    fn divisible_by(&self) -> u64 {
        1
    }

    fn start_epoch(&mut self, epoch: u64, another: bool) {
        // The old epoch goes first: two of them need not fit in memory.
        self.samples = None;
        let samples = self.sampler.epoch(epoch, another);
        self.samples = Some(samples.to_device(self.store.device()));
    }

    fn batch(&self, start: u64, count: u64) -> Batch {
        let samples = self.samples.as_ref().expect("an epoch has started");
        let part = |of: &Tensor| of.narrow(0, start as i64, count as i64);
        Batch {
            inputs: vec![part(&samples.users), part(&samples.items)],
            targets: part(&samples.labels),
        }
    }

    fn loss(&self, batch: &Batch) -> Tensor {
        let logits = self.model.forward(&batch.inputs[0], &batch.inputs[1]);
        logits.binary_cross_entropy_with_logits::<Tensor>(
            &batch.targets,
            None,
            None,
            Reduction::Sum,
        )
    }

    fn measure(&self) -> Measured {
        let probe = self.rank(&self.probe);
        let mut measurements = measurements(record::Split::Train, &probe);
        let validation = self.rank(&self.validation);
        measurements.extend(self::measurements(record::Split::Validation, &validation));
        Measured {
            measurements,
            logit_mean_abs: probe.logit_mean_abs,
            logit_max_abs: probe.logit_max_abs,
        }
    }

    fn measure_test(&self, permit: &TestPermit) -> Result<Vec<Measurement>, DataError> {
        let cases = self.source.test(permit, self.users, self.items)?;
        let set = RankingSet::new(&cases, self.store.device());
        Ok(measurements(record::Split::Test, &self.rank(&set)))
    }
}

pub(super) fn measurements(split: record::Split, ranking: &Ranking) -> Vec<Measurement> {
    vec![
        Measurement {
            split,
            metric: "hr@10".to_owned(),
            value: ranking.hits as f64 / ranking.total as f64,
            count: Some(ranking.hits),
            total: Some(ranking.total),
        },
        Measurement {
            split,
            metric: "ndcg@10".to_owned(),
            value: ranking.ndcg,
            count: None,
            total: None,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SyntheticConfig;

    fn task(seed: u64) -> NcfTask {
        let config = NcfConfig {
            synthetic: Some(SyntheticConfig {
                users: 30,
                items: 200,
                ..SyntheticConfig::default()
            }),
            ..NcfConfig::default()
        };
        let mut task = NcfTask::new(&config, None, Device::Cpu, seed).unwrap();
        task.start_epoch(1, false);
        task
    }

    #[test]
    fn batches_of_any_size_cut_up_one_sequence() {
        let (one, other) = (task(3), task(3));
        let whole = one.batch(0, 12);
        let parts = [other.batch(0, 7), other.batch(7, 5)];
        for place in 0..2 {
            let joined = Tensor::cat(&parts.each_ref().map(|part| &part.inputs[place]), 0);
            assert_eq!(whole.inputs[place], joined);
        }
        let joined = Tensor::cat(&parts.each_ref().map(|part| &part.targets), 0);
        assert_eq!(whole.targets, joined);
        assert_ne!(whole.inputs[0], task(4).batch(0, 12).inputs[0]);
    }

    /// The split belongs to the data set: seeds of trials differ in what is
    /// trained, not in what is measured.
    #[test]
    fn every_seed_is_measured_on_the_same_cases() {
        let (one, other) = (task(3), task(4));
        assert_eq!(one.probe, other.probe);
        assert_eq!(one.validation, other.validation);
        assert_ne!(one.validation, one.probe);
    }
}
