//! What the seeds at hand can reach, which is known before any p-value.

use super::row::{Rows, row};
use crate::analysis::{Analysis, Claim, Sensitivity, claims_feasibility};
use crate::stats::Feasibility;

row! {
    /// What one family, or the claims of one task, can reach.
    pub struct FeasibilityRow {
        /// The task.
        task: String,
        /// The question, or `claims`.
        question: String,
        /// Tests in the family.
        tests: usize,
        /// Number of pairs where there are fewest.
        paired_seeds: usize,
        /// Smallest two-sided p of an exact test there.
        smallest_p: f64,
        /// `smallest_p` after Holm's adjustment.
        smallest_adjusted_p: f64,
        /// Whether that is at most alpha.
        reachable: bool,
        /// Pairs with which it could be reached.
        seeds_needed: usize,
        /// Smallest true d_z that is detected with power 0.8.
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

/// What each family can reach, a row each. The claims of a task come last.
pub fn feasibility(
    analysis: &Analysis,
    sensitivities: &[Vec<Option<Sensitivity>>],
    claims: &[Claim],
    alpha: f64,
) -> Rows<FeasibilityRow> {
    let mut rows = Vec::new();
    for (family, found) in analysis.families.iter().zip(sensitivities) {
        // The place with the fewest seeds tells whether every test of the family can decide.
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
         the smallest true difference that a paired t test detects with power 0.8 at the first \
         step of Holm. This difference is in standard deviations of the paired differences.",
        rows,
    )
    .with_sections(1)
}
