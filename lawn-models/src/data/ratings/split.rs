//! Holds out validation interactions and draws what evaluation ranks against.
//!
//! The test interaction of each user is already in a file of its own. Here one
//! more is taken from the train file, and one of those that stay is chosen to
//! measure the train split in the same way.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::interactions::{Case, Interactions, Rating};
use crate::data::error::DataError;
use crate::random::{Purpose, below, stream};

/// Which train interaction of each user becomes the validation item.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ValidationItem {
    /// One drawn uniformly with `split_seed`: for files whose times are
    /// placeholders.
    Random,
    /// The one with the greatest time; of equal ones the last in the file.
    Latest,
}

/// Negatives that each evaluated interaction is ranked against.
pub(crate) const EVALUATION_NEGATIVES: usize = 99;

/// The train file, split.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    /// What gradients come from.
    pub(crate) train: Interactions,
    /// Held-out interactions of the users that have two or more.
    pub(crate) validation: Vec<Case>,
    /// One interaction of `train` for each user that has one.
    pub(crate) probe: Vec<Case>,
}

impl Split {
    /// Splits the train interactions of `path`.
    ///
    /// A pair that occurs twice counts once, with its latest time: a copy left
    /// in train would give the held-out one away. Negatives are items without
    /// any interaction in the train file, drawn once from `seed`, so that every
    /// trial is measured on the same ones. The test interaction can be among
    /// them, since nothing of the test split may be known here.
    pub(crate) fn new(
        path: &Path,
        ratings: &[Rating],
        rule: ValidationItem,
        seed: u64,
    ) -> Result<Self, DataError> {
        let users = 1 + ratings.iter().map(|r| r.user).max().unwrap_or(0) as usize;
        let items = 1 + ratings.iter().map(|r| r.item).max().unwrap_or(0) as usize;
        let by_user = group(users, ratings);
        let known = Interactions::new(users, items, &pairs(&by_user));

        let mut chosen = stream(seed, Purpose::Split, 0);
        let mut held = Vec::new();
        let mut kept = by_user;
        for (user, own) in kept.iter_mut().enumerate() {
            if own.len() >= 2 {
                let place = match rule {
                    ValidationItem::Random => below(&mut chosen, own.len()),
                    ValidationItem::Latest => latest(own),
                };
                held.push((user as u32, own.remove(place).item));
            }
        }
        if held.is_empty() {
            return Err(DataError::unusable(
                path,
                "no user with two interactions",
                "one to hold out for validation and one to train on",
            ));
        }
        let mut chosen = stream(seed, Purpose::Split, 1);
        let probed: Vec<(u32, u32)> = kept
            .iter()
            .filter(|own| !own.is_empty())
            .map(|own| own[below(&mut chosen, own.len())])
            .map(|rating| (rating.user, rating.item))
            .collect();
        Ok(Self {
            train: Interactions::new(users, items, &pairs(&kept)),
            validation: cases(
                path,
                &known,
                &held,
                &mut stream(seed, Purpose::Evaluation, 0),
            )?,
            probe: cases(
                path,
                &known,
                &probed,
                &mut stream(seed, Purpose::Evaluation, 1),
            )?,
        })
    }
}

/// Distinct ratings of each user in file order.
fn group(users: usize, ratings: &[Rating]) -> Vec<Vec<Rating>> {
    let mut by_user: Vec<Vec<(usize, Rating)>> = vec![Vec::new(); users];
    for (place, &rating) in ratings.iter().enumerate() {
        by_user[rating.user as usize].push((place, rating));
    }
    for own in &mut by_user {
        // Of equal pairs the latest comes first and stays.
        own.sort_by_key(|&(place, rating)| (rating.item, std::cmp::Reverse((rating.time, place))));
        own.dedup_by_key(|&mut (_, rating)| rating.item);
        own.sort_by_key(|&(place, _)| place);
    }
    let strip = |own: Vec<(usize, Rating)>| own.into_iter().map(|(_, rating)| rating).collect();
    by_user.into_iter().map(strip).collect()
}

fn pairs(by_user: &[Vec<Rating>]) -> Vec<(u32, u32)> {
    by_user
        .iter()
        .flatten()
        .map(|rating| (rating.user, rating.item))
        .collect()
}

/// Place of the greatest time; of equal ones the last.
fn latest(own: &[Rating]) -> usize {
    (0..own.len())
        .max_by_key(|&place| (own[place].time, place))
        .unwrap_or(0)
}

/// Joins distinct negatives, none of them in `known`, to each pair.
pub(crate) fn cases(
    path: &Path,
    known: &Interactions,
    pairs: &[(u32, u32)],
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Case>, DataError> {
    let mut cases = Vec::with_capacity(pairs.len());
    for &(user, item) in pairs {
        let free = known.items() - known.of(user as usize).len();
        if free < EVALUATION_NEGATIVES {
            let found = format!("{free} items that user {user} has not met");
            let expected = format!("{EVALUATION_NEGATIVES} or more");
            return Err(DataError::unusable(path, found, expected));
        }
        let mut negatives = Vec::with_capacity(EVALUATION_NEGATIVES);
        while negatives.len() < EVALUATION_NEGATIVES {
            let drawn = below(rng, known.items());
            if !known.contains(user as usize, drawn) && !negatives.contains(&(drawn as u32)) {
                negatives.push(drawn as u32);
            }
        }
        cases.push(Case {
            user,
            item,
            negatives,
        });
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(user: u32, item: u32, time: i64) -> Rating {
        Rating { user, item, time }
    }

    fn ratings() -> Vec<Rating> {
        let mut ratings = vec![
            rating(0, 7, 5),
            rating(0, 3, 9),
            rating(0, 7, 1),
            rating(0, 4, 9),
            rating(1, 2, 0),
        ];
        ratings.extend((0..40).map(|item| rating(2, item * 3, 0)));
        ratings.push(rating(2, 400, 0));
        ratings
    }

    fn split(rule: ValidationItem, seed: u64) -> Split {
        Split::new(Path::new("x.train.rating"), &ratings(), rule, seed).unwrap()
    }

    #[test]
    fn latest_takes_the_last_of_the_greatest_times() {
        let split = split(ValidationItem::Latest, 0);
        let held: Vec<_> = split.validation.iter().map(|c| (c.user, c.item)).collect();
        // User 1 has one interaction, which stays in train.
        assert_eq!(held, [(0, 4), (2, 400)]);
        assert_eq!(split.train.of(0), [3, 7]);
        assert_eq!(split.train.of(1), [2]);
        assert_eq!(split.train.len(), 2 + 1 + 40);
    }

    #[test]
    fn negatives_are_distinct_and_never_known() {
        let split = split(ValidationItem::Random, 3);
        let known = Interactions::new(
            3,
            401,
            &ratings()
                .iter()
                .map(|r| (r.user, r.item))
                .collect::<Vec<_>>(),
        );
        assert_eq!(split.probe.len(), 3);
        for case in split.validation.iter().chain(&split.probe) {
            let mut sorted = case.negatives.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), EVALUATION_NEGATIVES);
            assert!(
                sorted
                    .iter()
                    .all(|&i| !known.contains(case.user as usize, i as usize))
            );
        }
        for case in &split.probe {
            assert!(split.train.contains(case.user as usize, case.item as usize));
        }
        for case in &split.validation {
            assert!(!split.train.contains(case.user as usize, case.item as usize));
        }
    }

    #[test]
    fn the_seed_decides_the_split() {
        let (a, b) = (
            split(ValidationItem::Random, 1),
            split(ValidationItem::Random, 1),
        );
        assert_eq!((&a.validation, &a.probe), (&b.validation, &b.probe));
        let other = split(ValidationItem::Random, 2);
        assert_ne!(a.validation, other.validation);
    }

    #[test]
    fn too_few_items_to_rank_against_are_refused() {
        let ratings: Vec<_> = (0..60).map(|item| rating(0, 2 * item, 0)).collect();
        let error = Split::new(Path::new("x"), &ratings, ValidationItem::Latest, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x: found 59 items that user 0 has not met, expected 99 or more"
        );
    }
}
