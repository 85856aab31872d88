//! What the seeds at hand can reach, before any p-value.

use super::row::{Rows, row};
use crate::analysis::{Analysis, Claim, Sensitivity, claims_feasibility};
use crate::stats::Feasibility;

row! {
    /// What one family can reach, or the claims of one task.
    pub struct FeasibilityRow {
        /// The task.
        task: String,
        /// The question, or `claims`.
        question: String,
        /// Tests in the family.
        tests: usize,
        /// Pairs at the place that has the fewest.
        paired_seeds: usize,
        /// Smallest two-sided p of an exact test there.
        smallest_p: f64,
        /// The same after Holm.
        smallest_adjusted_p: f64,
        /// Whether that is at most alpha.
        reachable: bool,
        /// Pairs with which it would be.
        seeds_needed: usize,
        /// Smallest true d_z that is found with power 0.8.
        detectable_d_z: Option<f64>,
    }
}

impl FeasibilityRow {
    fn new(task: &str, question: &str, fewest: Feasibility, detectable: Option<f64>) -> Self {
        Self {
            task: task.to_owned(),
            question: question.to_owned(),
            tests: fewest.family,
            paired_seeds: fewest.n,
            smallest_p: fewest.smallest_p,
            smallest_adjusted_p: fewest.smallest_adjusted_p,
            reachable: fewest.feasible(),
            seeds_needed: fewest.seeds_needed,
            detectable_d_z: detectable,
        }
    }
}

/// What each family can reach: one row a family, the claims of a task last.
pub fn feasibility(
    analysis: &Analysis,
    sensitivities: &[Vec<Option<Sensitivity>>],
    claims: &[Claim],
    alpha: f64,
) -> Rows<FeasibilityRow> {
    let mut rows = Vec::new();
    for (family, found) in analysis.families.iter().zip(sensitivities) {
        // The place with the fewest seeds says whether every test of the family can decide.
        let fewest: Option<Feasibility> = family
            .answers
            .iter()
            .map(|answer| answer.comparison.feasibility)
            .min_by_key(|feasibility| feasibility.n);
        let Some(fewest) = fewest else { continue };
        let detectable = found.iter().flatten().map(|found| found.d_z);
        rows.push(FeasibilityRow::new(
            &family.task,
            family.question.name(),
            fewest,
            detectable.reduce(f64::max),
        ));
    }
    for task in &analysis.tasks {
        if let Some(fewest) = claims_feasibility(claims, &task.name, alpha) {
            rows.push(FeasibilityRow::new(&task.name, "claims", fewest, None));
        }
    }
    Rows::new(
        "feasibility",
        "What the seeds at hand can reach, family by family: the smallest p of an exact test, and \
         the smallest true difference, in standard deviations of the paired differences, that a \
         paired t test at the first step of Holm finds with power 0.8.",
        rows,
    )
    .with_sections(1)
}
