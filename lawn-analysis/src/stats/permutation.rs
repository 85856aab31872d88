//! The permutation test of the means of two independent samples.

use std::collections::BTreeMap;

use super::grid::Integers;
use super::mann_whitney::MOST_VALUES;
use super::philox::Philox;
use super::result::{Alternative, Ratio, TestResult};
use super::sample::Sample;

/// The test is exact for up to this many distinct sums.
const MOST_SUMS: usize = 1_000_000;
/// It is exact as well where a grid for the sums has at most so many places, which take 32 MiB.
const MOST_PLACES: usize = 1 << 22;
/// Number of random arrangements of the Monte Carlo test beyond that.
const DRAWS: u64 = 100_000;
/// Seed of those arrangements. It is fixed, so that equal data give equal p-values.
const SEED: u64 = 0x7065_726d_7574_6573;

/// Permutation test of equal means of two independent samples.
///
/// ```text
/// p = 2 min(P(x̄* − ȳ* ≤ x̄ − ȳ), P(x̄* − ȳ* ≥ x̄ − ȳ)), at most 1
/// ```
///
/// Sums are integers on a decimal grid, so that ties are true. The test is exact for up to one
/// million distinct sums, or where their grid has at most four million places. Beyond that it is a
/// Monte Carlo test of 100,000 arrangements with a fixed seed, one of which is the observed one.
/// The statistic is x̄ − ȳ, and `n` of the result is n + m.
///
/// Source: Pitman 1937.
pub fn permutation(x: &Sample, y: &Sample, alternative: Alternative) -> TestResult {
    let all: Vec<f64> = x.values().iter().chain(y.values()).copied().collect();
    let units = Integers::of(&all).units;
    let observed: i128 = units[..x.n()].iter().sum();
    let counted = count_places(&units, x.n(), observed);
    let counted = counted.or_else(|| count_sums(&units, x.n(), observed));
    let (ratio, exact) = match counted {
        Some(Tails { up_to, from, all }) => {
            let ratio = Ratio::of_tails(up_to, from, all, alternative);
            (ratio, Some(ratio))
        }
        None => (draw(units, x.n(), observed, alternative), None),
    };
    TestResult {
        statistic: x.mean() - y.mean(),
        p: ratio.value(),
        exact,
        n: all.len(),
        alternative,
        method: if exact.is_some() {
            "exact permutation"
        } else {
            "permutation, 100,000 draws"
        },
    }
}

/// Numbers of arrangements: those with a sum up to the observed one, those with a sum from it on,
/// and all.
struct Tails {
    up_to: u128,
    from: u128,
    all: u128,
}

/// Counts every choice of `n` of the units on a grid with a place per sum. None where the grid is
/// too large, or where counting the sums themselves takes far less.
fn count_places(units: &[i128], n: usize, observed: i128) -> Option<Tails> {
    if units.len() > MOST_VALUES {
        return None;
    }
    let least = *units.iter().min()?;
    let above = units
        .iter()
        .map(|unit| usize::try_from(unit.checked_sub(least)?).ok());
    let mut above: Vec<usize> = above.collect::<Option<_>>()?;
    above.sort_unstable();
    // The largest sum of so many of them.
    let mut largest = vec![0_usize];
    for unit in above.iter().rev().take(n) {
        largest.push(largest[largest.len() - 1].checked_add(*unit)?);
    }
    let places = largest
        .iter()
        .try_fold(0_usize, |all, sum| all.checked_add(sum.checked_add(1)?))?;
    let all = choices(units.len(), n);
    // No single count can exceed the number of all choices.
    u64::try_from(all).ok()?;
    if places > MOST_PLACES || all < places as u128 / 8 {
        return None;
    }
    let mut counts: Vec<Vec<u64>> = largest.iter().map(|sum| vec![0; sum + 1]).collect();
    counts[0][0] = 1;
    for (seen, unit) in above.iter().enumerate() {
        // The units rise, so the last ones seen make the largest sum.
        let mut reach: usize = above[seen - seen.min(n - 1)..seen].iter().sum();
        for chosen in (1..=n.min(seen + 1)).rev() {
            let (before, here) = counts.split_at_mut(chosen);
            if chosen < n.min(seen + 1) {
                reach -= above[seen - chosen];
            }
            let before = &before[chosen - 1][..=reach];
            for (here, before) in here[0][*unit..].iter_mut().zip(before) {
                *here += before;
            }
        }
    }
    let counts = counts.pop()?;
    let at = usize::try_from(observed - least * n as i128).ok()?;
    let sum = |counts: &[u64]| counts.iter().map(|count| u128::from(*count)).sum();
    Some(Tails {
        up_to: sum(&counts[..=at]),
        from: sum(&counts[at..]),
        all,
    })
}

/// Number of ways to choose `n` of some things. It fits for up to 120 things.
fn choices(of: usize, n: usize) -> u128 {
    let n = n.min(of - n) as u128;
    (1..=n).fold(1, |all, k| all * (of as u128 - n + k) / k)
}

/// Counts every choice of `n` of the units by their distinct sums; none where there are too many.
fn count_sums(units: &[i128], n: usize, observed: i128) -> Option<Tails> {
    if units.len() > MOST_VALUES {
        return None;
    }
    let mut counts: Vec<BTreeMap<i128, u128>> = vec![BTreeMap::new(); n + 1];
    counts[0].insert(0, 1);
    for (seen, unit) in units.iter().enumerate() {
        for chosen in (1..=n.min(seen + 1)).rev() {
            let (before, here) = counts.split_at_mut(chosen);
            for (sum, count) in &before[chosen - 1] {
                *here[0].entry(sum + unit).or_insert(0) += count;
            }
        }
        if counts.iter().map(BTreeMap::len).sum::<usize>() > MOST_SUMS {
            return None;
        }
    }
    let counts = counts.pop()?;
    Some(Tails {
        up_to: counts.range(..=observed).map(|(_, count)| count).sum(),
        from: counts.range(observed..).map(|(_, count)| count).sum(),
        all: counts.values().sum(),
    })
}

fn draw(mut units: Vec<i128>, n: usize, observed: i128, alternative: Alternative) -> Ratio {
    let generator = Philox::new(SEED);
    let (mut up_to, mut from) = (1_u128, 1_u128);
    for draw in 0..DRAWS {
        // The first n places of a Fisher–Yates shuffle are a random choice of n.
        let mut sum = 0;
        for place in 0..n {
            let word = generator.block_of([draw as u32, (place / 4) as u32, 0, 0])[place % 4];
            let other = place + Philox::index(word, units.len() - place);
            units.swap(place, other);
            sum += units[place];
        }
        up_to += u128::from(sum <= observed);
        from += u128::from(sum >= observed);
    }
    Ratio::of_tails(up_to, from, u128::from(DRAWS) + 1, alternative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_counts_are_the_same() {
        for seed in 0..40 {
            let generator = Philox::new(seed);
            let size = 4 + (seed as usize) % 9;
            let unit = |place| i128::from(generator.block(place)[0] % 200) - 120;
            let units: Vec<i128> = (0..size as u64).map(unit).collect();
            for n in 1..size {
                let observed: i128 = units[..n].iter().sum();
                let Some(found) = count_places(&units, n, observed) else {
                    continue;
                };
                let expected = count_sums(&units, n, observed).unwrap();
                assert_eq!(found.all, expected.all, "{units:?}, {n}");
                assert_eq!((found.up_to, found.from), (expected.up_to, expected.from));
            }
        }
        let units: Vec<i128> = (0..16).map(|unit| unit * unit % 7).collect();
        assert!(count_places(&units, 8, units[..8].iter().sum()).is_some());
    }

    #[test]
    fn choices_are_those_of_pascals_triangle() {
        assert_eq!(choices(5, 2), 10);
        assert_eq!(choices(40, 20), 137_846_528_820);
        assert_eq!((choices(7, 0), choices(7, 7)), (1, 1));
        assert_eq!(choices(120, 60) % 1_000_007, {
            let mut row = vec![1_u128];
            for _ in 0..120 {
                let inner = row.windows(2).map(|pair| pair[0] + pair[1]);
                row = std::iter::once(1).chain(inner).chain([1]).collect();
            }
            row[60] % 1_000_007
        });
    }
}
