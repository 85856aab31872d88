//! Ranking one held-out interaction of each user among others: HR@10 and NDCG@10.

use tch::{Device, Reduction, Tensor};

use super::measurement::{Measurement, Split};
use super::ranking::{Ranking, RankingSet, Ties};
use super::{Assessment, Forward, Objective};
use crate::data::DataError;
use crate::data::ratings::Case;
use crate::trial::TestPermit;

/// Reads the interactions of the test split.
type ReadTest = dyn Fn(&TestPermit) -> Result<Vec<Case>, DataError>;

/// Learns by binary cross entropy, and ranks the interactions that were left out.
pub(crate) struct LeaveOneOut {
    ties: Ties,
    device: Device,
    train: RankingSet,
    validation: RankingSet,
    read_test: Box<ReadTest>,
}

impl LeaveOneOut {
    /// Ranks on `device`; `read_test` is called by whoever has the permit.
    pub(crate) fn new(
        ties: Ties,
        device: Device,
        [train, validation]: [&[Case]; 2],
        read_test: impl Fn(&TestPermit) -> Result<Vec<Case>, DataError> + 'static,
    ) -> Self {
        Self {
            ties,
            device,
            train: RankingSet::new(train, device),
            validation: RankingSet::new(validation, device),
            read_test: Box::new(read_test),
        }
    }

    fn rank(&self, set: &RankingSet, forward: &Forward<'_>) -> Ranking {
        set.measure(self.ties, |users, items| {
            forward(&[users.shallow_clone(), items.shallow_clone()])
        })
    }
}

impl Objective for LeaveOneOut {
    fn loss(&self, logits: &Tensor, targets: &Tensor) -> Tensor {
        let sum = Reduction::Sum;
        logits.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, sum)
    }

    fn measure(&self, forward: &Forward<'_>) -> Result<Assessment, DataError> {
        let train = self.rank(&self.train, forward);
        let validation = self.rank(&self.validation, forward);
        let mut measurements = measurements(Split::Train, &train);
        measurements.extend(self::measurements(Split::Validation, &validation));
        Ok(Assessment {
            measurements,
            logit_mean_abs: train.logit_mean_abs,
            logit_max_abs: train.logit_max_abs,
        })
    }

    fn measure_test(
        &self,
        forward: &Forward<'_>,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, DataError> {
        let set = RankingSet::new(&(self.read_test)(permit)?, self.device);
        Ok(measurements(Split::Test, &self.rank(&set, forward)))
    }
}

/// Both metrics of a ranking, HR@10 first.
pub(crate) fn measurements(split: Split, ranking: &Ranking) -> Vec<Measurement> {
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
