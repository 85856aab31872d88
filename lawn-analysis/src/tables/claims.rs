//! The claims with their estimates and verdicts.

use super::row::{Rows, row};
use crate::analysis::{Claim, Support};
use crate::stats::Estimate;

row! {
    /// One claim.
    pub struct ClaimRow {
        /// The task.
        task: String,
        /// The claim in words.
        claim: String,
        /// Seeds that the estimate rests on.
        n: Option<usize>,
        /// Its number, positive where it supports the claim.
        estimate: Option<Estimate> as [estimate, low, high],
        /// Seeds that the deciding test has.
        seeds: usize = detail,
        /// p of the deciding test.
        p: Option<f64> = detail,
        /// Adjusted p of the registered test.
        registered_adjusted_p: Option<f64> = detail,
        /// Adjusted p of the worst-rank test, where a trial diverged.
        worst_rank_adjusted_p: Option<f64> = detail,
        /// Adjusted p of the test that decides.
        adjusted_p: Option<f64>,
        /// What the records say about it.
        verdict: Support,
    }
}

impl From<&Claim> for ClaimRow {
    fn from(claim: &Claim) -> Self {
        Self {
            task: claim.task.clone(),
            claim: claim.claim.clone(),
            n: claim.estimate.map(|estimate| estimate.n),
            estimate: claim.estimate,
            seeds: claim.seeds,
            p: claim.p,
            registered_adjusted_p: claim.registered_adjusted_p,
            worst_rank_adjusted_p: claim.worst_rank_adjusted_p(),
            adjusted_p: claim.adjusted_p,
            verdict: claim.verdict,
        }
    }
}

/// The claims with their estimates and verdicts.
pub fn claims(claims: &[Claim]) -> Rows<ClaimRow> {
    Rows::new(
        "claims",
        "What is claimed, as one number a seed: positive supports the claim. The estimate is over \
         the seeds whose trials ended well. Two-sided p-values, adjusted by Holm over the claims \
         of a task. The adjusted p decides: it is that of the registered test, or where a trial \
         diverged, of the signed-rank test over all seeds with diverged trials worst. The CSV has \
         more columns.",
        claims.iter().map(ClaimRow::from).collect(),
    )
    .with_sections(1)
}
