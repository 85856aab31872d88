//! Trials of two arms paired by seed, and their exact differences.

use std::collections::BTreeSet;

use super::lack::{Cause, DIVERGED, Lack, UnmatchedSeed};
use super::measured::quantity;
use super::place::Place;
use super::quantity::{Quantity, integers};
use super::study::Task;
use crate::request::Contrast;
use crate::stats::Integers;

/// The seeds of a contrast, sorted into pairs and the rest.
pub(super) struct Pairing {
    /// Seeds of the pairs, rising.
    pub(super) seeds: Vec<i64>,
    /// By pair, the quantity of the baseline.
    pub(super) baseline: Vec<Quantity>,
    /// By pair, the quantity of the treatment.
    pub(super) treatment: Vec<Quantity>,
    /// Seeds that have no number for one reason only: a trial diverged where divergence is neither
    /// better nor worse than a number.
    pub(super) undefined: Vec<i64>,
    pub(super) lacking: Vec<UnmatchedSeed>,
}

impl Pairing {
    /// Pairs the arms of a place.
    pub(super) fn of(task: &Task, place: &Place, reference: i64) -> Self {
        let Contrast {
            baseline,
            treatment,
        } = &place.contrast;
        let relevant = |arm: &str| -> BTreeSet<i64> {
            match place.batch_of(arm, reference) {
                Some(batch) => task
                    .confirmations(arm, batch)
                    .map(|trial| trial.seed)
                    .collect(),
                None => task.seeds(arm).into_iter().collect(),
            }
        };
        let seeds: BTreeSet<i64> = relevant(baseline)
            .union(&relevant(treatment))
            .copied()
            .collect();
        let mut pairing = Self {
            seeds: Vec::new(),
            baseline: Vec::new(),
            treatment: Vec::new(),
            undefined: Vec::new(),
            lacking: Vec::new(),
        };
        for seed in seeds {
            let of = |arm: &str| quantity(task, place, arm, reference, seed);
            match (of(baseline), of(treatment)) {
                (Ok(b), Ok(t)) => {
                    pairing.seeds.push(seed);
                    pairing.baseline.push(b);
                    pairing.treatment.push(t);
                }
                (b, t) => {
                    let before = pairing.lacking.len();
                    for (side, arm) in [(b, baseline), (t, treatment)] {
                        if let Err(Lack { cause, why }) = side {
                            pairing.lacking.push(UnmatchedSeed {
                                seed,
                                arm: arm.clone(),
                                why,
                                cause,
                            });
                        }
                    }
                    let mut lacks = pairing.lacking[before..].iter();
                    if lacks.all(|one| one.cause == Cause::Diverged) {
                        pairing.undefined.push(seed);
                    }
                }
            }
        }
        pairing
    }

    /// The pairs with the quantities of baseline and treatment.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (i64, &Quantity, &Quantity)> {
        let sides = self.baseline.iter().zip(&self.treatment);
        let pairs = self.seeds.iter().zip(sides);
        pairs.map(|(seed, (b, t))| (*seed, b, t))
    }

    /// The seeds of all trials of either arm.
    pub(super) fn all(&self) -> BTreeSet<i64> {
        let lacking = self.lacking.iter().map(|one| one.seed);
        self.seeds.iter().copied().chain(lacking).collect()
    }

    /// Seeds without a pair, and seeds of which a trial diverged.
    pub(super) fn unmatched(&self, contrast: &Contrast) -> Vec<UnmatchedSeed> {
        let mut unmatched = self.lacking.clone();
        for (seed, b, t) in self.pairs() {
            for (quantity, arm) in [(b, &contrast.baseline), (t, &contrast.treatment)] {
                if !quantity.is_number() {
                    unmatched.push(UnmatchedSeed {
                        seed,
                        arm: arm.clone(),
                        why: DIVERGED.to_owned(),
                        cause: Cause::Diverged,
                    });
                }
            }
        }
        unmatched.sort_by(|a, b| (a.seed, &a.arm).cmp(&(b.seed, &b.arm)));
        unmatched
    }
}

/// Exact differences, positive where the treatment is better. All quantities must be numbers.
pub(super) fn differences(
    treatment: &[&Quantity],
    baseline: &[&Quantity],
    more_is_better: bool,
) -> Integers {
    let Integers { units, scale } = integers(&[treatment, baseline].concat());
    let (t, b) = units.split_at(treatment.len());
    let units = t.iter().zip(b);
    let units = units.map(|(t, b)| if more_is_better { t - b } else { b - t });
    Integers {
        units: units.collect(),
        scale,
    }
}
