//! Where held-out items rank among other candidates.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::protocol::Duplicates;
use crate::data::ratings::{Case, Interactions};

/// How a held-out item ranks among others that score the same.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// `1 + above + equal / 2`: neither rewards nor punishes a constant model.
    MidRank,
    /// `1 + above`: equal scores rank below the positive.
    Optimistic,
    /// `1 + above + equal`: equal scores rank above the positive.
    Pessimistic,
    /// `1 + above + equal before`: candidates keep the order of the file, in which the positive
    /// follows its negatives, or stands where it is among them.
    ListOrder,
}

/// Candidates scored at once keep the activations small: a thousand users with 100 each.
const CANDIDATES_AT_ONCE: i64 = 100_000;

/// Held-out items and what they are ranked among.
#[derive(Debug)]
pub(crate) struct RankingSet {
    /// `[U]` i64.
    users: Tensor,
    /// `[U]` i64.
    positives: Tensor,
    /// By case, the number of its user, from 0 in the order in which users come.
    owners: Vec<usize>,
    among: Among,
    device: Device,
}

/// What a held-out item is ranked among, beside itself.
#[derive(Debug)]
enum Among {
    /// `[U, negatives]` i64, and which of them count, where not all do.
    Listed {
        items: Tensor,
        counted: Option<Tensor>,
        /// Those of them that come before the positive where they score the same.
        before: Option<Tensor>,
    },
    /// All items without those that the user of a case has in `known`.
    All {
        known: Arc<Interactions>,
        cases: Vec<(u32, u32)>,
    },
}

/// Ranks of the held-out items, and the sizes of the logits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranking {
    /// By user in the order in which they come, the ranks of its held-out items, from 1.
    pub(crate) ranks: Vec<Vec<f64>>,
    /// Mean |logit| over all candidates.
    pub(crate) logit_mean_abs: f64,
    /// Greatest |logit|.
    pub(crate) logit_max_abs: f64,
}

impl RankingSet {
    /// Ranks each case among its own negatives.
    pub(crate) fn listed(cases: &[Case], duplicates: Duplicates, device: Device) -> Self {
        let width = cases.iter().map(|case| case.negatives.len()).max();
        let width = width.unwrap_or(0);
        let mut items = Vec::with_capacity(cases.len() * width);
        let mut counted = Vec::with_capacity(items.capacity());
        let mut before = Vec::with_capacity(items.capacity());
        let mut sorted = Vec::new();
        for case in cases {
            let negatives = &case.negatives;
            items.extend(negatives.iter().map(|&item| i64::from(item)));
            items.resize(items.len() + width - negatives.len(), i64::from(case.item));
            let start = counted.len();
            counted.resize(start + negatives.len(), true);
            if duplicates == Duplicates::Masked {
                sorted.clear();
                sorted.extend(negatives.iter().copied().zip(0..));
                sorted.sort_unstable();
                for (place, &(item, at)) in sorted.iter().enumerate() {
                    let is_again = place > 0 && sorted[place - 1].0 == item;
                    counted[start + at] = item != case.item && !is_again;
                }
            }
            counted.resize(start + width, false);
            let own = negatives.iter().position(|&item| item == case.item);
            before.resize(start + own.unwrap_or(width), true);
            before.resize(start + width, false);
        }
        // A comparison with all of them is what it is without a mask.
        let matrix = |flags: Vec<bool>| {
            let is_needed = flags.contains(&false);
            let matrix = || Tensor::from_slice(&flags).view([cases.len() as i64, -1]);
            is_needed.then(|| matrix().to_device(device))
        };
        let among = Among::Listed {
            counted: matrix(counted),
            before: matrix(before),
            items: Tensor::from_slice(&items)
                .view([cases.len() as i64, -1])
                .to_device(device),
        };
        Self::new(cases, among, device)
    }

    /// Ranks each case among all items but those that its user has in `known`.
    pub(crate) fn all(cases: &[Case], known: Arc<Interactions>, device: Device) -> Self {
        let pairs = cases.iter().map(|case| (case.user, case.item)).collect();
        let among = Among::All {
            known,
            cases: pairs,
        };
        Self::new(cases, among, device)
    }

    fn new(cases: &[Case], among: Among, device: Device) -> Self {
        let column = |of: fn(&Case) -> u32| {
            let column: Vec<i64> = cases.iter().map(|case| of(case).into()).collect();
            Tensor::from_slice(&column).to_device(device)
        };
        let mut numbers = HashMap::new();
        let owner = |case: &Case| {
            let next = numbers.len();
            *numbers.entry(case.user).or_insert(next)
        };
        Self {
            users: column(|case| case.user),
            positives: column(|case| case.item),
            owners: cases.iter().map(owner).collect(),
            among,
            device,
        }
    }

    /// By user in the order in which they come, how many candidates each of its cases has.
    pub(crate) fn sizes(&self) -> Vec<Vec<usize>> {
        let sizes: Vec<usize> = match &self.among {
            Among::All { known, cases } => {
                let size = |&(user, item): &(u32, u32)| {
                    let met = known.of(user as usize).iter().filter(|&&met| met != item);
                    known.items() - met.count()
                };
                cases.iter().map(size).collect()
            }
            Among::Listed {
                items,
                counted: None,
                ..
            } => vec![1 + items.size()[1] as usize; self.owners.len()],
            Among::Listed {
                counted: Some(counted),
                ..
            } => {
                let counts = counted.sum_dim_intlist(1, false, Kind::Int64);
                let counts = Vec::<i64>::try_from(counts.to_device(Device::Cpu));
                let counts = counts.expect("a count is one i64 a row");
                counts.into_iter().map(|count| 1 + count as usize).collect()
            }
        };
        let mut by_user = vec![Vec::new(); self.users_count()];
        for (&owner, size) in self.owners.iter().zip(sizes) {
            by_user[owner].push(size);
        }
        by_user
    }

    fn users_count(&self) -> usize {
        self.owners.iter().max().map_or(0, |&most| most + 1)
    }

    /// Scores all candidates with `logits(users, items)`, both flat, and ranks.
    pub(crate) fn measure(
        &self,
        ties: Ties,
        logits: impl Fn(&Tensor, &Tensor) -> Tensor,
    ) -> Ranking {
        let _guard = tch::no_grad_guard();
        let cases = self.owners.len() as i64;
        let width = 1 + match &self.among {
            Among::Listed { items, .. } => items.size()[1],
            Among::All { known, .. } => known.items() as i64,
        };
        let mut ranking = Ranking {
            ranks: vec![Vec::new(); self.users_count()],
            logit_mean_abs: 0.0,
            logit_max_abs: 0.0,
        };
        let at_once = (CANDIDATES_AT_ONCE / width).max(1);
        let mut start = 0;
        while start < cases {
            let count = at_once.min(cases - start);
            let others = self.among.part(start, count, self.device);
            let positives = self.positives.narrow(0, start, count).unsqueeze(1);
            let items = Tensor::cat(&[&positives, &others.items], 1);
            let users = self
                .users
                .narrow(0, start, count)
                .unsqueeze(1)
                .expand_as(&items);
            let scores = logits(&users.reshape([-1]), &items.reshape([-1])).view([count, width]);
            let part = &self.owners[start as usize..(start + count) as usize];
            for (&owner, rank) in part.iter().zip(ranks(&scores, &others, ties)) {
                ranking.ranks[owner].push(rank);
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
        ranking.logit_mean_abs /= (cases * width) as f64;
        ranking
    }
}

/// The candidates of some cases beside their positives, as those of [`Among::Listed`].
struct Others {
    items: Tensor,
    counted: Option<Tensor>,
    before: Option<Tensor>,
}

impl Among {
    fn part(&self, start: i64, count: i64, device: Device) -> Others {
        match self {
            Self::Listed {
                items,
                counted,
                before,
            } => {
                let part = |of: &Tensor| of.narrow(0, start, count);
                Others {
                    items: part(items),
                    counted: counted.as_ref().map(part),
                    before: before.as_ref().map(part),
                }
            }
            Self::All { known, cases } => {
                let width = known.items();
                let mut counted = vec![true; count as usize * width];
                let mut before = vec![false; counted.len()];
                let part = &cases[start as usize..(start + count) as usize];
                for (row, &(user, item)) in part.iter().enumerate() {
                    let of_row = row * width..(row + 1) * width;
                    let own = &mut counted[of_row.clone()];
                    for &met in known.of(user as usize) {
                        own[met as usize] = false;
                    }
                    own[item as usize] = false;
                    before[of_row][..item as usize].fill(true);
                }
                let matrix = |flags: &[bool]| {
                    let matrix = Tensor::from_slice(flags).view([count, width as i64]);
                    Some(matrix.to_device(device))
                };
                let items = Tensor::arange(width as i64, (Kind::Int64, device));
                Others {
                    items: items.expand([count, width as i64], false),
                    counted: matrix(&counted),
                    before: matrix(&before),
                }
            }
        }
    }
}

/// Rank of the first column in each row, from 1; half ranks under [`Ties::MidRank`].
///
/// A score that is NaN ranks below all others, and one among the others ranks above: nobody gains
/// by it.
fn ranks(scores: &Tensor, others: &Others, ties: Ties) -> Vec<f64> {
    let positive = scores.narrow(1, 0, 1);
    let negatives = scores.narrow(1, 1, scores.size()[1] - 1);
    let masked = |holds: Tensor, by: &Option<Tensor>| match by {
        Some(mask) => holds.logical_and(mask),
        None => holds,
    };
    let count = |holds: Tensor| {
        let holds = masked(holds, &others.counted);
        holds.sum_dim_intlist(1, false, Kind::Double)
    };
    // Not below and not equal, rather than above: the comparison with a NaN is false.
    let above = count(negatives.le_tensor(&positive).logical_not());
    let equal = negatives.eq_tensor(&positive);
    let ranks: Tensor = match ties {
        Ties::MidRank => above + count(equal) * 0.5 + 1.0,
        Ties::Optimistic => above + 1.0,
        Ties::Pessimistic => above + count(equal) + 1.0,
        Ties::ListOrder => above + count(masked(equal, &others.before)) + 1.0,
    };
    let unknown = positive.isnan().squeeze_dim(1);
    let ranks = ranks.masked_fill(&unknown, f64::INFINITY);
    Vec::try_from(ranks.to_device(Device::Cpu)).expect("ranks are one f64 a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others(width: i64, counted: Option<Tensor>, before: Option<Tensor>) -> Others {
        Others {
            items: Tensor::zeros([3, width], (Kind::Int64, Device::Cpu)),
            counted,
            before,
        }
    }

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

    fn case(user: u32, item: u32, negatives: impl IntoIterator<Item = u32>) -> Case {
        Case {
            user,
            item,
            negatives: negatives.into_iter().collect(),
        }
    }

    fn measure(set: &RankingSet, ties: Ties, scores: &Tensor) -> Ranking {
        let (flat, width) = (scores.reshape([-1]), scores.size()[1]);
        set.measure(ties, |users, items| {
            flat.index_select(0, &(users * width + items))
        })
    }

    /// By hand: ranks 6.5, 1, 11; 5, 1, 10; 8, 1, 12.
    #[test]
    fn tie_rules_match_ranks_by_hand() {
        let cases: Vec<Case> = (0..3).map(|user| case(user, 0, 1..12)).collect();
        let set = RankingSet::listed(&cases, Duplicates::Kept, Device::Cpu);
        for (ties, ranks) in [
            (Ties::MidRank, [6.5, 1.0, 11.0]),
            (Ties::Optimistic, [5.0, 1.0, 10.0]),
            (Ties::Pessimistic, [8.0, 1.0, 12.0]),
            // The positive follows its negatives.
            (Ties::ListOrder, [8.0, 1.0, 12.0]),
        ] {
            assert_eq!(
                super::ranks(&scores(), &others(11, None, None), ties),
                ranks
            );
            let found = measure(&set, ties, &scores());
            assert_eq!(found.ranks, ranks.map(|rank| vec![rank]));
        }
    }

    #[test]
    fn logit_sizes_are_taken_over_all_candidates() {
        let cases: Vec<Case> = (0..3).map(|user| case(user, 0, 1..12)).collect();
        let set = RankingSet::listed(&cases, Duplicates::Kept, Device::Cpu);
        let found = measure(&set, Ties::MidRank, &scores());
        // Sum of scores by hand: 4·2 + 4, 1, 9·2 + 3.
        assert!((found.logit_mean_abs - 34.0 / 36.0).abs() < 1e-12);
        assert_eq!(found.logit_max_abs, 2.0);
    }

    /// Item 2 stands three times, once as the positive; item 5 twice.
    #[test]
    fn masked_duplicates_are_ranked_once() {
        let cases = [case(0, 2, [5, 2, 5, 7, 2])];
        let scores = Tensor::from_slice(&[0f32, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0, 1.0]).view([1, 8]);
        for (duplicates, ties, rank) in [
            (Duplicates::Kept, Ties::Pessimistic, 6.0),
            (Duplicates::Kept, Ties::Optimistic, 3.0),
            (Duplicates::Masked, Ties::Pessimistic, 3.0),
            (Duplicates::Masked, Ties::MidRank, 2.5),
            // Item 7 comes after the place where item 2 is among the negatives.
            (Duplicates::Masked, Ties::ListOrder, 2.0),
        ] {
            let set = RankingSet::listed(&cases, duplicates, Device::Cpu);
            let found = measure(&set, ties, &scores);
            assert_eq!(found.ranks, [[rank]], "{duplicates:?} {ties:?}");
        }
    }

    /// The second has one negative less, which must not be taken for an item.
    #[test]
    fn lists_of_several_lengths_are_ranked_by_what_they_have() {
        let cases = [case(0, 1, [0, 2]), case(1, 1, [0])];
        let set = RankingSet::listed(&cases, Duplicates::Kept, Device::Cpu);
        let scores = Tensor::from_slice(&[1f32, 1.0, 1.0, 1.0, 1.0, 1.0]).view([2, 3]);
        assert_eq!(
            measure(&set, Ties::Pessimistic, &scores).ranks,
            [[3.0], [2.0]]
        );
        assert_eq!(measure(&set, Ties::MidRank, &scores).ranks, [[2.0], [1.5]]);
    }

    /// By hand, and against a list of all items that are left.
    #[test]
    fn all_items_but_the_known_ones_are_candidates() {
        let known = Interactions::new(3, 6, &[(0, 1), (0, 4), (1, 0), (2, 5)]);
        let cases = [case(0, 4, []), case(2, 3, []), case(0, 2, [])];
        let scores = Tensor::from_slice(&[
            9f32, 9.0, 3.0, 5.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 5.0, 4.0, 4.0, 1.0,
            7.0,
        ])
        .view([3, 6]);
        let set = RankingSet::all(&cases, Arc::new(known.clone()), Device::Cpu);
        let found = measure(&set, Ties::Pessimistic, &scores);
        // User 0 has two held-out items, each ranked by itself.
        assert_eq!(found.ranks, [vec![4.0, 3.0], vec![4.0]]);
        let listed: Vec<Case> = cases
            .iter()
            .map(|one| {
                let is_left = |&item: &u32| !known.contains(one.user as usize, item as usize);
                let left = (0..6).filter(is_left).filter(|&item| item != one.item);
                case(one.user, one.item, left)
            })
            .collect();
        let listed = RankingSet::listed(&listed, Duplicates::Masked, Device::Cpu);
        for ties in [Ties::MidRank, Ties::Optimistic, Ties::Pessimistic] {
            let [one, other] = [&set, &listed].map(|set| measure(set, ties, &scores).ranks);
            assert_eq!(one, other, "{ties:?}");
        }
    }

    #[test]
    fn nobody_gains_by_a_score_that_is_nan() {
        let cases = [case(0, 0, [1, 2])];
        let set = RankingSet::listed(&cases, Duplicates::Kept, Device::Cpu);
        let of = |scores: &[f32]| {
            measure(
                &set,
                Ties::Optimistic,
                &Tensor::from_slice(scores).view([1, 3]),
            )
        };
        let found = of(&[f32::NAN, 0.0, f32::NAN]);
        assert_eq!(found.ranks, [[f64::INFINITY]]);
        assert!(found.logit_max_abs.is_nan());
        assert_eq!(of(&[1.0, f32::NAN, 0.0]).ranks, [[2.0]]);
    }

    /// What the code of He et al. finds with the same scores; `goldens/generate.py` runs it.
    #[test]
    fn the_protocol_of_he_et_al_is_that_of_their_code() {
        #[derive(Deserialize)]
        struct Golden {
            items: usize,
            positives: Vec<u32>,
            negatives: Vec<Vec<u32>>,
            scores: Vec<Vec<f32>>,
            hits: Vec<f64>,
            ndcgs: Vec<f64>,
        }
        let golden: Golden =
            serde_json::from_str(include_str!("../../goldens/he2017.json")).unwrap();
        let cases: Vec<Case> = golden
            .positives
            .iter()
            .zip(&golden.negatives)
            .zip(0..)
            .map(|((&item, negatives), user)| case(user, item, negatives.clone()))
            .collect();
        let scores = Tensor::from_slice(&golden.scores.concat());
        let scores = scores.view([cases.len() as i64, golden.items as i64]);
        let set = RankingSet::listed(&cases, Duplicates::Masked, Device::Cpu);
        let found = measure(&set, Ties::ListOrder, &scores).ranks;
        for (user, rank) in found.iter().map(|ranks| ranks[0]).enumerate() {
            let hit = rank <= 10.0;
            assert_eq!(
                f64::from(u8::from(hit)),
                golden.hits[user],
                "{user}: {rank}"
            );
            let ndcg = if hit { 1.0 / (rank + 1.0).log2() } else { 0.0 };
            assert!((ndcg - golden.ndcgs[user]).abs() < 1e-12, "{user}: {rank}");
        }
        // The other rules find other numbers, or this would be no test.
        for ties in [Ties::Pessimistic, Ties::Optimistic, Ties::MidRank] {
            assert_ne!(measure(&set, ties, &scores).ranks, found, "{ties:?}");
        }
    }
}
