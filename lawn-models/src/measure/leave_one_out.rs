//! Learning by binary cross entropy, and ranking what was held out of each user's interactions.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use tch::{Device, Reduction, Tensor};

use super::measurement::{Measurement, Split};
use super::protocol::{Candidates, Duplicates, ProtocolConfig, RankingMetric, Ties};
use super::ranking::{Ranking, RankingSet};
use super::{Assessment, Forward, Objective};
use crate::data::DataError;
use crate::data::ratings::{Case, IdMap, Interactions};
use crate::trial::TestPermit;

/// Reads the interactions of the test split.
type ReadTest = dyn Fn(&TestPermit) -> Result<Vec<Case>, DataError>;

/// How cases are ranked.
#[derive(Clone, Debug)]
pub(crate) struct RankingRules {
    pub(crate) protocol: ProtocolConfig,
    pub(crate) ties: Ties,
    /// Everything that train has: those items are no candidates where all others are.
    pub(crate) known: Arc<Interactions>,
}

impl RankingRules {
    pub(crate) fn set(&self, cases: &[Case], device: Device) -> RankingSet {
        match self.protocol.candidates {
            Candidates::All => RankingSet::all(cases, Arc::clone(&self.known), device),
            _ => RankingSet::listed(cases, self.protocol.duplicates(), device),
        }
    }

    /// Makes sure that a case can be no hit, by the candidates that count for it.
    ///
    /// # Errors
    /// [`DataError::Unusable`] with the user of the fewest.
    pub(crate) fn require_misses(
        &self,
        path: &Path,
        users: &IdMap,
        cases: &[Case],
    ) -> Result<(), DataError> {
        let greatest = self.protocol.cutoffs.iter().max();
        let greatest = greatest.map_or(0, |&k| k as usize);
        let counted = cases.iter().map(|case| (self.candidates(case), case.user));
        match counted.min() {
            Some((count, user)) if count <= greatest => {
                let user = users.id(user);
                let found = format!("{count} candidates for a held-out interaction of user {user}");
                let expected = format!(
                    "more than {greatest}, the greatest of protocol.cutoffs: all would be hits"
                );
                Err(DataError::unusable(path, found, expected))
            }
            _ => Ok(()),
        }
    }

    /// How many candidates count for a case, itself among them.
    pub(crate) fn candidates(&self, case: &Case) -> usize {
        let negatives = &case.negatives;
        match (self.protocol.candidates, self.protocol.duplicates()) {
            (Candidates::All, _) => {
                let met = self.known.of(case.user as usize).iter();
                self.known.items() - met.filter(|&&met| met != case.item).count()
            }
            (_, Duplicates::Kept) => 1 + negatives.len(),
            (_, Duplicates::Masked) => {
                let others = negatives.iter().filter(|&&item| item != case.item);
                1 + others.collect::<HashSet<_>>().len()
            }
        }
    }
}

/// Learns by binary cross entropy, and ranks the interactions that were left out.
pub(crate) struct LeaveOneOut {
    rules: RankingRules,
    device: Device,
    train: RankingSet,
    validation: RankingSet,
    /// Once it was asked for.
    test: OnceCell<RankingSet>,
    read_test: Box<ReadTest>,
}

impl LeaveOneOut {
    /// Ranks on `device`; `read_test` is called by whoever has the permit.
    pub(crate) fn new(
        rules: RankingRules,
        device: Device,
        [train, validation]: [&[Case]; 2],
        read_test: impl Fn(&TestPermit) -> Result<Vec<Case>, DataError> + 'static,
    ) -> Self {
        Self {
            train: rules.set(train, device),
            validation: rules.set(validation, device),
            test: OnceCell::new(),
            rules,
            device,
            read_test: Box::new(read_test),
        }
    }

    fn rank(&self, split: Split, set: &RankingSet, forward: &dyn Forward) -> Ranking {
        set.measure(self.rules.ties, split, forward)
    }
}

impl Objective for LeaveOneOut {
    fn loss(&self, logits: &Tensor, targets: &Tensor) -> Tensor {
        let sum = Reduction::Sum;
        logits.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, sum)
    }

    fn samples(&self) -> u64 {
        self.train.scores() + self.validation.scores()
    }

    fn measure(&self, forward: &dyn Forward) -> Result<Assessment, DataError> {
        let train = self.rank(Split::Train, &self.train, forward);
        let validation = self.rank(Split::Validation, &self.validation, forward);
        let RankingRules { protocol, ties, .. } = &self.rules;
        let mut measurements = measurements(protocol, *ties, Split::Train, &train);
        measurements.extend(self::measurements(
            protocol,
            *ties,
            Split::Validation,
            &validation,
        ));
        Ok(Assessment {
            measurements,
            logit_mean_abs: train.logit_mean_abs,
            logit_max_abs: train.logit_max_abs,
        })
    }

    fn measure_test(
        &self,
        forward: &dyn Forward,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, DataError> {
        let set = match self.test.get() {
            Some(set) => set,
            None => {
                let set = self.rules.set(&(self.read_test)(permit)?, self.device);
                self.test.get_or_init(|| set)
            }
        };
        let ranking = self.rank(Split::Test, set, forward);
        let RankingRules { protocol, ties, .. } = &self.rules;
        Ok(measurements(protocol, *ties, Split::Test, &ranking))
    }
}

/// Every metric of a ranking:
///
/// ```text
/// HR@k      users with a held-out item of rank ≤ k / users
/// NDCG@k    mean of Σ 1 / log2(rank + 1) over ranks ≤ k, divided by the most it could be
/// recall@k  mean of (held-out items of rank ≤ k) / (held-out items)
/// MRR       mean of 1 / (the first rank)
/// ```
/// All means are over users. With one held-out item a user, recall is HR, and NDCG is
/// `1 / log2(rank + 1)`.
pub(crate) fn measurements(
    protocol: &ProtocolConfig,
    ties: Ties,
    split: Split,
    ranking: &Ranking,
) -> Vec<Measurement> {
    let users = ranking.ranks.len() as u64;
    let mean = |of: &dyn Fn(&[f64]) -> f64| {
        let sum: f64 = ranking.ranks.iter().map(|ranks| of(ranks)).sum();
        sum / users as f64
    };
    let one = |(metric, k, name): (RankingMetric, Option<u32>, String)| {
        let k = k.map_or(f64::INFINITY, f64::from);
        let within = |rank: &&f64| **rank <= k;
        let hits = || {
            ranking
                .ranks
                .iter()
                .filter(|ranks| ranks.iter().any(|rank| within(&rank)))
        };
        let (value, count) = match metric {
            RankingMetric::Hr => {
                let hits = hits().count() as u64;
                (hits as f64 / users as f64, Some(hits))
            }
            RankingMetric::Ndcg => {
                let ndcg = mean(&|ranks| {
                    let gains = ranks.iter().filter(within).map(|rank| gain(*rank));
                    // The sum of nothing is −0.
                    (0.0 + gains.sum::<f64>()) / ideal(ranks.len(), k)
                });
                (ndcg, None)
            }
            RankingMetric::Recall => {
                let recall =
                    mean(&|ranks| ranks.iter().filter(within).count() as f64 / ranks.len() as f64);
                (recall, None)
            }
            RankingMetric::Mrr => {
                let first = |ranks: &[f64]| ranks.iter().copied().fold(f64::INFINITY, f64::min);
                (mean(&|ranks| 1.0 / first(ranks)), None)
            }
        };
        Measurement {
            split,
            metric: name,
            value,
            count,
            total: count.map(|_| users),
        }
    };
    protocol.measured(ties).into_iter().map(one).collect()
}

/// What NDCG counts for an item of this rank.
pub(crate) fn gain(rank: f64) -> f64 {
    1.0 / (rank + 1.0).log2()
}

/// The gains of as many items at the head of the list.
pub(crate) fn ideal(items: usize, k: f64) -> f64 {
    let ranks = (1..=items).map(|rank| rank as f64);
    ranks.take_while(|&rank| rank <= k).map(gain).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(metrics: &[RankingMetric], cutoffs: &[u32], ranks: &[&[f64]]) -> Vec<Measurement> {
        let protocol = ProtocolConfig {
            metrics: metrics.to_vec(),
            cutoffs: cutoffs.to_vec(),
            ..ProtocolConfig::default()
        };
        let ranking = Ranking {
            ranks: ranks.iter().map(|ranks| ranks.to_vec()).collect(),
            logit_mean_abs: 0.0,
            logit_max_abs: 0.0,
        };
        measurements(&protocol, Ties::MidRank, Split::Test, &ranking)
    }

    #[test]
    fn one_held_out_item_a_user_by_hand() {
        use RankingMetric::{Hr, Mrr, Ndcg, Recall};
        let ranks = [&[1.0][..], &[3.0], &[6.5], &[f64::INFINITY]];
        let found = found(&[Hr, Ndcg, Recall, Mrr], &[3, 10], &ranks);
        let named: Vec<(&str, f64)> = found
            .iter()
            .map(|one| (&one.metric[..], one.value))
            .collect();
        let third = 1.0 + 0.5;
        let expected = [
            ("hr@3", 0.5),
            ("hr@10", 0.75),
            ("ndcg@3", third / 4.0),
            ("ndcg@10", (third + 1.0 / 7.5f64.log2()) / 4.0),
            ("recall@3", 0.5),
            ("recall@10", 0.75),
            ("mrr", (1.0 + 1.0 / 3.0 + 1.0 / 6.5) / 4.0),
        ];
        assert_eq!(named.len(), expected.len());
        for ((name, value), (expected_name, expected)) in named.iter().zip(expected) {
            assert_eq!(*name, expected_name);
            assert!((value - expected).abs() < 1e-12, "{name}: {value}");
        }
        assert_eq!((found[1].count, found[1].total), (Some(3), Some(4)));
    }

    #[test]
    fn what_misses_gains_nought_and_no_negative_one() {
        use RankingMetric::{Hr, Mrr, Ndcg, Recall};
        for found in found(
            &[Hr, Ndcg, Recall, Mrr],
            &[1],
            &[&[f64::INFINITY], &[f64::INFINITY]],
        ) {
            assert_eq!(format!("{}", found.value), "0", "{}", found.metric);
        }
    }

    /// The first has ranks 1, 2 and 5 of three items, the second misses both.
    #[test]
    fn several_held_out_items_a_user_by_hand() {
        use RankingMetric::{Hr, Mrr, Ndcg, Recall};
        let ranks = [&[5.0, 1.0, 2.0][..], &[4.0, 9.0]];
        let found = found(&[Hr, Ndcg, Recall, Mrr], &[2], &ranks);
        let values: Vec<f64> = found.iter().map(|one| one.value).collect();
        let expected = [0.5, 0.5, 2.0 / 3.0 / 2.0, (1.0 + 0.25) / 2.0];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{values:?}");
        }
    }
}
