//! Holds out validation interactions and draws what evaluation ranks against.
//!
//! The test interaction of each user is already in a file of its own. Here one
//! more is taken from the train file, and one of those that stay is chosen to
//! measure the train split in the same way.

use std::path::Path;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::grouped::Grouped;
use super::interactions::{Case, Interactions, Rating, Rows};
use crate::data::error::DataError;
use crate::random::{Purpose, below, stream};

/// Which interaction of each user is held out.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ValidationItem {
    /// One drawn uniformly with `split_seed`: for files whose times are
    /// placeholders.
    Random,
    /// The one with the greatest time; of equal ones the last in the file.
    Latest,
}

/// Negatives that each evaluated interaction is ranked against where nothing is said.
pub(crate) const EVALUATION_NEGATIVES: u32 = 99;

/// The train file, split.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    /// What gradients come from.
    pub(crate) train: Interactions,
    /// Held-out interactions of the users that have two or more.
    pub(crate) validation: Vec<Case>,
    /// One interaction of `train` for each user that has one.
    pub(crate) probe: Vec<Case>,
    /// Everything that the train file has.
    pub(crate) known: Arc<Interactions>,
    /// Users with another that is as late as the one that is held out as the latest.
    pub(crate) tied: u64,
}

impl Split {
    /// Splits the train interactions of `path`.
    ///
    /// A pair occurs once in `interactions`: a copy left in train would give the held-out one
    /// away. Negatives are items without any interaction in the train file, drawn once from
    /// `seed`, so that every trial is measured on the same ones; none where all items are
    /// candidates. The test interaction can be among them, since nothing of the test split may be
    /// known here.
    pub(crate) fn new(
        path: &Path,
        rows: &Rows,
        interactions: &Grouped,
        rule: ValidationItem,
        seed: u64,
        negatives: Option<usize>,
    ) -> Result<Self, DataError> {
        let (users, items) = (rows.users.len(), rows.items.len());
        let known = Interactions::new(users, items, &pairs(interactions));

        let mut chosen = stream(seed, Purpose::Split, 0);
        let (mut held, mut tied) = (Vec::new(), 0);
        let kept = interactions.without(|own, left| {
            left.extend_from_slice(own);
            if own.len() >= 2 {
                let place = match rule {
                    ValidationItem::Random => below(&mut chosen, own.len()),
                    ValidationItem::Latest => latest(own),
                };
                let rating = left.remove(place);
                let is_as_late = |other: &Rating| other.time == rating.time;
                let by_time = rule == ValidationItem::Latest;
                tied += u64::from(by_time && left.iter().any(is_as_late));
                held.push((rating.user, rating.item));
            }
        });
        if held.is_empty() {
            return Err(DataError::unusable(
                path,
                "no user with two interactions",
                "one to hold out for validation and one to train on",
            ));
        }
        let mut chosen = stream(seed, Purpose::Split, 1);
        let probed: Vec<(u32, u32)> = kept
            .users()
            .filter(|own| !own.is_empty())
            .map(|own| own[below(&mut chosen, own.len())])
            .map(|rating| (rating.user, rating.item))
            .collect();
        let train = Interactions::new(users, items, &pairs(&kept));
        let draw = |of: &[(u32, u32)], part| {
            let mut rng = stream(seed, Purpose::Evaluation, part);
            cases(path, rows, &known, of, negatives, &mut rng)
        };
        Ok(Self {
            validation: draw(&held, 0)?,
            probe: draw(&probed, 1)?,
            train,
            known: Arc::new(known),
            tied,
        })
    }
}

fn pairs(of: &Grouped) -> Vec<(u32, u32)> {
    of.pairs().collect()
}

/// Place of the greatest time; of equal ones the last.
fn latest(own: &[Rating]) -> usize {
    (0..own.len())
        .max_by_key(|&place| (own[place].time, place))
        .unwrap_or(0)
}

/// Joins distinct negatives, none of them in `known`, to each pair; none where no number is given.
pub(crate) fn cases(
    path: &Path,
    rows: &Rows,
    known: &Interactions,
    pairs: &[(u32, u32)],
    count: Option<usize>,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Case>, DataError> {
    let count = count.unwrap_or(0);
    let mut cases = Vec::with_capacity(pairs.len());
    // By item, the last case that it was drawn for.
    let mut drawn_for = vec![usize::MAX; known.items()];
    for (place, &(user, item)) in pairs.iter().enumerate() {
        let free = known.items() - known.of(user as usize).len();
        if free < count.max(1) {
            let user = rows.users.id(user);
            let found = format!("{free} items that user {user} has not met");
            let expected = format!("{} or more", count.max(1));
            return Err(DataError::unusable(path, found, expected));
        }
        let mut negatives = Vec::with_capacity(count);
        while negatives.len() < count {
            let drawn = below(rng, known.items());
            if !known.contains(user as usize, drawn) && drawn_for[drawn] != place {
                drawn_for[drawn] = place;
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
    use crate::data::ratings::grouped::group;
    use crate::data::ratings::ids::{IdMap, Ids};
    use crate::data::ratings::interactions::Line;
    use crate::data::ratings::raw::{group_lines, rows};

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

    fn of(ratings: &[Rating], rule: ValidationItem, seed: u64) -> Result<Split, DataError> {
        let most = |of: fn(&Rating) -> u32| 1 + ratings.iter().map(of).max().unwrap() as u64;
        let rows = Rows {
            users: IdMap::new(0..most(|one| one.user), Ids::Kept),
            items: IdMap::new(0..most(|one| one.item), Ids::Kept),
        };
        let grouped = group(rows.users.len(), ratings);
        Split::new(Path::new("x"), &rows, &grouped, rule, seed, Some(99))
    }

    fn split(rule: ValidationItem, seed: u64) -> Split {
        of(&ratings(), rule, seed).unwrap()
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
            assert_eq!(sorted.len(), 99);
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

    /// Nothing would be left to rank against, or to be drawn as a negative.
    #[test]
    fn a_user_with_every_item_is_named() {
        let line = |user, item| Line {
            user,
            item,
            time: 0,
            number: 1,
        };
        let mut lines: Vec<Line> = (0..200).map(|item| line(40, item)).collect();
        lines.extend([line(10, 1), line(10, 2)]);
        let rows = rows(Path::new("x"), &lines, Ids::Remapped).unwrap();
        let grouped = group_lines(&rows, &lines);
        for (negatives, expected) in [(Some(99), "99"), (None, "1")] {
            let rule = ValidationItem::Latest;
            let error = Split::new(Path::new("x"), &rows, &grouped, rule, 0, negatives);
            let expected =
                format!("x: found 0 items that user 40 has not met, expected {expected} or more");
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn too_few_items_to_rank_against_are_refused() {
        let ratings: Vec<_> = (0..60).map(|item| rating(0, 2 * item, 0)).collect();
        let error = of(&ratings, ValidationItem::Latest, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x: found 59 items that user 0 has not met, expected 99 or more"
        );
    }
}
