//! The advantage of each seed, summed exactly over the pairs of one or several contrasts.

use std::collections::{BTreeMap, BTreeSet};

use super::pairing::{Pairing, differences};
use super::quantity::Quantity;
use crate::error::Error;
use crate::stats::Differences;

/// What one seed says about a contrast, also where trials diverged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A number, in the unit of all other seeds. A pair whose trials both diverged adds 0 to it.
    Known(i128),
    /// Beyond every number, since one side has this many more diverged trials. It is positive where
    /// the baseline has more of them.
    Beyond(i64),
    /// No number and no order, since a trial diverged where divergence is neither better nor worse.
    /// The seed counts against either answer.
    Undefined,
}

/// The advantages of all seeds of one or several contrasts.
pub(super) struct Advantages {
    /// Seeds that have a number.
    pub(super) seeds: Vec<i64>,
    /// Their numbers; none where no seed has one.
    pub(super) differences: Option<Differences>,
    /// The standing of every seed of which no trial is missing, diverged trials included.
    pub(super) standings: Vec<Standing>,
}

impl Advantages {
    /// Sums the advantages of several pairings, each with its sign, and divides by `parts`.
    ///
    /// ```text
    /// dᵢ = (1/parts) Σₖ sₖ (treatmentᵢₖ − baselineᵢₖ),   dᵢ → −dᵢ as the sides change places
    /// ```
    ///
    /// A pair of which one trial diverged lies beyond all numbers. A pair of which both did is a
    /// tie.
    ///
    /// # Errors
    /// As [`Differences::new`].
    pub(super) fn sum(
        pairings: &[(&Pairing, i8)],
        parts: usize,
        more_is_better: bool,
    ) -> Result<Self, Error> {
        let by_seed: Vec<BTreeMap<i64, (&Quantity, &Quantity)>> = pairings
            .iter()
            .map(|(pairing, _)| pairing.pairs().map(|(s, b, t)| (s, (b, t))).collect())
            .collect();
        let undefined: BTreeSet<i64> = pairings
            .iter()
            .flat_map(|(pairing, _)| pairing.undefined.iter().copied())
            .collect();
        let known = |seed: &i64| {
            let mut pairings = pairings.iter().zip(&by_seed);
            pairings.all(|((pairing, _), pairs)| {
                pairs.contains_key(seed) || pairing.undefined.contains(seed)
            })
        };
        let all: BTreeSet<i64> = by_seed
            .iter()
            .flat_map(|pairs| pairs.keys())
            .copied()
            .collect();
        let seeds: Vec<i64> = all.union(&undefined).copied().filter(known).collect();
        let whole = |seed: &i64| {
            let seed = *seed;
            let pairs = by_seed
                .iter()
                .filter_map(move |pairs| pairs.get(&seed).copied());
            pairs.filter(|(b, t)| b.is_number() && t.is_number())
        };
        // All numbers share one grid, so that equal sums are equal integers.
        let (b, t): (Vec<_>, Vec<_>) = seeds.iter().flat_map(whole).unzip();
        let flat = differences(&t, &b, more_is_better);
        let mut steps = flat.units.iter();
        let mut found = Self {
            seeds: Vec::new(),
            differences: None,
            standings: Vec::with_capacity(seeds.len()),
        };
        let (mut values, mut units) = (Vec::new(), Vec::new());
        for seed in seeds {
            let (mut unit, mut lead) = (0, 0);
            let mut diverged = undefined.contains(&seed);
            for ((_, sign), pairs) in pairings.iter().zip(&by_seed) {
                match pairs.get(&seed) {
                    Some((Quantity::Diverged, Quantity::Diverged)) => diverged = true,
                    Some((Quantity::Diverged, _)) => {
                        (lead, diverged) = (lead + i64::from(*sign), true);
                    }
                    Some((_, Quantity::Diverged)) => {
                        (lead, diverged) = (lead - i64::from(*sign), true);
                    }
                    Some(_) => {
                        if let Some(step) = steps.next() {
                            unit += i128::from(*sign) * step;
                        }
                    }
                    None => {}
                }
            }
            found.standings.push(match lead {
                _ if undefined.contains(&seed) => Standing::Undefined,
                0 => Standing::Known(unit),
                lead => Standing::Beyond(lead),
            });
            if !diverged {
                found.seeds.push(seed);
                values.push(flat.scale.value(unit) / parts as f64);
                units.push(unit);
            }
        }
        if !values.is_empty() {
            found.differences = Some(Differences::from_parts(values, units)?);
        }
        Ok(found)
    }

    /// Whether a trial of any seed diverged.
    pub(super) fn diverged(&self) -> bool {
        self.seeds.len() < self.standings.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Beyond, Known, Undefined};
    use super::*;
    use crate::analysis::quantity::Amount;

    const LOST: f64 = f64::NEG_INFINITY;

    fn pairing(pairs: &[(i64, f64, f64)], undefined: &[i64]) -> Pairing {
        let of = |value: f64| {
            if value == LOST {
                Quantity::Diverged
            } else {
                Quantity::Amount(Amount::recorded(value))
            }
        };
        Pairing {
            seeds: pairs.iter().map(|(seed, ..)| *seed).collect(),
            baseline: pairs.iter().map(|(_, b, _)| of(*b)).collect(),
            treatment: pairs.iter().map(|(.., t)| of(*t)).collect(),
            undefined: undefined.to_vec(),
            lacking: Vec::new(),
        }
    }

    #[test]
    fn sums_keep_ties_that_floating_point_breaks() {
        let one = pairing(&[(1, 0.0, 0.1), (2, 0.0, 0.3)], &[]);
        let other = pairing(&[(1, 0.0, 0.2), (2, 0.0, 0.0)], &[]);
        let sum = Advantages::sum(&[(&one, 1), (&other, 1)], 2, true).unwrap();
        let found = sum.differences.unwrap();
        assert_eq!(found.units(), [3, 3]);
        assert_ne!(0.1 + 0.2, 0.3);
        assert_eq!(found.sample().values()[1], 0.15);
        assert_eq!((sum.seeds, sum.standings), (vec![1, 2], vec![Known(3); 2]));
    }

    #[test]
    fn divergence_outweighs_numbers_and_ties_where_it_is_equal() {
        // Seeds: whole, baseline lost once, treatment lost twice, one lost in each pair, both lost
        // in one pair, undefined; the last is missing in the second part.
        let one = pairing(
            &[
                (1, 0.5, 0.75),
                (2, LOST, 0.5),
                (3, 0.5, LOST),
                (4, LOST, 0.5),
                (5, LOST, LOST),
                (7, 0.5, 0.5),
            ],
            &[6],
        );
        let other = pairing(
            &[
                (1, 0.5, 0.5),
                (2, 0.5, 0.25),
                (3, 0.5, LOST),
                (4, 0.5, LOST),
                (5, 0.5, 0.25),
                (6, 0.5, 0.5),
            ],
            &[],
        );
        let sum = Advantages::sum(&[(&one, 1), (&other, 1)], 2, true).unwrap();
        let expected = [
            Known(25),
            Beyond(1),
            Beyond(-2),
            Known(0),
            Known(-25),
            Undefined,
        ];
        assert_eq!(sum.standings, expected);
        assert_eq!(sum.seeds, [1]);
        assert!(sum.diverged());
        // The lead of the first contrast over the second, where less of the metric is better.
        let lead = Advantages::sum(&[(&one, 1), (&other, -1)], 1, false).unwrap();
        let expected = [
            Known(-25),
            Beyond(1),
            Known(0),
            Beyond(2),
            Known(-25),
            Undefined,
        ];
        assert_eq!(lead.standings, expected);
    }
}
