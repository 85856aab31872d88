//! The claims over all tasks, with what each task says of each.

use super::row::{Rows, row};
use crate::analysis::{ClaimAcross, Pooled, Support};
use crate::stats::Estimate;

/// What stands in the column of the task for the mean over tasks.
const ALL_TASKS: &str = "all tasks";

row! {
    /// What one task says of one claim, or the mean over tasks.
    pub struct ClaimByTaskRow {
        /// The claim in words.
        claim: String,
        /// The task, or that the row is of all tasks.
        task: String,
        /// Positive where it supports the claim.
        estimate: Option<Estimate> as [estimate, low, high],
        /// Seeds that the estimate rests on; of the mean, tasks.
        n: Option<usize>,
        /// p of the claim, adjusted over the claims of its task.
        adjusted_p: Option<f64>,
        /// What the records say; none of the mean.
        verdict: Option<Support>,
        /// Standard deviation of the true values between tasks.
        deviation_between_tasks: Option<f64> = detail,
        /// Why there is no number.
        not_said: String,
    }
}

/// The claims over all tasks, with what each task says of each.
pub fn claims_by_task(claims: &[ClaimAcross]) -> Rows<ClaimByTaskRow> {
    let rows = claims.iter().flat_map(|across| {
        let cells = across.cells.iter().map(|cell| {
            let claim = cell.claim.as_ref();
            ClaimByTaskRow {
                claim: across.claim.clone(),
                task: cell.task.clone(),
                estimate: cell.estimate(),
                n: cell.estimate().map(|estimate| estimate.n),
                adjusted_p: claim.and_then(|claim| claim.adjusted_p),
                verdict: claim.map(|claim| claim.verdict),
                deviation_between_tasks: None,
                not_said: cell.why_none.clone().unwrap_or_default(),
            }
        });
        let several = across.cells.len() > 1;
        cells.chain(several.then(|| of_all(across)))
    });
    Rows::new(
        "claims-by-task",
        "Each claim, and what each task says of it. An estimate is positive where it supports the \
         claim, with its t interval. p is adjusted by Holm over the claims of a task, and over no \
         tasks. The mean over tasks is that of a random-effects model (REML, interval of Hartung \
         and Knapp), over three tasks or more of one unit. It has no verdict, since the tasks were \
         chosen and are few.",
        rows.collect(),
    )
    .with_sections(1)
}

fn of_all(across: &ClaimAcross) -> ClaimByTaskRow {
    let (mean, why) = match &across.pooled {
        Pooled::Mean(mean) => (Some(mean), String::new()),
        Pooled::None(why) => (None, why.clone()),
    };
    ClaimByTaskRow {
        claim: across.claim.clone(),
        task: ALL_TASKS.to_owned(),
        estimate: mean.map(|found| found.mean),
        n: mean.map(|found| found.mean.n),
        adjusted_p: None,
        verdict: None,
        deviation_between_tasks: mean.map(|found| found.deviation),
        not_said: why,
    }
}
