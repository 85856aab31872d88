//! The verdicts for scripts.

use serde::Serialize;

use super::contents::Contents;
use crate::analysis::{
    Answer, Claim, ClaimAcross, ClaimCell, ClaimKind, Pooled, Question, Sensitivity, Support,
    Verdict,
};
use crate::request::DecidingTest;
use crate::stats::{Estimate, Interval};

/// Every verdict of a report, as `verdicts.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdicts<'a> {
    /// Version of this layout.
    pub schema_version: u32,
    /// Title of the report.
    pub title: &'a str,
    /// Error rate of a family.
    pub alpha: f64,
    /// The test that decides.
    pub deciding_test: DecidingTest,
    /// The batch size that the large-batch drop is measured from.
    pub reference_batch_size: i64,
    /// What was asked and cannot be answered.
    pub notes: &'a [String],
    /// One entry per registered contrast, question and batch size, family by family.
    pub answers: Vec<PlaceVerdict<'a>>,
    /// The claims.
    pub claims: Vec<ClaimVerdict<'a>>,
    /// Every claim with what every task says of it, or why it says nothing.
    pub claims_by_task: Vec<ClaimOverTasks<'a>>,
}

/// One comparison with its verdict. A number that does not exist is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceVerdict<'a> {
    /// The task.
    pub task: &'a str,
    /// The primary metric of the task.
    pub metric: &'a str,
    /// What is compared.
    pub question: Question,
    /// The arm compared with.
    pub baseline: &'a str,
    /// The arm in question.
    pub treatment: &'a str,
    /// The batch size; none where the answer covers all.
    pub batch_size: Option<i64>,
    /// Paired seeds.
    pub n: usize,
    /// Seeds that could not be paired, and seeds of which a trial diverged.
    pub unmatched: usize,
    /// Mean paired difference, positive where the treatment is better.
    pub advantage: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Hedges' g: the standardized advantage without small-sample bias.
    pub hedges_g: Option<f64>,
    /// p of the deciding test. That is the registered test, or where a trial diverged, the
    /// signed-rank test with diverged trials ranked worst.
    pub p: Option<f64>,
    /// `p` after Holm's adjustment over the family.
    pub adjusted_p: Option<f64>,
    /// Adjusted p of equivalence within the margin.
    pub equivalence_adjusted_p: Option<f64>,
    /// Adjusted p of the test that the treatment is not worse by more than the margin.
    pub non_inferiority_adjusted_p: Option<f64>,
    /// Adjusted p of the signed-rank test with diverged trials ranked worst, where a trial
    /// diverged.
    pub worst_rank_adjusted_p: Option<f64>,
    /// Difference of the means where the arms have no seed in common, positive where the treatment
    /// is better. It decides nothing, and neither do the next three.
    pub unpaired_advantage: Option<f64>,
    /// Welch's interval of that difference.
    pub unpaired_interval: Option<Interval>,
    /// Adjusted p of Welch's t test there.
    pub welch_adjusted_p: Option<f64>,
    /// Adjusted p of the Mann–Whitney test there.
    pub mann_whitney_adjusted_p: Option<f64>,
    /// Trials of the baseline that diverged, of all pairs.
    pub baseline_diverged: usize,
    /// Trials of the treatment that diverged, of all pairs.
    pub treatment_diverged: usize,
    /// Tests in the family.
    pub family: usize,
    /// Whether the exact test can reach alpha with these seeds and this family.
    pub feasible: bool,
    /// Paired seeds with which it could reach alpha.
    pub seeds_needed: usize,
    /// Smallest true difference found with power 0.8.
    pub detectable: Option<f64>,
    /// The answer in a word.
    pub verdict: Verdict,
    /// The answer in a sentence.
    pub sentence: &'a str,
}

/// One claim with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimVerdict<'a> {
    /// The task.
    pub task: &'a str,
    /// The claim in words.
    pub claim: &'a str,
    /// Seeds that the estimate rests on: those whose trials ended well.
    pub n: usize,
    /// Seeds in the deciding test: those with a number, and those of which a trial diverged.
    pub seeds: usize,
    /// The number that the claim is about, positive where it supports the claim.
    pub estimate: Option<f64>,
    /// The interval of that number.
    pub interval: Option<Interval>,
    /// p of the deciding test. That is the registered test, or where a trial diverged, the
    /// signed-rank test with diverged trials ranked worst.
    pub p: Option<f64>,
    /// `p` after Holm's adjustment over the claims of the task.
    pub adjusted_p: Option<f64>,
    /// Adjusted p of the registered test over the seeds whose trials ended well.
    pub registered_adjusted_p: Option<f64>,
    /// Adjusted p of the signed-rank test with diverged trials ranked worst, where a trial
    /// diverged.
    pub worst_rank_adjusted_p: Option<f64>,
    /// What the records say about the claim, in a word.
    pub verdict: Support,
    /// The answer in a sentence.
    pub sentence: &'a str,
}

/// One claim over all tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimOverTasks<'a> {
    /// What the claim is about.
    pub kind: ClaimKind,
    /// The claim in words.
    pub claim: &'a str,
    /// What each task says.
    pub tasks: Vec<ClaimOfTask<'a>>,
    /// Random-effects mean over tasks.
    pub mean: Option<Estimate>,
    /// Standard deviation of the true values between tasks.
    pub deviation_between_tasks: Option<f64>,
    /// Why there is no mean.
    pub why_no_mean: Option<&'a str>,
}

/// What one task says of a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimOfTask<'a> {
    /// The task.
    pub task: &'a str,
    /// The number that the claim is about, with its interval and n; positive where it supports it.
    pub estimate: Option<Estimate>,
    /// p after Holm's adjustment over the claims of the task.
    pub adjusted_p: Option<f64>,
    /// What the records say; none where the task cannot be asked.
    pub verdict: Option<Support>,
    /// Why there is no estimate.
    pub why_none: Option<&'a str>,
}

impl<'a> Verdicts<'a> {
    /// The layout that this release writes.
    pub const SCHEMA_VERSION: u32 = 3;

    pub(super) fn new(contents: &'a Contents<'_>) -> Self {
        let Contents {
            request, analysis, ..
        } = contents;
        let answers = analysis
            .answers()
            .zip(contents.sensitivities.iter().flatten());
        Self {
            schema_version: Self::SCHEMA_VERSION,
            title: &request.title,
            alpha: request.alpha,
            deciding_test: request.deciding_test,
            reference_batch_size: request.reference_batch_size,
            notes: &analysis.notes,
            answers: answers
                .map(|(answer, found)| place(answer, *found, request.deciding_test))
                .collect(),
            claims: contents.claims.iter().map(claimed).collect(),
            claims_by_task: contents.claims_across.iter().map(over_tasks).collect(),
        }
    }

    /// The text of `verdicts.json`.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("names and numbers have a form in JSON") + "\n"
    }
}

fn place(answer: &Answer, found: Option<Sensitivity>, test: DecidingTest) -> PlaceVerdict<'_> {
    let (comparison, adjusted) = (&answer.comparison, &answer.adjusted);
    let place = &comparison.place;
    let unpaired = comparison.unpaired.map(|found| found.difference);
    PlaceVerdict {
        task: &place.task,
        metric: &place.metric,
        question: place.question,
        baseline: &place.contrast.baseline,
        treatment: &place.contrast.treatment,
        batch_size: place.batch_size,
        n: comparison.seeds.len(),
        unmatched: comparison.unmatched.len(),
        advantage: comparison.advantage.map(|advantage| advantage.value),
        interval: comparison
            .advantage
            .and_then(|advantage| advantage.interval),
        hedges_g: comparison.hedges_g.map(|g| g.value),
        p: comparison.deciding(test).map(|test| test.p),
        adjusted_p: adjusted.deciding,
        equivalence_adjusted_p: adjusted.equivalence,
        non_inferiority_adjusted_p: adjusted.non_inferiority,
        worst_rank_adjusted_p: comparison.worst_rank.and(adjusted.deciding),
        unpaired_advantage: unpaired.map(|found| found.value),
        unpaired_interval: unpaired.and_then(|found| found.interval),
        welch_adjusted_p: adjusted.welch,
        mann_whitney_adjusted_p: adjusted.mann_whitney,
        baseline_diverged: comparison.diverged.baseline,
        treatment_diverged: comparison.diverged.treatment,
        family: comparison.feasibility.family,
        feasible: comparison.feasibility.feasible(),
        seeds_needed: comparison.feasibility.seeds_needed,
        detectable: found.map(|found| found.difference),
        verdict: answer.verdict,
        sentence: &answer.sentence,
    }
}

fn over_tasks(across: &ClaimAcross) -> ClaimOverTasks<'_> {
    let (mean, why) = match &across.pooled {
        Pooled::Mean(found) => (Some(found), None),
        Pooled::None(why) => (None, Some(why.as_str())),
    };
    ClaimOverTasks {
        kind: across.kind,
        claim: &across.claim,
        tasks: across.cells.iter().map(of_task).collect(),
        mean: mean.map(|found| found.mean),
        deviation_between_tasks: mean.map(|found| found.deviation),
        why_no_mean: why,
    }
}

fn of_task(cell: &ClaimCell) -> ClaimOfTask<'_> {
    let claim = cell.claim.as_ref();
    ClaimOfTask {
        task: &cell.task,
        estimate: cell.estimate(),
        adjusted_p: claim.and_then(|claim| claim.adjusted_p),
        verdict: claim.map(|claim| claim.verdict),
        why_none: cell.why_none.as_deref(),
    }
}

fn claimed(claim: &Claim) -> ClaimVerdict<'_> {
    ClaimVerdict {
        task: &claim.task,
        claim: &claim.claim,
        n: claim.estimate.map_or(0, |estimate| estimate.n),
        seeds: claim.seeds,
        estimate: claim.estimate.map(|estimate| estimate.value),
        interval: claim.estimate.and_then(|estimate| estimate.interval),
        p: claim.p,
        adjusted_p: claim.adjusted_p,
        registered_adjusted_p: claim.registered_adjusted_p,
        worst_rank_adjusted_p: claim.worst_rank_adjusted_p(),
        verdict: claim.verdict,
        sentence: &claim.sentence,
    }
}
