//! Implicit feedback drawn from latent factors with skewed popularity.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::interactions::{Case, Interactions, Rating};
use super::split;
use crate::DataError;
use crate::config::SyntheticConfig;
use crate::random::{Purpose, below, shuffle, stream};

/// The whole generated data set.
pub(crate) struct Synthetic {
    pub(crate) train: Vec<Rating>,
    pub(crate) test: Vec<(u32, u32)>,
}

/// Draws every user's items and puts one of each aside as its test item.
///
/// The items of the largest `x(u, i) + Gumbel noise` (Gumbel top-k) are a draw
/// without replacement in proportion to `exp x(u, i)`.
pub(crate) fn generate(config: &SyntheticConfig) -> Synthetic {
    let factors = config.factors as usize;
    let mut rng = stream(config.seed, Purpose::Synthesis, 0);
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
fn hold_out(mut drawn: Vec<Vec<u32>>, items: usize) -> Synthetic {
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
    let mut all = Synthetic {
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

/// Joins negatives that the user never interacts with to each test item.
pub(crate) fn test_cases(
    config: &SyntheticConfig,
    data: &Synthetic,
) -> Result<Vec<Case>, DataError> {
    if data.test.is_empty() {
        return Err(DataError::unusable(
            "synthetic".as_ref(),
            "no user with an item that another user has too",
            "one at least, to test on",
        ));
    }
    let mut pairs: Vec<(u32, u32)> = data.train.iter().map(|r| (r.user, r.item)).collect();
    pairs.extend(&data.test);
    let items = 1 + data.train.iter().map(|r| r.item).max().unwrap_or(0) as usize;
    let known = Interactions::new(config.users as usize, items, &pairs);
    let mut rng = stream(config.seed, Purpose::Synthesis, 1);
    split::cases("synthetic".as_ref(), &known, &data.test, &mut rng)
}

/// A standard Gumbel number, from 53 random bits in (0, 1).
fn gumbel(rng: &mut impl Rng) -> f64 {
    let uniform = ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -(-uniform.ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_items_follow_the_sizes_and_the_skew() {
        let config = SyntheticConfig {
            users: 400,
            items: 300,
            interactions: 20,
            skew: 0.8,
            ..SyntheticConfig::default()
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
        let config = |seed| SyntheticConfig {
            users: 5,
            seed,
            ..SyntheticConfig::default()
        };
        assert_eq!(generate(&config(1)).train, generate(&config(1)).train);
        assert_ne!(generate(&config(1)).train, generate(&config(2)).train);
    }
}
