//! Diverged trials in a comparison: counted, and ranked below all others.

use super::comparison::{Pairing, differences};
use super::question::Quantity;
use crate::error::Error;
use crate::stats::{Alternative, Differences, TestResult, sign_flip, signed_rank, signed_ranks};

/// Up to this many pairs the signed-rank test is counted by dynamic programming.
const MOST_COUNTED: usize = 120;

/// The trials of the pairs of a comparison that diverged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Diverged {
    /// Those of the baseline.
    pub baseline: usize,
    /// Those of the treatment.
    pub treatment: usize,
    /// All pairs.
    pub pairs: usize,
}

impl Diverged {
    pub(super) fn of(pairing: &Pairing) -> Self {
        let count = |side: &[Quantity]| {
            let diverged = side.iter().filter(|one| **one == Quantity::Diverged);
            diverged.count()
        };
        Self {
            baseline: count(&pairing.baseline),
            treatment: count(&pairing.treatment),
            pairs: pairing.baseline.len(),
        }
    }

    /// Whether any did.
    pub fn any(self) -> bool {
        self.baseline + self.treatment > 0
    }
}

/// The signed-rank test over all pairs, diverged trials below all others.
///
/// Only where a trial diverged: otherwise it would be a second test of the same thing.
pub(super) fn worst_rank(
    pairing: &Pairing,
    more_is_better: bool,
) -> Result<Option<TestResult>, Error> {
    if !Diverged::of(pairing).any() {
        return Ok(None);
    }
    let sides = || pairing.baseline.iter().zip(&pairing.treatment);
    let whole = sides().filter(|(b, t)| b.number().is_some() && t.number().is_some());
    let (b, t): (Vec<Quantity>, Vec<Quantity>) = whole.unzip();
    let known = if b.is_empty() {
        Vec::new()
    } else {
        differences(&t, &b, more_is_better)?.units().to_vec()
    };
    let beyond = known.iter().map(|unit| unit.abs()).max().unwrap_or(0) + 1;
    let mut known = known.into_iter();
    let units: Vec<i128> = sides()
        .map(|(b, t)| match (b, t) {
            (Quantity::Diverged, Quantity::Diverged) => 0,
            (Quantity::Diverged, _) => beyond,
            (_, Quantity::Diverged) => -beyond,
            _ => known.next().unwrap_or(0),
        })
        .collect();
    if units.len() <= MOST_COUNTED {
        return Ok(Some(signed_rank(&units, Alternative::TwoSided)));
    }
    // Signed ranks with their signs flipped are the same test, drawn where it cannot be counted.
    let ranks = signed_ranks(&units);
    if ranks.is_empty() {
        return Ok(None);
    }
    let test = sign_flip(&Differences::from_values(&ranks)?, Alternative::TwoSided);
    let positive = ranks.iter().filter(|rank| **rank > 0.0).sum();
    Ok(Some(TestResult {
        statistic: positive,
        method: "signed-rank, 100,000 draws",
        ..test
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flipping_signed_ranks_is_the_signed_rank_test() {
        for units in [
            vec![3, -1, 4, -1, 5, 9, -2, 6, 0, 3, 5],
            vec![7, 7, 7, -7, 7, 7],
            vec![1, -2, 3, -4, 5, -6, 7, 8, 9, 10],
        ] {
            let ranks = Differences::from_values(&signed_ranks(&units)).unwrap();
            let flipped = sign_flip(&ranks, Alternative::TwoSided);
            assert_eq!(flipped.p, signed_rank(&units, Alternative::TwoSided).p);
        }
    }
}
