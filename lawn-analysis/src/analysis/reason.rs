//! Why a place has no number: a reason that holds for all its seeds.

use std::collections::BTreeSet;

use super::lack::{Cause, UnmatchedSeed};
use super::pairing::Pairing;
use crate::request::Contrast;

/// Why no seed has a number in all of the pairings. `several` says that an arm needs trials at
/// several batch sizes.
pub(super) fn why_no_number(pairings: &[(&Pairing, &Contrast)], several: bool) -> String {
    let several = several || pairings.len() > 1;
    let by_pairing: Vec<(BTreeSet<i64>, Vec<UnmatchedSeed>)> = pairings
        .iter()
        .map(|(pairing, contrast)| (pairing.all(), pairing.unmatched(contrast)))
        .collect();
    let all: BTreeSet<i64> = by_pairing
        .iter()
        .flat_map(|(seeds, _)| seeds.iter().copied())
        .collect();
    if all.is_empty() {
        return "neither arm has a confirmation trial".to_owned();
    }
    let lacks = |seed: i64, cause: Cause| {
        let mut lacks = by_pairing.iter().flat_map(|(_, lacks)| lacks);
        lacks.any(|lack| lack.seed == seed && lack.cause == cause)
    };
    let tried = |seed: &i64| {
        by_pairing.iter().all(|(seeds, _)| seeds.contains(seed)) && !lacks(*seed, Cause::NoTrial)
    };
    let common: Vec<i64> = all.iter().copied().filter(tried).collect();
    if common.is_empty() {
        return without_trials(&all, &by_pairing, pairings, several);
    }
    let ended_badly = |seed: &i64| lacks(*seed, Cause::Diverged) || lacks(*seed, Cause::Failed);
    let Some(seed) = common.iter().find(|seed| !ended_badly(seed)) else {
        return if several {
            "no seed ended well in both arms at every batch size needed".to_owned()
        } else {
            "no seed ended well in both arms".to_owned()
        };
    };
    let mut lacks = by_pairing.iter().flat_map(|(_, lacks)| lacks);
    match lacks.find(|lack| lack.seed == *seed) {
        Some(UnmatchedSeed { arm, why, .. }) => {
            format!("no seed has a number in both arms (seed {seed} of {arm}: {why})")
        }
        None => "no seed has a number in both arms".to_owned(),
    }
}

/// The reason where every seed lacks a trial in some arm.
fn without_trials(
    all: &BTreeSet<i64>,
    by_pairing: &[(BTreeSet<i64>, Vec<UnmatchedSeed>)],
    pairings: &[(&Pairing, &Contrast)],
    several: bool,
) -> String {
    for (_, contrast) in pairings {
        for arm in [&contrast.baseline, &contrast.treatment] {
            let lacks = |seed: &i64| {
                by_pairing.iter().any(|(seeds, lacks)| {
                    let mut lacks = lacks.iter();
                    !seeds.contains(seed)
                        || lacks.any(|lack| {
                            (lack.seed, &lack.arm, lack.cause) == (*seed, arm, Cause::NoTrial)
                        })
                })
            };
            if all.iter().all(lacks) {
                return if several {
                    format!("no seed of {arm} has a trial at every batch size needed")
                } else {
                    format!("{arm} has no confirmation trial there")
                };
            }
        }
    }
    if several {
        "the arms have no seed in common with a trial at every batch size needed".to_owned()
    } else {
        "the arms have no seed in common".to_owned()
    }
}
