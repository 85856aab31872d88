//! Trials of two arms paired by seed, and their exact differences.

use std::collections::BTreeSet;

use super::comparison::Place;
use super::question::{DIVERGED, Quantity, quantity};
use super::study::Task;
use crate::error::Error;
use crate::report::Contrast;
use crate::stats::Differences;

/// A seed that could not be paired, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// The seed.
    pub seed: i64,
    /// The arm that lacks the quantity.
    pub arm: String,
    /// Why it does.
    pub why: String,
    /// Whether that is because a trial diverged.
    pub diverged: bool,
}

/// The seeds of a contrast, sorted into pairs and the rest.
pub(super) struct Pairing {
    /// Seeds of the pairs, rising.
    pub(super) seeds: Vec<i64>,
    /// By pair, the quantity of the baseline.
    pub(super) baseline: Vec<Quantity>,
    /// By pair, the quantity of the treatment.
    pub(super) treatment: Vec<Quantity>,
    /// Seeds that lack the quantity for no other reason than that a trial diverged: one that
    /// leaves it without a number, and neither better nor worse than numbers.
    pub(super) undefined: Vec<i64>,
    pub(super) lacking: Vec<Unmatched>,
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
                        if let Err(why) = side {
                            pairing.lacking.push(Unmatched {
                                seed,
                                arm: arm.clone(),
                                diverged: why.starts_with(DIVERGED),
                                why,
                            });
                        }
                    }
                    if pairing.lacking[before..].iter().all(|one| one.diverged) {
                        pairing.undefined.push(seed);
                    }
                }
            }
        }
        pairing
    }

    /// The pairs with the quantities of baseline and treatment.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (i64, Quantity, Quantity)> {
        let sides = self.baseline.iter().zip(&self.treatment);
        let pairs = self.seeds.iter().zip(sides);
        pairs.map(|(seed, (b, t))| (*seed, *b, *t))
    }

    /// Every seed of a trial of either arm.
    pub(super) fn all(&self) -> BTreeSet<i64> {
        let lacking = self.lacking.iter().map(|one| one.seed);
        self.seeds.iter().copied().chain(lacking).collect()
    }

    /// Seeds without a pair, and those of which a trial diverged.
    pub(super) fn unmatched(&self, contrast: &Contrast) -> Vec<Unmatched> {
        let mut unmatched = self.lacking.clone();
        for (seed, b, t) in self.pairs() {
            for (quantity, arm) in [(b, &contrast.baseline), (t, &contrast.treatment)] {
                if quantity == Quantity::Diverged {
                    unmatched.push(Unmatched {
                        seed,
                        arm: arm.clone(),
                        why: DIVERGED.to_owned(),
                        diverged: true,
                    });
                }
            }
        }
        unmatched.sort_by(|a, b| (a.seed, &a.arm).cmp(&(b.seed, &b.arm)));
        unmatched
    }
}

/// Exact differences, positive where the treatment is better.
pub(super) fn differences(
    treatment: &[Quantity],
    baseline: &[Quantity],
    more_is_better: bool,
) -> Result<Differences, Error> {
    let counts = |side: &[Quantity]| -> Option<(Vec<i64>, Vec<i64>)> {
        side.iter()
            .map(|quantity| match quantity {
                Quantity::Count { count, total } => Some((*count, *total)),
                Quantity::Value(_) | Quantity::Diverged => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(|pairs| pairs.into_iter().unzip())
    };
    let raw = match (counts(treatment), counts(baseline)) {
        (Some((t, totals)), Some((b, others)))
            if totals
                .iter()
                .chain(&others)
                .all(|total| *total == totals[0]) =>
        {
            Differences::of_counts(&t, &b, totals[0])?
        }
        _ => {
            let numbers =
                |side: &[Quantity]| side.iter().filter_map(|q| q.number()).collect::<Vec<_>>();
            Differences::new(&numbers(treatment), &numbers(baseline))?
        }
    };
    Ok(if more_is_better { raw } else { raw.negated() })
}
