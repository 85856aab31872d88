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
        /// The number that the claim is about, positive where it supports the claim.
        estimate: Option<Estimate> as [estimate, low, high],
        /// Seeds in the deciding test.
        seeds: usize = detail,
        /// p of the deciding test.
        p: Option<f64> = detail,
        /// Adjusted p of the registered test.
        registered_adjusted_p: Option<f64> = detail,
        /// Adjusted p of the worst-rank test, where a trial diverged.
        worst_rank_adjusted_p: Option<f64> = detail,
        /// Adjusted p of the test that decides.
        adjusted_p: Option<f64>,
        /// What the records say about the claim.
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
        "Each claim as one number per seed: positive supports the claim. The estimate rests on the \
         seeds whose trials ended well. p-values are two-sided and adjusted by Holm over the claims \
         of a task. The adjusted p decides. It is that of the registered test, or where a trial \
         diverged, of the signed-rank test over all seeds with diverged trials ranked worst. The \
         CSV has more columns.",
        claims.iter().map(ClaimRow::from).collect(),
    )
    .with_sections(1)
}
