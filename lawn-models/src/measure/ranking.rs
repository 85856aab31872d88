//! HR@10 and NDCG@10: where one positive ranks among its negatives.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::data::ratings::Case;

/// How a positive ranks among negatives that score the same.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// `1 + above + equal / 2`: neither rewards nor punishes a constant model.
    MidRank,
    /// `1 + above`: equal scores rank below the positive.
    Optimistic,
    /// `1 + above + equal`: equal scores rank above the positive.
    Pessimistic,
}

/// Length of the ranked list that counts.
pub(crate) const CUTOFF: f64 = 10.0;

/// Users scored at once: 100 candidates each keep the activations small.
const USERS_AT_ONCE: i64 = 1_000;

/// Cases as index tensors.
#[derive(Debug, PartialEq)]
pub(crate) struct RankingSet {
    /// `[U]` i64.
    users: Tensor,
    /// `[U, 1 + negatives]` i64, the positive first.
    candidates: Tensor,
}

/// What a model scores on a ranking set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranking {
    /// Cases whose positive ranks in the first ten.
    pub(crate) hits: u64,
    /// Cases.
    pub(crate) total: u64,
    /// Mean of `1 / log2(rank + 1)` over all cases, 0 for a miss.
    pub(crate) ndcg: f64,
    /// Mean |logit| over all candidates.
    pub(crate) logit_mean_abs: f64,
    /// Greatest |logit|.
    pub(crate) logit_max_abs: f64,
}

impl RankingSet {
    /// Puts cases on a device. All have the same number of negatives.
    pub(crate) fn new(cases: &[Case], device: Device) -> Self {
        let users: Vec<i64> = cases.iter().map(|case| case.user.into()).collect();
        let candidates: Vec<i64> = cases
            .iter()
            .flat_map(|case| std::iter::once(&case.item).chain(&case.negatives))
            .map(|&item| item.into())
            .collect();
        let cases = users.len() as i64;
        Self {
            users: Tensor::from_slice(&users).to_device(device),
            candidates: Tensor::from_slice(&candidates)
                .view([cases, -1])
                .to_device(device),
        }
    }

    /// Scores all candidates with `logits(users, items)`, both flat, and ranks.
    pub(crate) fn measure(
        &self,
        ties: Ties,
        logits: impl Fn(&Tensor, &Tensor) -> Tensor,
    ) -> Ranking {
        let _guard = tch::no_grad_guard();
        let (cases, width) = self.candidates.size2().expect("candidates are a matrix");
        let mut ranking = Ranking {
            hits: 0,
            total: cases as u64,
            ndcg: 0.0,
            logit_mean_abs: 0.0,
            logit_max_abs: 0.0,
        };
        let mut start = 0;
        while start < cases {
            let count = USERS_AT_ONCE.min(cases - start);
            let items = self.candidates.narrow(0, start, count);
            let users = self
                .users
                .narrow(0, start, count)
                .unsqueeze(1)
                .expand_as(&items);
            let scores = logits(&users.reshape([-1]), &items.reshape([-1])).view([count, width]);
            for rank in ranks(&scores, ties)
                .into_iter()
                .filter(|&rank| rank <= CUTOFF)
            {
                ranking.hits += 1;
                ranking.ndcg += 1.0 / (rank + 1.0).log2();
            }
            let size = scores.abs();
            ranking.logit_mean_abs += size.sum(Kind::Double).double_value(&[]);
            // `max` passes a NaN on, which `f64::max` would swallow.
            let most = size.max().double_value(&[]);
            if most.is_nan() || most > ranking.logit_max_abs {
                ranking.logit_max_abs = most;
            }
            start += count;
        }
        ranking.ndcg /= cases as f64;
        ranking.logit_mean_abs /= (cases * width) as f64;
        ranking
    }
}

/// Rank of the first column in each row, from 1; half ranks under
/// [`Ties::MidRank`].
fn ranks(scores: &Tensor, ties: Ties) -> Vec<f64> {
    let positive = scores.narrow(1, 0, 1);
    let negatives = scores.narrow(1, 1, scores.size()[1] - 1);
    let count = |holds: Tensor| holds.sum_dim_intlist(1, false, Kind::Double);
    let above = count(negatives.gt_tensor(&positive));
    let equal = count(negatives.eq_tensor(&positive));
    let share = match ties {
        Ties::MidRank => 0.5,
        Ties::Optimistic => 0.0,
        Ties::Pessimistic => 1.0,
    };
    let ranks: Tensor = above + equal * share + 1.0;
    Vec::try_from(ranks.to_device(Device::Cpu)).expect("ranks are one f64 a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three cases with 12 candidates: 4 above and 3 equal; none above; 9 above
    /// and 2 equal.
    fn scores() -> Tensor {
        let row = |above: usize, equal: usize| {
            let mut row = vec![1.0f32];
            row.extend(vec![2.0; above]);
            row.extend(vec![1.0; equal]);
            row.resize(12, 0.0);
            row
        };
        let rows = [row(4, 3), row(0, 0), row(9, 2)].concat();
        Tensor::from_slice(&rows).view([3, 12])
    }

    fn measure(ties: Ties) -> Ranking {
        let cases: Vec<Case> = (0..3)
            .map(|user| Case {
                user,
                item: 0,
                negatives: (1..12).collect(),
            })
            .collect();
        let set = RankingSet::new(&cases, Device::Cpu);
        let scores = scores();
        set.measure(ties, |users, items| {
            (scores.view([-1]) * 1.0).index_select(0, &(users * 12 + items))
        })
    }

    /// By hand: ranks 6.5, 1, 11; 5, 1, 10; 8, 1, 12.
    #[test]
    fn tie_rules_match_ranks_by_hand() {
        for (ties, ranks, hits) in [
            (Ties::MidRank, [6.5, 1.0, 11.0], 2),
            (Ties::Optimistic, [5.0, 1.0, 10.0], 3),
            (Ties::Pessimistic, [8.0, 1.0, 12.0], 2),
        ] {
            assert_eq!(super::ranks(&scores(), ties), ranks);
            let found = measure(ties);
            assert_eq!((found.hits, found.total), (hits, 3));
            let by_hand: f64 = ranks[..hits as usize]
                .iter()
                .map(|r: &f64| 1.0 / (r + 1.0).log2())
                .sum();
            assert!((found.ndcg - by_hand / 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn logit_sizes_are_taken_over_all_candidates() {
        let found = measure(Ties::MidRank);
        // Sum of scores by hand: 4·2 + 4, 1, 9·2 + 3.
        assert!((found.logit_mean_abs - 34.0 / 36.0).abs() < 1e-12);
        assert_eq!(found.logit_max_abs, 2.0);
    }

    #[test]
    fn a_nan_score_shows_in_the_greatest_logit() {
        let case = Case {
            user: 0,
            item: 0,
            negatives: vec![1],
        };
        let set = RankingSet::new(&[case], Device::Cpu);
        let found = set.measure(Ties::MidRank, |users, _| {
            Tensor::full(users.size(), f64::NAN, (Kind::Float, Device::Cpu))
        });
        assert!(found.logit_max_abs.is_nan());
    }
}
