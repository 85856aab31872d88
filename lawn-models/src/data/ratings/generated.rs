//! Implicit feedback drawn from latent factors with skewed popularity.

use std::path::Path;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::files::RatingFiles;
use super::ids::{IdMap, Ids};
use super::interactions::{Case, Interactions, Rating, Rows};
use super::room::Room;
use super::split::{self, EVALUATION_NEGATIVES as NEGATIVES};
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::random::{Purpose, below, shuffle, stream, unit_between};
use crate::trial::{SettingsError, require};

/// Sizes of the generated implicit feedback.
///
/// ```text
/// x(u, i) = −skew·ln(i + 1) + strength·⟨p_u, q_i⟩/√factors        p, q ~ N(0, 1)
/// ```
/// Each user draws its items without replacement, item i in proportion to
/// `exp x(u, i)`. `u` and `i` count from 0, so that lower items are the more
/// popular ones.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratedRatings {
    /// Number of users.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub users: u32,
    /// Number of items on offer; one that nobody draws is left out.
    #[schemars(range(min = least_items(LEAST_INTERACTIONS), max = MOST_ITEMS))]
    pub items: u32,
    /// Mean number of interactions a user, the test one included; each user's
    /// own is uniform from half to one and a half of it.
    #[schemars(range(min = LEAST_INTERACTIONS, max = MOST_INTERACTIONS))]
    pub interactions: u32,
    /// Dimension of the latent factors p and q.
    #[schemars(range(min = 1, max = 1024))]
    pub factors: u32,
    /// Exponent of the Zipf-like popularity: the item of rank k has the weight
    /// `k^-skew`; 0 for none.
    #[schemars(range(min = 0))]
    pub skew: f64,
    /// How much taste counts beside popularity and chance.
    #[schemars(range(min = 0))]
    pub strength: f64,
    /// Seeds the generator: part of the data set, not of the trial.
    pub seed: u64,
}

impl Default for GeneratedRatings {
    fn default() -> Self {
        Self {
            users: 2_000,
            items: 1_000,
            interactions: 30,
            factors: 6,
            skew: 0.6,
            strength: 2.0,
            seed: 0,
        }
    }
}

/// A user has one interaction each for train, validation and test.
const LEAST_INTERACTIONS: u32 = 3;

/// Greatest number of items, and the interactions that so many leave room for.
const MOST_ITEMS: u32 = 10_000_000;
const MOST_INTERACTIONS: u32 = (MOST_ITEMS - NEGATIVES) / 2;

/// A user has at most twice the mean, and needs the negatives beside them.
const fn least_items(interactions: u32) -> u64 {
    2 * interactions as u64 + NEGATIVES as u64
}

impl GeneratedRatings {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(
            (1..=10_000_000).contains(&self.users),
            "generated.users",
            self.users,
            "1 to 10000000",
        )?;
        require(
            self.interactions >= LEAST_INTERACTIONS,
            "generated.interactions",
            self.interactions,
            "≥ 3: one each for train, validation and test",
        )?;
        let least = least_items(self.interactions);
        require(
            u64::from(self.items) >= least && self.items <= MOST_ITEMS,
            "generated.items",
            self.items,
            &format!("{least} to {MOST_ITEMS}, which leaves {NEGATIVES} negatives a user"),
        )?;
        require(
            (1..=1_024).contains(&self.factors),
            "generated.factors",
            self.factors,
            "1 to 1024",
        )?;
        for (name, value) in [
            ("generated.skew", self.skew),
            ("generated.strength", self.strength),
        ] {
            require(
                value.is_finite() && value >= 0.0,
                name,
                value,
                "a finite number ≥ 0",
            )?;
        }
        Ok(())
    }
}

impl GeneratedRatings {
    /// Makes sure that they can be made in the memory that is left.
    ///
    /// # Errors
    /// [`DataError::Unusable`].
    pub(super) fn require_room(&self, room: Room) -> Result<(), DataError> {
        let [users, items] = [self.users, self.items].map(u64::from);
        let factors = (users + items) * u64::from(self.factors) * size_of::<f32>() as u64;
        let interactions = users * u64::from(self.interactions);
        room.require_bytes(GENERATED.as_ref(), factors, interactions)
    }
}

/// The whole generated data set.
pub(crate) struct Feedback {
    pub(crate) train: Vec<Rating>,
    pub(crate) test: Vec<(u32, u32)>,
}

/// Draws every user's items and puts one of each aside as its test item.
///
/// The items of the largest `x(u, i) + Gumbel noise` (Gumbel top-k) are a draw
/// without replacement in proportion to `exp x(u, i)`.
pub(crate) fn generate(config: &GeneratedRatings) -> Feedback {
    let factors = config.factors as usize;
    let mut rng = stream(config.seed, Purpose::Generation, 0);
    let tastes: Vec<f32> = StandardNormal
        .sample_iter(&mut rng)
        .take(config.users as usize * factors)
        .collect();
    let traits: Vec<f32> = StandardNormal
        .sample_iter(&mut rng)
        .take(config.items as usize * factors)
        .collect();
    let scale = config.strength / f64::from(config.factors).sqrt();
    let least = (config.interactions / 2).max(3);
    let spread = (config.interactions + config.interactions / 2 - least + 1) as usize;

    let mut drawn: Vec<Vec<u32>> = Vec::with_capacity(config.users as usize);
    let mut scores: Vec<(f64, u32)> = Vec::new();
    for user in 0..config.users {
        let count = least as usize + below(&mut rng, spread);
        let taste = &tastes[user as usize * factors..][..factors];
        scores.clear();
        for item in 0..config.items {
            let own = &traits[item as usize * factors..][..factors];
            let affinity: f32 = taste.iter().zip(own).map(|(p, q)| p * q).sum();
            let popularity = -config.skew * f64::from(item + 1).ln();
            let score = popularity + scale * f64::from(affinity) + gumbel(&mut rng);
            scores.push((score, item));
        }
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut items: Vec<u32> = scores[..count].iter().map(|&(_, item)| item).collect();
        // The largest scores are the surest items: time must not follow them.
        shuffle(&mut rng, &mut items);
        drawn.push(items);
    }
    hold_out(drawn, config.items as usize)
}

/// Puts one item of each user aside, so that every item left has a train
/// interaction, and numbers the items that occur at all from 0.
///
/// A user whose every item is the last of its kind in train gets no test item.
fn hold_out(mut drawn: Vec<Vec<u32>>, items: usize) -> Feedback {
    let mut left = vec![0u32; items];
    drawn
        .iter()
        .flatten()
        .for_each(|&item| left[item as usize] += 1);
    let mut next = 0;
    let number: Vec<u32> = left
        .iter()
        .map(|&count| {
            let own = next;
            next += u32::from(count > 0);
            own
        })
        .collect();
    let mut all = Feedback {
        train: Vec::new(),
        test: Vec::new(),
    };
    for (user, items) in drawn.iter_mut().enumerate() {
        let user = user as u32;
        if let Some(place) = items.iter().rposition(|&item| left[item as usize] > 1) {
            let item = items.remove(place) as usize;
            left[item] -= 1;
            all.test.push((user, number[item]));
        }
        all.train
            .extend(items.iter().enumerate().map(|(time, &item)| Rating {
                user,
                item: number[item as usize],
                time: time as i64,
            }));
    }
    all
}

/// Rows of generated data: users and items are numbered without gaps.
pub(crate) fn rows(config: &GeneratedRatings, data: &Feedback) -> Rows {
    let items = 1 + data.train.iter().map(|r| r.item).max().unwrap_or(0);
    Rows {
        users: IdMap::new(0..config.users.into(), Ids::Kept),
        items: IdMap::new(0..items.into(), Ids::Kept),
    }
}

/// Joins negatives that the user never interacts with to each test item.
pub(crate) fn test_cases(
    config: &GeneratedRatings,
    data: &Feedback,
    negatives: Option<usize>,
) -> Result<Vec<Case>, DataError> {
    if data.test.is_empty() {
        return Err(DataError::unusable(
            GENERATED.as_ref(),
            "no user with an item that another user has too",
            "one at least, to test on",
        ));
    }
    let mut pairs: Vec<(u32, u32)> = data.train.iter().map(|r| (r.user, r.item)).collect();
    pairs.extend(&data.test);
    let rows = rows(config, data);
    let known = Interactions::new(rows.users.len(), rows.items.len(), &pairs);
    let mut rng = stream(config.seed, Purpose::Generation, 1);
    let path = GENERATED.as_ref();
    split::cases(path, &rows, &known, &data.test, negatives, &mut rng)
}

/// Writes generated data as files of the authors' format: `folder/NAME.train.rating` and
/// so on, NAME being the folder's own.
pub(crate) fn write(config: &GeneratedRatings, folder: &Path) -> Result<(), DataError> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| {
        DataError::unusable(folder, "no name in UTF-8", "a folder named as the data set")
    })?;
    let data = generate(config);
    let negatives = NEGATIVES as usize;
    let test = test_cases(config, &data, Some(negatives))?;
    std::fs::create_dir_all(folder).map_err(DataError::write(folder))?;
    RatingFiles::named(folder, name).write(&data.train, &test)
}

/// A standard Gumbel number, from 53 random bits in (0, 1).
fn gumbel(rng: &mut impl Rng) -> f64 {
    -(-unit_between(rng).ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten million users of a thousand factors.
    #[test]
    fn more_than_memory_holds_is_refused_with_what_it_takes() {
        let sizes = GeneratedRatings {
            users: 10_000_000,
            factors: 1_024,
            ..GeneratedRatings::default()
        };
        sizes.validate().unwrap();
        let error = sizes.require_room(Room(1 << 34)).unwrap_err().to_string();
        assert!(error.contains("sizes that take 60"), "{error}");
        GeneratedRatings::default()
            .require_room(Room(1 << 24))
            .unwrap();
    }

    #[test]
    fn users_and_items_follow_the_sizes_and_the_skew() {
        let config = GeneratedRatings {
            users: 400,
            items: 300,
            interactions: 20,
            skew: 0.8,
            ..GeneratedRatings::default()
        };
        let data = generate(&config);
        assert_eq!(data.test.len(), 400);
        let mean = (data.train.len() + data.test.len()) as f64 / 400.0;
        assert!((18.5..21.5).contains(&mean), "{mean}");
        let head = data.train.iter().filter(|r| r.item < 30).count();
        let tail = data.train.iter().filter(|r| r.item >= 270).count();
        assert!(head > 3 * tail, "{head} against {tail}");
        let mut pairs: Vec<_> = data.train.iter().map(|r| (r.user, r.item)).collect();
        pairs.extend(&data.test);
        let drawn = pairs.len();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), drawn, "a pair is drawn once");
    }

    /// Item 3 occurs once and must stay in train; item 1 never occurs, and the
    /// ids after it move up.
    #[test]
    fn held_out_items_keep_a_train_interaction() {
        let data = hold_out(vec![vec![0, 2, 3], vec![2, 0], vec![2, 0]], 4);
        assert_eq!(data.test, [(0, 1), (1, 0), (2, 0)]);
        let train: Vec<_> = data.train.iter().map(|r| (r.user, r.item)).collect();
        assert_eq!(train, [(0, 0), (0, 2), (1, 1), (2, 1)]);
    }

    #[test]
    fn the_seed_decides_the_data() {
        let config = |seed| GeneratedRatings {
            users: 5,
            seed,
            ..GeneratedRatings::default()
        };
        assert_eq!(generate(&config(1)).train, generate(&config(1)).train);
        assert_ne!(generate(&config(1)).train, generate(&config(2)).train);
    }
}
