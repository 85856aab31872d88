//! The distinct interactions of each user, in the order of the file.

use super::interactions::Rating;

/// Interactions by user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grouped {
    /// Start of each user's part of `ratings`, and its end.
    offsets: Vec<usize>,
    ratings: Vec<Rating>,
}

impl Grouped {
    /// Interactions.
    pub(crate) fn len(&self) -> usize {
        self.ratings.len()
    }

    /// Those of each user.
    pub(crate) fn users(&self) -> impl Iterator<Item = &[Rating]> {
        self.offsets
            .windows(2)
            .map(|ends| &self.ratings[ends[0]..ends[1]])
    }

    /// User and item of each, by user.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.ratings.iter().map(|rating| (rating.user, rating.item))
    }

    /// What `keep` puts into the empty list that it is given, user by user.
    pub(super) fn without(&self, mut keep: impl FnMut(&[Rating], &mut Vec<Rating>)) -> Self {
        let mut kept = Self {
            offsets: vec![0],
            ratings: Vec::with_capacity(self.ratings.len()),
        };
        let mut left = Vec::new();
        for own in self.users() {
            left.clear();
            keep(own, &mut left);
            kept.ratings.extend_from_slice(&left);
            kept.offsets.push(kept.ratings.len());
        }
        kept
    }
}

/// Distinct ratings of each user in file order: of equal pairs the latest, of equally late ones
/// the last.
pub(super) fn group(users: usize, ratings: &[Rating]) -> Grouped {
    let mut offsets = vec![0; users + 1];
    for rating in ratings {
        offsets[rating.user as usize + 1] += 1;
    }
    for user in 0..users {
        offsets[user + 1] += offsets[user];
    }
    let mut next = offsets.clone();
    let nothing = Rating {
        user: 0,
        item: 0,
        time: 0,
    };
    let mut sorted = vec![nothing; ratings.len()];
    for &rating in ratings {
        let place = &mut next[rating.user as usize];
        sorted[*place] = rating;
        *place += 1;
    }
    let all = Grouped {
        offsets,
        ratings: sorted,
    };
    let mut items = Vec::new();
    let has_repeats = |own: &[Rating]| {
        items.clear();
        items.extend(own.iter().map(|rating| rating.item));
        items.sort_unstable();
        items.windows(2).any(|pair| pair[0] == pair[1])
    };
    if !all.users().any(has_repeats) {
        return all;
    }
    all.without(|own, left| {
        let mut placed: Vec<(usize, Rating)> = own.iter().copied().enumerate().collect();
        placed
            .sort_by_key(|&(place, rating)| (rating.item, std::cmp::Reverse((rating.time, place))));
        placed.dedup_by_key(|&mut (_, rating)| rating.item);
        placed.sort_by_key(|&(place, _)| place);
        left.extend(placed.into_iter().map(|(_, rating)| rating));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_pairs_the_latest_stays_where_it_is_in_the_file() {
        let rating = |user, item, time| Rating { user, item, time };
        let ratings = [
            rating(2, 7, 5),
            rating(0, 1, 1),
            rating(2, 3, 9),
            rating(2, 7, 1),
            rating(2, 3, 9),
            rating(2, 4, 0),
        ];
        let grouped = group(3, &ratings);
        let users: Vec<&[Rating]> = grouped.users().collect();
        assert_eq!(
            users,
            [
                &[ratings[1]][..],
                &[],
                &[ratings[0], ratings[4], ratings[5]]
            ]
        );
        assert_eq!(grouped.len(), 4);
        assert_eq!(
            group(3, &ratings[..3]).pairs().collect::<Vec<_>>(),
            [(0, 1), (2, 7), (2, 3)]
        );
    }
}
