//! Which samples of a batch a rank trains on.

use std::ops::Range;

/// How batches are shared out: by the place of their samples alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sharing {
    /// Samples that stay together: those of one set of normalization statistics.
    pub(super) unit: u64,
    pub(super) rank: u32,
    pub(super) ranks: u32,
}

/// The most samples of a batch of `count` that one of `ranks` trains on, where `unit` samples stay
/// together, and how many ranks have none.
#[must_use]
pub fn largest_share(count: u64, unit: u64, ranks: u32) -> (u64, usize) {
    let shares = (0..ranks).map(|rank| Sharing { unit, rank, ranks }.of(count).samples);
    let sizes: Vec<u64> = shares.map(|share| share.end - share.start).collect();
    let idle = sizes.iter().filter(|&&size| size == 0).count();
    (sizes.into_iter().max().unwrap_or(0), idle)
}

/// What a rank has of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Places in the batch.
    pub(super) samples: Range<u64>,
    /// Whole units of the batch that come after it.
    pub(super) units_after: u64,
}

impl Sharing {
    /// One rank has all.
    pub(super) const ALONE: Self = Self {
        unit: 1,
        rank: 0,
        ranks: 1,
    };

    /// The share of this rank in a batch of `count` samples.
    pub(super) fn of(&self, count: u64) -> Share {
        let whole = count / self.unit;
        let rest = count % self.unit;
        // A last sample by itself goes with the unit before it, as in batch normalization.
        let goes_along = rest == 1 && whole > 0;
        let units = whole + u64::from(rest > 0 && !goes_along);
        let [rank, ranks] = [self.rank, self.ranks].map(u64::from);
        let end_of = |units_before: u64| match units_before == units {
            true => count,
            false => units_before * self.unit,
        };
        let [from, to] = [rank, rank + 1].map(|ranks_before| units * ranks_before / ranks);
        Share {
            samples: end_of(from)..end_of(to),
            units_after: units - to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_of_one_rank_and_units_stay_whole() {
        for (count, unit, ranks) in [
            (700, 1, 4),
            (48, 16, 2),
            (49, 16, 2),
            (50, 16, 4),
            (3, 1, 4),
            (1, 16, 2),
            (17, 16, 2),
            (0, 16, 2),
        ] {
            let shares = (0..ranks).map(|rank| Sharing { unit, rank, ranks }.of(count));
            let shares: Vec<Share> = shares.collect();
            let mut next = 0;
            for share in &shares {
                assert_eq!(share.samples.start, next, "{count} {unit} {ranks}");
                next = share.samples.end;
                assert!(next == count || next % unit == 0, "{count} {unit} {ranks}");
                assert!(share.samples.end - share.samples.start != 1 || unit == 1 || count == 1);
            }
            assert_eq!(next, count);
            assert_eq!(shares.last().unwrap().units_after, 0);
        }
        let of = |rank| {
            Sharing {
                unit: 16,
                rank,
                ranks: 2,
            }
            .of(49)
        };
        assert_eq!((of(0).samples, of(0).units_after), (0..16, 2));
        assert_eq!((of(1).samples, of(1).units_after), (16..49, 0));
        assert_eq!(Sharing::ALONE.of(49).samples, 0..49);
    }

    #[test]
    fn ranks_without_a_whole_unit_have_nothing_to_do() {
        assert_eq!(largest_share(64, 1, 4), (16, 0));
        assert_eq!(largest_share(64, 128, 4), (64, 3));
        assert_eq!(largest_share(256, 128, 4), (128, 2));
    }
}
