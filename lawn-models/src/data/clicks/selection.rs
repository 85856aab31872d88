//! Which rows of a table belong to a split.

use std::ops::Range;

/// Rows of a table, in its order.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    /// Rows that follow each other.
    Range(Range<u64>),
    /// Rows among others.
    Chosen(Chosen),
}

/// A bit for each row, and counts that lead to the k-th of those that are set.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    bits: Vec<u64>,
    /// Rows chosen before each group of words, and behind them all that are chosen.
    ranks: Vec<u64>,
}

/// Words that have one count.
const GROUP: usize = 8;

impl Selection {
    /// Those of `rows` rows for which `is_chosen` holds.
    pub(crate) fn of(rows: u64, is_chosen: impl Fn(u64) -> bool) -> Self {
        let word = |first: u64| -> u64 {
            let own = first..(first + 64).min(rows);
            own.filter(|&row| is_chosen(row))
                .fold(0, |word, row| word | 1 << (row % 64))
        };
        let bits: Vec<u64> = (0..rows).step_by(64).map(word).collect();
        let mut ranks = vec![0];
        for group in bits.chunks(GROUP) {
            let own: u32 = group.iter().map(|word| word.count_ones()).sum();
            ranks.push(ranks[ranks.len() - 1] + u64::from(own));
        }
        Self::Chosen(Chosen { bits, ranks })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Range(rows) => rows.end - rows.start,
            Self::Chosen(chosen) => chosen.ranks[chosen.ranks.len() - 1],
        }
    }

    /// The row of the table that is the k-th of these, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    pub(crate) fn row(&self, k: u64) -> u64 {
        assert!(k < self.len(), "row {k} of {}", self.len());
        match self {
            Self::Range(rows) => rows.start + k,
            Self::Chosen(chosen) => chosen.row(k),
        }
    }
}

impl Chosen {
    fn row(&self, k: u64) -> u64 {
        let group = self.ranks.partition_point(|&before| before <= k) - 1;
        let mut left = (k - self.ranks[group]) as u32;
        let mut place = group * GROUP;
        while left >= self.bits[place].count_ones() {
            left -= self.bits[place].count_ones();
            place += 1;
        }
        let mut word = self.bits[place];
        for _ in 0..left {
            word &= word - 1;
        }
        64 * place as u64 + u64::from(word.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kth_chosen_row_is_found() {
        // Dense, sparse, and with groups of which none is chosen.
        for is_chosen in [
            |row: u64| row % 3 != 1,
            |row: u64| row % 701 == 5,
            |row: u64| (2_000..2_010).contains(&row),
        ] {
            let expected: Vec<u64> = (0..5_001).filter(|&row| is_chosen(row)).collect();
            let selection = Selection::of(5_001, is_chosen);
            assert_eq!(selection.len(), expected.len() as u64);
            let found: Vec<u64> = (0..selection.len()).map(|k| selection.row(k)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_range_counts_from_its_start() {
        let selection = Selection::Range(7..10);
        assert_eq!((selection.len(), selection.row(2)), (3, 9));
        assert_eq!(Selection::of(0, |_| true).len(), 0);
    }
}
