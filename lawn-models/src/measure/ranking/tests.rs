use serde::Deserialize;

use super::*;
use crate::measure::objective::Quarter;

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
    let scored =
        |_: Split, inputs: &[Tensor]| flat.index_select(0, &(&inputs[0] * width + &inputs[1]));
    set.measure(ties, Split::Train, &scored)
}

#[test]
fn without_a_case_there_is_no_rank() {
    let known = Arc::new(Interactions::new(1, 3, &[]));
    for set in [
        RankingSet::listed(&[], Duplicates::Masked, Device::Cpu),
        RankingSet::all(&[], known, Device::Cpu),
    ] {
        let users = |_: Split, inputs: &[Tensor]| inputs[0].to_kind(Kind::Float);
        let ranking = set.measure(Ties::MidRank, Split::Train, &users);
        assert!(ranking.ranks.is_empty());
    }
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
            Tensor::from_slice(&ranks)
        );
        let found = measure(&set, ties, &scores());
        assert_eq!(found.ranks, ranks.map(|rank| vec![rank]));
    }
}

/// Each of four ranks scores a quarter of the cases, and their ranks are those that one finds.
#[test]
fn ranks_score_their_own_cases() {
    let cases: Vec<Case> = (0..10).map(|user| case(user, 0, 1..12)).collect();
    let set = RankingSet::listed(&cases, Duplicates::Kept, Device::Cpu);
    let scored = |inputs: &[Tensor]| (&inputs[0] * 7 + &inputs[1] * 5).remainder(13) + 1;
    let alone = |_: Split, inputs: &[Tensor]| scored(inputs);
    let alone = set.measure(Ties::MidRank, Split::Train, &alone);
    let mut all = vec![vec![0.0]; 10];
    let mut asked = Vec::new();
    for rank in 0..4 {
        let users = std::cell::RefCell::new(Vec::new());
        let answer = |inputs: &[Tensor]| {
            let mut of: Vec<i64> = Vec::try_from(&inputs[0]).unwrap();
            of.dedup();
            users.borrow_mut().extend(of);
            scored(inputs)
        };
        let found = set.measure(Ties::MidRank, Split::Train, &Quarter { rank, answer });
        let users = users.into_inner();
        assert!((2..=3).contains(&users.len()), "{users:?}");
        asked.extend(users);
        for (sum, own) in all.iter_mut().zip(found.ranks) {
            sum[0] += own[0];
        }
    }
    assert!(asked.into_iter().eq(0..10));
    assert_eq!(all, alone.ranks);
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
        9f32, 9.0, 3.0, 5.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 5.0, 4.0, 4.0, 1.0, 7.0,
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
    for ties in [
        Ties::MidRank,
        Ties::Optimistic,
        Ties::Pessimistic,
        Ties::ListOrder,
    ] {
        let of = |scores: &[f32]| measure(&set, ties, &Tensor::from_slice(scores).view([1, 3]));
        let found = of(&[f32::NAN, 0.0, f32::NAN]);
        assert_eq!(found.ranks, [[f64::INFINITY]], "{ties:?}");
        assert!(found.logit_max_abs.is_nan());
        assert_eq!(of(&[1.0, f32::NAN, 0.0]).ranks, [[2.0]], "{ties:?}");
    }
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
        serde_json::from_str(include_str!("../../../goldens/he2017.json")).unwrap();
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
