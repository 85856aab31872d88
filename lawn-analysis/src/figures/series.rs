//! Finished rows, read arm by arm.

use crate::stats::Interval;
use crate::tables::OfArm;

/// The most series whose bands are drawn. More bands lie over each other as one grey block, in which
/// no line can be followed.
pub(crate) const MOST_BANDS: usize = 5;

/// The rows of one arm, each reduced to some numbers.
#[derive(Clone, Debug)]
pub(crate) struct Series<const N: usize> {
    pub(crate) arm: String,
    pub(crate) rows: Vec<[Option<f64>; N]>,
}

impl<const N: usize> Series<N> {
    /// The rows in which no number is missing.
    pub(crate) fn whole(&self) -> impl Iterator<Item = [f64; N]> + '_ {
        self.rows.iter().filter_map(|row| {
            let mut values = [0.0; N];
            for (value, cell) in values.iter_mut().zip(row) {
                *value = (*cell)?;
            }
            Some(values)
        })
    }
}

/// The arms of some rows in their order, each with what is read of its rows.
///
/// An arm of which nothing is read has no rows, but keeps its place in a legend.
pub(crate) fn by_arm<R: OfArm, const N: usize>(
    rows: &[R],
    read: impl Fn(&R) -> Option<[Option<f64>; N]>,
) -> Vec<Series<N>> {
    let mut all: Vec<Series<N>> = Vec::new();
    for row in rows {
        let name = row.arm();
        let place = all.iter().rposition(|one| one.arm == name);
        let place = place.unwrap_or_else(|| {
            all.push(Series {
                arm: name.to_owned(),
                rows: Vec::new(),
            });
            all.len() - 1
        });
        all[place].rows.extend(read(row));
    }
    all
}

/// The ends of an interval, where there is one.
pub(crate) fn ends(interval: Option<Interval>) -> [Option<f64>; 2] {
    [
        interval.map(|found| found.low),
        interval.map(|found| found.high),
    ]
}

pub(crate) fn names<const N: usize>(all: &[Series<N>]) -> impl Iterator<Item = &str> {
    all.iter().map(|one| one.arm.as_str())
}

/// Different batch sizes, rising.
pub(crate) fn batch_sizes(sizes: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut sizes: Vec<i64> = sizes.collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Indices that represent a sorted list: all of at most `most`, else the two ends and evenly spaced
/// ones between.
pub(crate) fn evenly(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most)
        .map(|i| (i * (count - 1) + (most - 1) / 2) / (most - 1))
        .collect()
}

/// A lane for each of some heights, so that heights nearer to each other than `near` lie side by
/// side. It is the first free lane. Where all of `most` are taken, lanes follow in turn.
pub(crate) fn lanes(heights: &[f64], near: f64, most: usize) -> Vec<usize> {
    let most = most.max(1);
    let mut lanes: Vec<usize> = Vec::with_capacity(heights.len());
    for (index, height) in heights.iter().enumerate() {
        let taken = |lane: usize| {
            let mut before = heights[..index].iter().zip(&lanes);
            before.any(|(other, of)| *of == lane && (other - height).abs() < near)
        };
        let free = (0..most).find(|lane| !taken(*lane));
        lanes.push(free.unwrap_or(index % most));
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::{evenly, lanes};

    #[test]
    fn ties_lie_beside_each_other_and_others_in_line() {
        assert_eq!(lanes(&[1.0, 1.0, 1.0, 9.0], 2.0, 4), [0, 1, 2, 0]);
        assert_eq!(lanes(&[1.0; 4], 2.0, 2), [0, 1, 0, 1]);
        assert_eq!(lanes(&[1.0; 2], 2.0, 0), [0, 0]);
    }

    #[test]
    fn a_choice_keeps_the_ends() {
        assert_eq!(evenly(3, 4), [0, 1, 2]);
        assert_eq!(evenly(6, 4), [0, 2, 3, 5]);
        let many = evenly(1250, 60);
        assert_eq!((many.len(), many[0], many[59]), (60, 0, 1249));
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
