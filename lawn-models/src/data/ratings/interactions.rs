//! Who interacted with what.

use std::path::Path;

use super::ids::IdMap;
use super::moments::Unit;
use super::taken::Taken;
use crate::data::error::DataError;

/// One line of a file, with the ids that it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) user: u64,
    pub(crate) item: u64,
    pub(crate) time: i64,
    /// The number of the line, or of the row of a table, from 1.
    pub(crate) number: usize,
}

/// The lines of a file, those with a rating that is not above the least one left out.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    pub(super) not_above: u64,
    pub(super) taken: Taken,
    pub(super) unit: Unit,
}

impl Lines {
    /// Makes the order of the file that of time.
    pub(super) fn number(&mut self) {
        for (place, line) in self.lines.iter_mut().enumerate() {
            line.time = place as i64;
        }
    }

    /// Makes sure that there are some.
    ///
    /// # Errors
    /// [`DataError::Unusable`].
    pub(super) fn require_some(&self, path: &Path, above: f64) -> Result<(), DataError> {
        if !self.lines.is_empty() {
            return Ok(());
        }
        let found = match self.not_above {
            0 => "no line".to_owned(),
            lines => format!("no rating above {above} in {lines} lines"),
        };
        Err(DataError::unusable(path, found, "one interaction a line"))
    }
}

/// The rows of users and of items.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) users: IdMap,
    pub(crate) items: IdMap,
}

/// One interaction, by rows; the rating itself is not used by implicit feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rating {
    pub(crate) user: u32,
    pub(crate) item: u32,
    pub(crate) time: i64,
}

/// One interaction, and the items of the same user that it is ranked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) user: u32,
    pub(crate) item: u32,
    pub(crate) negatives: Vec<u32>,
}

/// Bits beyond which membership is looked up by bisection instead.
const BITMAP_LIMIT: u64 = 1 << 31;

/// The items of each user, and a fast answer to whether one is among them.
#[derive(Clone, Debug)]
pub(crate) struct Interactions {
    items: usize,
    /// Start of each user's part of `listed`, and its end.
    offsets: Vec<usize>,
    /// Items, sorted within each user.
    listed: Vec<u32>,
    /// One bit for each pair; empty where that would be too large.
    bitmap: Vec<u64>,
}

impl Interactions {
    /// Gathers pairs by user; a pair given twice counts twice.
    ///
    /// # Panics
    /// If a pair lies outside `users` × `items`.
    pub(crate) fn new(users: usize, items: usize, pairs: &[(u32, u32)]) -> Self {
        Self::with_limit(users, items, pairs, BITMAP_LIMIT)
    }

    pub(super) fn with_limit(users: usize, items: usize, pairs: &[(u32, u32)], limit: u64) -> Self {
        let mut offsets = vec![0; users + 1];
        for &(user, item) in pairs {
            assert!((item as usize) < items, "item {item} of {items}");
            offsets[user as usize + 1] += 1;
        }
        for user in 0..users {
            offsets[user + 1] += offsets[user];
        }
        let mut next = offsets.clone();
        let mut listed = vec![0; pairs.len()];
        for &(user, item) in pairs {
            listed[next[user as usize]] = item;
            next[user as usize] += 1;
        }
        for user in 0..users {
            listed[offsets[user]..offsets[user + 1]].sort_unstable();
        }
        let bits = users as u64 * items as u64;
        let mut bitmap = Vec::new();
        if bits <= limit {
            bitmap = vec![0; bits.div_ceil(64) as usize];
            for &(user, item) in pairs {
                let bit = user as usize * items + item as usize;
                bitmap[bit / 64] |= 1 << (bit % 64);
            }
        }
        Self {
            items,
            offsets,
            listed,
            bitmap,
        }
    }

    /// Number of users, those without interactions included.
    pub(crate) fn users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of items, those without interactions included.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// By item, whether somebody has met it.
    pub(crate) fn items_met(&self) -> Vec<bool> {
        let mut met = vec![false; self.items];
        self.listed
            .iter()
            .for_each(|&item| met[item as usize] = true);
        met
    }

    /// Items of one user in ascending order.
    pub(crate) fn of(&self, user: usize) -> &[u32] {
        &self.listed[self.offsets[user]..self.offsets[user + 1]]
    }

    /// Whether the pair is among them.
    pub(crate) fn contains(&self, user: usize, item: usize) -> bool {
        if self.bitmap.is_empty() {
            return self.of(user).binary_search(&(item as u32)).is_ok();
        }
        let bit = user * self.items + item;
        self.bitmap[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Where each user's part of all pairs starts, and the end.
    pub(super) fn starts(&self) -> impl Iterator<Item = u64> {
        self.offsets.iter().map(|&start| start as u64)
    }

    /// Bytes of what says whether a pair is among them.
    pub(super) fn bytes_of_members(&self) -> u64 {
        match self.bitmap.len() {
            0 => 8 * self.offsets.len() as u64 + 4 * self.listed.len() as u64,
            words => 8 * words as u64,
        }
    }

    /// One bit for each pair; none where that would be too large.
    pub(super) fn bitmap(&self) -> &[u64] {
        &self.bitmap
    }

    /// All pairs, by user and then by item.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.users()).flat_map(|user| self.of(user).iter().map(move |&i| (user as u32, i)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmap_and_bisection_agree() {
        let pairs = [(0, 5), (2, 1), (0, 2), (2, 6), (2, 0)];
        let bitmap = Interactions::new(4, 7, &pairs);
        let bisection = Interactions::with_limit(4, 7, &pairs, 0);
        assert!(!bitmap.bitmap.is_empty() && bisection.bitmap.is_empty());
        for user in 0..4 {
            for item in 0..7 {
                let expected = pairs.contains(&(user as u32, item as u32));
                assert_eq!(bitmap.contains(user, item), expected);
                assert_eq!(bisection.contains(user, item), expected);
            }
        }
        assert_eq!(bitmap.of(2), [0, 1, 6]);
        assert_eq!((bitmap.len(), bitmap.users()), (5, 4));
    }
}
