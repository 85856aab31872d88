//! Ranking without a model: at random, and by popularity.

use std::collections::BTreeMap;

use tch::{Device, Tensor};

use super::chance::Copies;
use super::floor::Floor;
use crate::data::ratings::Case;
use crate::measure::Ties;
use crate::measure::leave_one_out::{RankingRules, gain, ideal, measurements};
use crate::measure::measurement::{Measurement, Split};
use crate::measure::protocol::RankingMetric;
use crate::measure::protocol::{Candidates, Duplicates};
use crate::measure::ranking::{Ranking, RankingSet};

/// The floors of ranking the cases of some splits: `random`, then `most-popular`, by the
/// interactions that train has of an item, each the number of times in `popularity`.
pub(crate) fn floors(
    rules: &RankingRules,
    popularity: &[f32],
    cases: &[(Split, Vec<Case>)],
) -> Vec<Floor> {
    let popularity = Tensor::from_slice(popularity);
    let mut random = Vec::new();
    let mut popular = Vec::new();
    for (split, cases) in cases {
        let set = rules.set(cases, Device::Cpu);
        let ranking = by_popularity(&popularity, &set, rules.ties);
        popular.extend(measurements(&rules.protocol, rules.ties, *split, &ranking));
        random.extend(at_random(rules, *split, cases));
    }
    let floor = |predictor, measurements| Floor {
        predictor,
        measurements,
    };
    vec![floor("random", random), floor("most-popular", popular)]
}

/// The expectation of a scorer that gives each item a score of its own, by chance: over all orders of
/// the candidates, each as likely, where `m` of `n` are held out:
///
/// ```text
/// HR@k = 1 − Π_{j < m} (n − k − j) / (n − j),   recall@k = k / n
/// NDCG@k = Σ_{r = 1..k} 1 / log2(r + 1) · m / n / (the most it could be)
/// MRR = Σ_r (P(none before r) − P(none up to r)) / r
/// ```
/// Where an item is twice among them, as [`Copies`] has it.
fn at_random(rules: &RankingRules, split: Split, cases: &[Case]) -> Vec<Measurement> {
    // A user's several cases have the same candidates.
    let mut sizes: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    // Of a user's only case, whose line may have an item twice.
    let mut copies: BTreeMap<u32, Option<Copies>> = BTreeMap::new();
    let has_copies = rules.protocol.candidates != Candidates::All
        && rules.protocol.duplicates() == Duplicates::Kept;
    for case in cases {
        let size = sizes.entry(case.user);
        let size = size.or_insert_with(|| (0, rules.candidates(case)));
        size.0 += 1;
        let own = Copies::of(case, rules.ties).filter(|_| has_copies && size.0 == 1);
        copies.insert(case.user, own);
    }
    // By the numbers m and n, or by what is there several times, how many users have them.
    let mut users: BTreeMap<((usize, usize), Option<Copies>), usize> = BTreeMap::new();
    for (user, size) in sizes {
        let own = copies.remove(&user).flatten();
        *users.entry((size, own)).or_default() += 1;
    }
    let all: usize = users.values().sum();
    let one = |(metric, k, name): (RankingMetric, Option<u32>, String)| {
        let k = k.map_or(usize::MAX, |k| k as usize);
        let expected = |(m, n): (usize, usize), copies: &Option<Copies>| match copies {
            Some(copies) => copies.expectation(metric, k),
            None => expectation(metric, k, m, n),
        };
        let mut sizes = users.iter();
        let value = match (sizes.next(), sizes.next()) {
            // A mean would round.
            (Some(((size, copies), _)), None) => expected(*size, copies),
            _ => {
                let each = users.iter().map(|((size, copies), &count)| {
                    expected(*size, copies) * count as f64 / all as f64
                });
                each.sum()
            }
        };
        Measurement {
            split,
            metric: name,
            value,
            count: None,
            total: None,
        }
    };
    let measured = rules.protocol.measured(rules.ties);
    measured.into_iter().map(one).collect()
}

fn expectation(metric: RankingMetric, k: usize, m: usize, n: usize) -> f64 {
    let k = k.min(n);
    let candidates = n as f64;
    // That none of the held-out items is among the first r.
    let none = |r: usize| -> f64 {
        (0..m)
            .map(|j| n.saturating_sub(r + j) as f64 / n.saturating_sub(j).max(1) as f64)
            .product()
    };
    match metric {
        RankingMetric::Hr if m > 1 => 1.0 - none(k),
        RankingMetric::Hr | RankingMetric::Recall => k as f64 / candidates,
        RankingMetric::Ndcg => {
            let gains: f64 = (1..=k).map(|rank| gain(rank as f64)).sum();
            gains / candidates * m as f64 / ideal(m, k as f64)
        }
        RankingMetric::Mrr => {
            let first = |rank: usize| (none(rank - 1) - none(rank)) / rank as f64;
            (1..=n).map(first).sum()
        }
    }
}

fn by_popularity(popularity: &Tensor, set: &RankingSet, ties: Ties) -> Ranking {
    let popular = |_: Split, inputs: &[Tensor]| popularity.index_select(0, &inputs[1]);
    set.measure(ties, Split::Train, &popular)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::ratings::Interactions;
    use crate::measure::protocol::{Candidates, ProtocolConfig};

    fn rules(protocol: ProtocolConfig) -> RankingRules {
        let pairs = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 2)];
        RankingRules {
            protocol,
            ties: Ties::MidRank,
            known: Arc::new(Interactions::new(3, 4, &pairs)),
        }
    }

    fn case(user: u32, item: u32, negatives: &[u32]) -> Case {
        Case {
            user,
            item,
            negatives: negatives.to_vec(),
        }
    }

    fn values(floor: &Floor) -> Vec<f64> {
        floor.measurements.iter().map(|one| one.value).collect()
    }

    /// Item 0 has three interactions, item 1 two, item 2 one, item 3 none.
    #[test]
    fn items_are_ranked_by_their_train_interactions() {
        let cases = vec![case(0, 1, &[0, 2, 3])];
        let popularity = [3.0, 2.0, 1.0, 0.0];
        let found = floors(
            &rules(ProtocolConfig::default()),
            &popularity,
            &[(Split::Test, cases)],
        );
        let [hits, ndcg] = &found[1].measurements[..] else {
            panic!("two metrics");
        };
        assert_eq!((hits.count, hits.total), (Some(1), Some(1)));
        assert!((ndcg.value - 1.0 / 3f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn random_counts_the_negatives_that_there_are() {
        for (negatives, expected) in [(99, 0.1), (9, 1.0), (999, 0.01)] {
            let negatives: Vec<u32> = (1..=negatives).collect();
            let known = Arc::new(Interactions::new(1, 2_000, &[(0, 1_500)]));
            let rules = RankingRules {
                known,
                ..rules(ProtocolConfig::default())
            };
            let cases = vec![(Split::Test, vec![case(0, 0, &negatives)])];
            assert_eq!(
                values(&floors(&rules, &[0.0; 2_000], &cases)[0])[0],
                expected
            );
        }
        let rules = rules(ProtocolConfig {
            candidates: Candidates::All,
            cutoffs: vec![1],
            ..ProtocolConfig::default()
        });
        // User 0 has met items 0 and 1, of which one is held out: it stays beside items 2 and 3.
        let cases = vec![(Split::Validation, vec![case(0, 1, &[])])];
        assert_eq!(values(&floors(&rules, &[0.0; 4], &cases)[0])[0], 1.0 / 3.0);
    }

    /// Against all orders of five candidates, two or one of them held out.
    #[test]
    fn expectations_are_means_over_all_orders() {
        let mut orders = vec![Vec::new()];
        for rank in 1..=5 {
            orders = orders
                .iter()
                .flat_map(|order: &Vec<usize>| {
                    (0..=order.len()).map(move |place| {
                        let mut order = order.clone();
                        order.insert(place, rank);
                        order
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 120);
        use RankingMetric::{Hr, Mrr, Ndcg, Recall};
        for m in [1, 2] {
            let protocol = ProtocolConfig {
                metrics: vec![Hr, Ndcg, Recall, Mrr],
                cutoffs: vec![3],
                ..ProtocolConfig::default()
            };
            let ranks = orders
                .iter()
                .map(|order| order[..m].iter().map(|&rank| rank as f64).collect());
            let ranking = Ranking {
                ranks: ranks.collect(),
                logit_mean_abs: 0.0,
                logit_max_abs: 0.0,
            };
            for (found, metric) in measurements(&protocol, Ties::MidRank, Split::Test, &ranking)
                .into_iter()
                .zip(&protocol.metrics)
            {
                let expected = expectation(*metric, 3, m, 5);
                assert!((found.value - expected).abs() < 1e-12, "{metric:?} of {m}");
            }
        }
    }
}
