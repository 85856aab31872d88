//! The rows that ids in files have in the tables of a model.

use serde::{Deserialize, Serialize};

/// Which row an id has.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[serde(rename_all = "lowercase")]
pub enum Ids {
    /// As `kept` where at least 999 in 1,000 of the ids up to the greatest occur in train, else as
    /// `remapped`; always as `remapped` for ratings that are not split yet.
    #[default]
    Auto,
    /// The row of its number: an id that does not occur has one, too, and is drawn as a negative.
    Kept,
    /// Ids that occur are numbered from 0 in their order: no other has a row or is drawn.
    Remapped,
}

/// Of the ids up to the greatest, the part without an interaction that `auto` takes for none; and
/// rows of an id that occurs where they are kept, at most.
const GAPS: u64 = 1_000;

/// Rows that are kept of so many ids that occur: with more, an id is mistyped.
pub(super) fn most_kept(occurring: usize) -> u64 {
    (occurring as u64 * GAPS).clamp(1 << 20, 1 << 30)
}

/// Ids up to which a table answers which row one has.
const TABLE: u64 = 1 << 26;

/// No row.
const NONE: u32 = u32::MAX;

/// The rows of the ids of users, or of items.
#[derive(Clone, Debug)]
pub(crate) struct IdMap {
    /// Those that occur, in order.
    occurring: Vec<u64>,
    kept: bool,
    /// Row by id, where the ids are small enough.
    table: Vec<u32>,
}

impl IdMap {
    /// Of the ids that occur.
    pub(crate) fn new(ids: impl Iterator<Item = u64> + Clone, rule: Ids) -> Self {
        let range = ids.clone().max().map_or(0, |most| most.saturating_add(1));
        let occurring = distinct(ids, range);
        let gaps = range - occurring.len() as u64;
        let kept = match rule {
            Ids::Auto => gaps * GAPS <= range && range <= most_kept(occurring.len()),
            Ids::Kept => true,
            Ids::Remapped => false,
        };
        let mut table = Vec::new();
        if !kept && range <= TABLE {
            table = vec![NONE; range as usize];
            for (row, &id) in occurring.iter().enumerate() {
                table[id as usize] = row as u32;
            }
        }
        Self {
            occurring,
            kept,
            table,
        }
    }

    /// Rows.
    pub(crate) fn len(&self) -> usize {
        if self.kept {
            self.range() as usize
        } else {
            self.occurring.len()
        }
    }

    /// Ids that occur.
    pub(crate) fn occurring(&self) -> usize {
        self.occurring.len()
    }

    /// The greatest id and one.
    pub(crate) fn range(&self) -> u64 {
        self.occurring.last().map_or(0, |&most| most + 1)
    }

    /// Whether rows are the ids.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    /// The row of an id, if it has one.
    pub(crate) fn row(&self, id: u64) -> Option<u32> {
        if self.kept {
            return (id < self.range()).then_some(id as u32);
        }
        if self.table.is_empty() {
            return self.occurring.binary_search(&id).ok().map(|row| row as u32);
        }
        let row = *self.table.get(usize::try_from(id).ok()?)?;
        (row != NONE).then_some(row)
    }

    /// The id of a row.
    pub(crate) fn id(&self, row: u32) -> u64 {
        if self.kept {
            row.into()
        } else {
            self.occurring[row as usize]
        }
    }
}

/// The distinct ids, all below `range`, in order.
fn distinct(ids: impl Iterator<Item = u64>, range: u64) -> Vec<u64> {
    if range > TABLE {
        let mut all: Vec<u64> = ids.collect();
        all.sort_unstable();
        all.dedup();
        return all;
    }
    let mut there = vec![false; range as usize];
    ids.for_each(|id| there[id as usize] = true);
    (0..range).filter(|&id| there[id as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_gaps_are_numbered_in_their_order() {
        for far in [90, 1_000_000_000, u64::MAX - 1] {
            let map = IdMap::new([7, 3, far, 3].into_iter(), Ids::Auto);
            assert_eq!((map.len(), map.occurring(), map.range()), (3, 3, far + 1));
            assert_eq!(
                [3, 7, far].map(|id| map.row(id)),
                [Some(0), Some(1), Some(2)]
            );
            assert_eq!([0, 4, far - 1, far + 1].map(|id| map.row(id)), [None; 4]);
            assert_eq!((map.id(1), map.is_kept()), (7, false));
        }
    }

    #[test]
    fn ids_without_gaps_to_speak_of_stay() {
        let without = |gaps: u64| (0..2_000 - gaps).chain([1_999]);
        let map = IdMap::new(without(3), Ids::Auto);
        assert_eq!(
            (map.len(), map.occurring(), map.is_kept()),
            (2_000, 1_998, true)
        );
        assert_eq!((map.row(1_998), map.row(2_000)), (Some(1_998), None));
        assert!(!IdMap::new(without(4), Ids::Auto).is_kept());
        assert!(IdMap::new(without(4), Ids::Kept).is_kept());
        assert!(!IdMap::new(0..9, Ids::Remapped).is_kept());
    }
}
