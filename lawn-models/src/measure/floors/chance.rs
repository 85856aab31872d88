//! Where one held-out item ranks by chance among candidates that stand there several times.

use std::collections::BTreeMap;

use crate::data::ratings::Case;
use crate::measure::Ties;
use crate::measure::leave_one_out::gain;
use crate::measure::protocol::RankingMetric;

/// What a held-out item is ranked among, where each item has one score wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Copies {
    /// Other items that stand there once.
    single: usize,
    /// How often each of the others stands there, ascending.
    several: Vec<usize>,
    /// Twice what its own copies add to its rank, with which it ties.
    own: usize,
}

impl Copies {
    /// Of a case whose negatives are ranked as they stand in their line; none where no item is there
    /// twice.
    pub(super) fn of(case: &Case, ties: Ties) -> Option<Self> {
        let mut times: BTreeMap<u32, usize> = BTreeMap::new();
        for &item in &case.negatives {
            *times.entry(item).or_default() += 1;
        }
        let own = times.remove(&case.item).unwrap_or(0);
        let mut several: Vec<usize> = times.into_values().collect();
        several.sort_unstable();
        let single = several.partition_point(|&count| count == 1);
        several.drain(..single);
        if own == 0 && several.is_empty() {
            return None;
        }
        let own = match ties {
            Ties::MidRank => own,
            Ties::Pessimistic => 2 * own,
            // It stands where the first of them does.
            Ties::Optimistic | Ties::ListOrder => 0,
        };
        Some(Self {
            single,
            several,
            own,
        })
    }

    /// The expectation of a metric over all orders of the items, each as likely.
    pub(super) fn expectation(&self, metric: RankingMetric, k: usize) -> f64 {
        let above = self.above().into_iter().enumerate();
        let value = |(above, part): (usize, f64)| {
            let rank = 1.0 + above as f64 + self.own as f64 / 2.0;
            let is_hit = rank <= k as f64;
            part * match metric {
                RankingMetric::Mrr => rank.recip(),
                _ if !is_hit => 0.0,
                RankingMetric::Hr | RankingMetric::Recall => 1.0,
                RankingMetric::Ndcg => gain(rank),
            }
        };
        above.map(value).sum()
    }

    /// By their number, how likely so many candidates rank above it. Of `d` other items j are above it
    /// with the same likelihood for each j from 0 to d, and any j of them as likely as any other.
    fn above(&self) -> Vec<f64> {
        let others = self.single + self.several.len();
        // By number of items and of candidates, in how many ways they can be chosen of `several`.
        let mut chosen: BTreeMap<(usize, usize), f64> = BTreeMap::from([((0, 0), 1.0)]);
        for &times in &self.several {
            for ((items, candidates), ways) in chosen.clone() {
                *chosen.entry((items + 1, candidates + times)).or_default() += ways;
            }
        }
        let logs: Vec<f64> = std::iter::once(0.0)
            .chain((1..=others).scan(0.0, |sum, one| {
                *sum += (one as f64).ln();
                Some(*sum)
            }))
            .collect();
        let ways = |of: usize, count: usize| logs[of] - logs[count] - logs[of - count];
        let most = self.single + self.several.iter().sum::<usize>();
        let mut above = vec![0.0; most + 1];
        for ((items, candidates), of_several) in chosen {
            for single in 0..=self.single {
                let part = (ways(self.single, single) - ways(others, items + single)).exp();
                above[candidates + single] += of_several * part / (others + 1) as f64;
            }
        }
        above
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::protocol::RankingMetric::{Hr, Mrr, Ndcg};

    /// Against all orders of the distinct items.
    #[test]
    fn a_scorer_of_items_gets_what_is_expected_of_it() {
        // Item 7 is held out, and among its own negatives; item 1 stands there three times.
        let case = Case {
            user: 0,
            item: 7,
            negatives: vec![1, 2, 7, 1, 3, 1],
        };
        let orders = |items: &[u32]| -> Vec<Vec<u32>> {
            let mut orders = vec![Vec::new()];
            for &item in items {
                orders = orders
                    .iter()
                    .flat_map(|order: &Vec<u32>| {
                        (0..=order.len()).map(move |place| {
                            let mut order = order.clone();
                            order.insert(place, item);
                            order
                        })
                    })
                    .collect();
            }
            orders
        };
        let orders = orders(&[1, 2, 3, 7]);
        for (ties, own) in [
            (Ties::MidRank, 0.5),
            (Ties::Pessimistic, 1.0),
            (Ties::Optimistic, 0.0),
            (Ties::ListOrder, 0.0),
        ] {
            let copies = Copies::of(&case, ties).unwrap();
            for metric in [Hr, Ndcg, Mrr] {
                let of = |order: &Vec<u32>| {
                    let above = order.iter().take_while(|&&item| item != 7);
                    let times =
                        |item: &u32| case.negatives.iter().filter(|one| *one == item).count();
                    let rank = 1.0 + above.map(times).sum::<usize>() as f64 + own;
                    match metric {
                        Mrr => rank.recip(),
                        _ if rank > 3.0 => 0.0,
                        Ndcg => gain(rank),
                        _ => 1.0,
                    }
                };
                let mean = orders.iter().map(of).sum::<f64>() / orders.len() as f64;
                let found = copies.expectation(metric, 3);
                assert!(
                    (found - mean).abs() < 1e-12,
                    "{ties:?} {metric:?}: {found} {mean}"
                );
            }
        }
    }

    #[test]
    fn an_item_that_ties_with_itself_hits_nine_times_in_99() {
        let mut negatives: Vec<u32> = (1..99).collect();
        let case = |negatives: &[u32]| Case {
            user: 0,
            item: 0,
            negatives: negatives.to_vec(),
        };
        assert_eq!(Copies::of(&case(&negatives), Ties::MidRank), None);
        negatives.push(0);
        let copies = Copies::of(&case(&negatives), Ties::MidRank).unwrap();
        let found = copies.expectation(Hr, 10);
        assert!((found - 9.0 / 99.0).abs() < 1e-12, "{found}");
    }
}
