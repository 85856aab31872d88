//! Seed by seed: the advantages of pairs, and the seeds without an advantage.

use super::row::{Rows, row};
use crate::analysis::{Analysis, Place};

row! {
    /// One pair of trials.
    pub struct PairRow {
        /// What is compared, and where.
        place: Place as [task, question, baseline, treatment, batch_size],
        /// The seed of both.
        seed: i64,
        /// The advantage of the treatment.
        advantage: f64,
    }
}

row! {
    /// One seed that could not be paired.
    pub struct UnmatchedRow {
        /// What is compared, and where.
        place: Place as [task, question, baseline, treatment, batch_size],
        /// The seed.
        seed: i64,
        /// The arm that lacks a number.
        arm: String,
        /// Why the arm lacks it.
        why: String,
    }
}

/// The advantage of every pair of trials.
pub fn pairs(analysis: &Analysis) -> Rows<PairRow> {
    let mut rows = Vec::new();
    for answer in analysis.answers() {
        let comparison = &answer.comparison;
        let pairs = comparison.seeds.iter().zip(&comparison.advantages);
        rows.extend(pairs.map(|(seed, advantage)| PairRow {
            place: comparison.place.clone(),
            seed: *seed,
            advantage: *advantage,
        }));
    }
    Rows::new(
        "pairs",
        "The advantage of the treatment in every pair of trials of one seed.",
        rows,
    )
    .with_sections(2)
}

/// Seeds that could not be paired, and why.
pub fn unmatched(analysis: &Analysis) -> Rows<UnmatchedRow> {
    let mut rows = Vec::new();
    for answer in analysis.answers() {
        let comparison = &answer.comparison;
        rows.extend(comparison.unmatched.iter().map(|unmatched| UnmatchedRow {
            place: comparison.place.clone(),
            seed: unmatched.seed,
            arm: unmatched.arm.clone(),
            why: unmatched.why.clone(),
        }));
    }
    Rows::new(
        "unmatched",
        "Seeds left out of a comparison, and why.",
        rows,
    )
    .with_sections(2)
}
