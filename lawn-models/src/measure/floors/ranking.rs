//! Ranking without a model: at random, and by popularity.

use tch::{Device, Tensor};

use super::floor::Floor;
use crate::data::ratings::{Case, EVALUATION_NEGATIVES, Interactions};
use crate::measure::leave_one_out::measurements;
use crate::measure::measurement::Split;
use crate::measure::ranking::{CUTOFF, Ranking, RankingSet, Ties};

/// The floors of ranking the cases of some splits: `random`, then `most-popular`, by the
/// interactions of `train`.
pub(crate) fn floors(train: &Interactions, cases: &[(Split, Vec<Case>)], ties: Ties) -> Vec<Floor> {
    let splits: Vec<Split> = cases.iter().map(|&(split, _)| split).collect();
    let popularity = popularity(train);
    let popular = cases
        .iter()
        .flat_map(|(split, cases)| measurements(*split, &by_popularity(&popularity, cases, ties)));
    vec![
        random(&splits),
        Floor {
            predictor: "most-popular",
            measurements: popular.collect(),
        },
    ]
}

/// The expectation over all orders of a positive and its `n` negatives, each as likely:
///
/// ```text
/// HR@10 = 10 / (n + 1),   NDCG@10 = Σ_{r = 1..10} 1 / log2(r + 1) / (n + 1)
/// ```
fn random(splits: &[Split]) -> Floor {
    let candidates = 1.0 + EVALUATION_NEGATIVES as f64;
    let gains = (1..=CUTOFF as u32).map(|rank| 1.0 / f64::from(rank + 1).log2());
    let metrics = [
        ("hr@10", CUTOFF / candidates),
        ("ndcg@10", gains.sum::<f64>() / candidates),
    ];
    Floor::expected("random", splits, &metrics)
}

/// Train interactions of each item.
fn popularity(train: &Interactions) -> Vec<f32> {
    let mut counts = vec![0.0; train.items()];
    for (_, item) in train.pairs() {
        counts[item as usize] += 1.0;
    }
    counts
}

fn by_popularity(popularity: &[f32], cases: &[Case], ties: Ties) -> Ranking {
    let popularity = Tensor::from_slice(popularity);
    let set = RankingSet::new(cases, Device::Cpu);
    set.measure(ties, |_, items| popularity.index_select(0, items))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Item 0 has three interactions, item 1 two, item 2 one, item 3 none.
    #[test]
    fn items_are_ranked_by_their_train_interactions() {
        let train = Interactions::new(3, 4, &[(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 2)]);
        let popularity = popularity(&train);
        assert_eq!(popularity, [3.0, 2.0, 1.0, 0.0]);
        let case = |item, negatives: &[u32]| Case {
            user: 0,
            item,
            negatives: negatives.to_vec(),
        };
        let ranking = by_popularity(&popularity, &[case(1, &[0, 2, 3])], Ties::MidRank);
        assert_eq!((ranking.hits, ranking.total), (1, 1));
        assert!((ranking.ndcg - 1.0 / 3f64.log2()).abs() < 1e-12);
    }
}
