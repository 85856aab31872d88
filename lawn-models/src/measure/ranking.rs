//! Where held-out items rank among other candidates.

use std::collections::HashMap;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::measurement::Split;
use super::objective::Forward;
use super::protocol::{Duplicates, Ties};
use crate::data::ratings::{Case, Interactions};

/// Candidates that a process scores at once keep the activations small: a thousand users with 100 each.
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
        let shape = [cases.len() as i64, width as i64];
        // A comparison with all of them is what it is without a mask.
        let matrix = |flags: Vec<bool>| {
            let is_needed = flags.contains(&false);
            let matrix = || Tensor::from_slice(&flags).view(shape);
            is_needed.then(|| matrix().to_device(device))
        };
        let among = Among::Listed {
            counted: matrix(counted),
            before: matrix(before),
            items: Tensor::from_slice(&items).view(shape).to_device(device),
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

    fn users_count(&self) -> usize {
        self.owners.iter().max().map_or(0, |&most| most + 1)
    }

    /// Candidates of each case, itself among them.
    fn width(&self) -> i64 {
        1 + match &self.among {
            Among::Listed { items, .. } => items.size()[1],
            Among::All { known, .. } => known.items() as i64,
        }
    }

    /// Scores that [`measure`](Self::measure) asks for.
    pub(crate) fn scores(&self) -> u64 {
        self.owners.len() as u64 * self.width() as u64
    }

    /// Scores all candidates, given users and items, both flat, and ranks. Each of several processes
    /// has some of the cases.
    pub(crate) fn measure(&self, ties: Ties, split: Split, forward: &dyn Forward) -> Ranking {
        let _guard = tch::no_grad_guard();
        let cases = self.owners.len() as i64;
        let width = self.width();
        let mut ranking = Ranking {
            ranks: vec![Vec::new(); self.users_count()],
            logit_mean_abs: 0.0,
            logit_max_abs: 0.0,
        };
        let at_once = (CANDIDATES_AT_ONCE / width).max(1) * forward.ranks() as i64;
        let mut start = 0;
        while start < cases {
            let end = cases.min(start + at_once);
            let part = forward.part(start as u64..end as u64);
            let (own, count) = (
                part.own.start as i64,
                (part.own.end - part.own.start) as i64,
            );
            let others = self.among.part(own, count, self.device);
            let positives = self.positives.narrow(0, own, count).unsqueeze(1);
            let items = Tensor::cat(&[&positives, &others.items], 1);
            let users = self
                .users
                .narrow(0, own, count)
                .unsqueeze(1)
                .expand_as(&items);
            let inputs = [users.reshape([-1]), items.reshape([-1])];
            let scores = forward
                .answer(split, &inputs, &part)
                .view([end - start, width]);
            let ranks = ranks(&scores.narrow(0, own - start, count), &others, ties);
            let ranks = forward.gather(ranks.to_device(Device::Cpu), &part);
            let ranks = Vec::<f64>::try_from(ranks).expect("ranks are one f64 a row");
            let owners = &self.owners[start as usize..end as usize];
            for (&owner, rank) in owners.iter().zip(ranks) {
                ranking.ranks[owner].push(rank);
            }
            let size = scores.abs();
            ranking.logit_mean_abs += size.sum(Kind::Double).double_value(&[]);
            // `max` passes a NaN on, which `f64::max` would swallow.
            let most = size.max().double_value(&[]);
            if most.is_nan() || most > ranking.logit_max_abs {
                ranking.logit_max_abs = most;
            }
            start = end;
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
fn ranks(scores: &Tensor, others: &Others, ties: Ties) -> Tensor {
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
    ranks.masked_fill(&unknown, f64::INFINITY)
}

#[cfg(test)]
mod tests;
