//! A claim about the arms as one number a seed, tested like any comparison.

use serde::Serialize;

use super::kind::ClaimKind;
use super::stated::{self, Statement};
use crate::analysis::families::Analysis;
use crate::analysis::verdict::in_numbers;
use crate::analysis::worst_rank::with_these_worst;
use crate::error::Error;
use crate::request::{Contrast, ReportRequest};
use crate::stats::{Adjustment, Estimate, Feasibility, adjust};
use crate::text::{capital, count, p_value};

/// What the records say about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// The records support the claim, at the error rate of the claims of its task.
    BorneOut,
    /// The records support the opposite of the claim.
    OppositeBorneOut,
    /// The records support neither.
    NotDecided,
}

impl Support {
    /// The verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BorneOut => "borne out",
            Self::OppositeBorneOut => "opposite borne out",
            Self::NotDecided => "not decided",
        }
    }
}

impl std::fmt::Display for Support {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A claim about one task, and what the records say about it.
///
/// Estimates are oriented: positive supports the claim. The claims of a task make one family.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The task.
    pub task: String,
    /// What it is about.
    pub kind: ClaimKind,
    /// The contrast that it is made for; none for a claim about all of them.
    pub contrast: Option<Contrast>,
    /// The claim in words.
    pub claim: String,
    /// Why there is no estimate; none where there is one.
    pub why_none: Option<String>,
    /// Mean, with its t interval, of the number that the claim is about. It rests on the seeds
    /// whose trials ended well.
    pub estimate: Option<Estimate>,
    /// Seeds in the deciding test: those with a number, and those with a diverged trial.
    pub seeds: usize,
    /// Two-sided p of the deciding test. That is the registered test, or where a trial diverged,
    /// the signed-rank test with diverged trials ranked worst.
    pub p: Option<f64>,
    /// `p` after Holm's adjustment over the claims of the task.
    pub adjusted_p: Option<f64>,
    /// Adjusted p of the registered test over the seeds whose trials ended well.
    pub registered_adjusted_p: Option<f64>,
    /// Whether a trial diverged, so that the worst-rank test decides.
    pub worst_rank: bool,
    /// Whether arms gave equal numbers in every pair, so that nothing can be said of them.
    pub is_tie: bool,
    /// What the records say about it.
    pub verdict: Support,
    /// The claim and its numbers in a sentence.
    pub sentence: String,
}

impl Claim {
    /// Whether the records have a number for it: without one it is not decided, and nothing else can
    /// be said.
    pub fn is_measured(&self) -> bool {
        !self.is_tie && (self.estimate.is_some() || self.p.is_some())
    }

    /// The adjusted p of the worst-rank test, where a trial diverged.
    pub fn worst_rank_adjusted_p(&self) -> Option<f64> {
        self.adjusted_p.filter(|_| self.worst_rank)
    }
}

/// What the seeds allow for the claims about a task, at the claim of fewest seeds; none without
/// claims.
pub fn claims_feasibility(claims: &[Claim], task: &str, alpha: f64) -> Option<Feasibility> {
    let of_task = || claims.iter().filter(|claim| claim.task == task);
    let seeds = of_task().map(|claim| claim.seeds);
    Some(Feasibility::new(seeds.min()?, of_task().count(), alpha))
}

/// The claims of every task that the request's contrasts make.
///
/// ```text
/// 1  the baseline loses adaptivity      its logits grow after the freeze       (largest batch)
/// 2  the treatment keeps adaptivity     they grow less than the baseline's     (largest batch)
/// 3  the treatment generalizes better   test metric, mean over batch sizes
/// 4  it loses less as the batch grows   test metric per doubling of the batch
/// 5  every treatment helps              test metric of every contrast          (largest batch)
/// 6  the first contrast gains most      its advantage over that of each other  (largest batch)
/// ```
///
/// Claims 5 and 6 are intersection–union tests: their p is the largest p of their parts, and their
/// estimate is the smallest of their parts. They need two contrasts or more. Claims 1 to 4 are made
/// for each contrast, claim 1 only once where treatments that freeze together have one baseline.
///
/// Arms that gave equal numbers in every pair have no estimate: what tells them apart did not come to
/// bear. Their test keeps its place in the family, with p = 1.
///
/// Estimates rest on the seeds of which no trial diverged. Where a trial diverged, these seeds are
/// a selection, and the signed-rank test over all seeds decides, as in every comparison. A pair of
/// which one trial diverged lies beyond all numbers. A pair of which both did is a tie. Under the
/// null the arms of a seed (for claim 6, the contrasts) are exchangeable. An exchange turns the
/// sign of the seed's number and changes nothing else, so the test is exact.
///
/// ```text
/// 2, 4, 5  one pair a seed, tested as its comparison is
/// 3        the mean over batch sizes: an arm is the worse, the more of its trials diverged; where
///          equally many of both diverged, the pairs without divergence are summed
/// 6        as 3, with two contrasts; the pairs of the second enter with their sides exchanged
/// 1        no second arm to exchange with, and a diverged trial has no growth: its seed counts
///          against either answer, as a seed without a slope does in 4
/// ```
///
/// # Errors
/// As [`crate::stats::Differences::new`].
pub fn claims(analysis: &Analysis, request: &ReportRequest) -> Result<Vec<Claim>, Error> {
    let mut claims = Vec::new();
    for task in &analysis.tasks {
        let stated = stated::of_task(analysis, task, request)?;
        let holm = |p: fn(&Statement) -> Option<f64>| {
            let family: Vec<Option<f64>> = stated.iter().map(p).collect();
            adjust(&family, Adjustment::Holm)
        };
        let deciding = holm(|stated| stated.evidence.deciding())?;
        let registered = holm(|stated| stated.evidence.registered)?;
        for (index, stated) in stated.iter().enumerate() {
            let evidence = &stated.evidence;
            let adjusted_p = deciding[index];
            let verdict = match evidence.leaning {
                _ if adjusted_p.is_none_or(|p| p > request.alpha) => Support::NotDecided,
                leaning if leaning > 0.0 => Support::BorneOut,
                leaning if leaning < 0.0 => Support::OppositeBorneOut,
                _ => Support::NotDecided,
            };
            claims.push(Claim {
                task: task.name.clone(),
                kind: stated.kind,
                contrast: stated.contrast.clone(),
                claim: stated.claim.clone(),
                why_none: evidence.why_none.clone(),
                estimate: evidence.estimate,
                seeds: evidence.seeds,
                p: evidence.deciding(),
                adjusted_p,
                registered_adjusted_p: registered[index],
                worst_rank: evidence.worst_rank.is_some(),
                is_tie: evidence.is_tie,
                verdict,
                sentence: sentence(&task.name, stated, adjusted_p, registered[index], verdict),
            });
        }
    }
    Ok(claims)
}

/// The claim with its verdict, and the number that decides it, in words.
fn sentence(
    task: &str,
    stated: &Statement,
    deciding: Option<f64>,
    registered: Option<f64>,
    verdict: Support,
) -> String {
    let head = match verdict {
        Support::BorneOut => "Borne out",
        Support::OppositeBorneOut => "The opposite is borne out",
        Support::NotDecided => "Not decided",
    };
    let Statement {
        claim,
        measure: [what, unit],
        evidence,
        ..
    } = stated;
    let diverged = &evidence.diverged;
    let arms: Vec<(&str, usize)> = diverged
        .arms
        .iter()
        .map(|(arm, n)| (arm.as_str(), *n))
        .collect();
    let mut tail = deciding.map_or(String::new(), |p| {
        with_these_worst(&arms, diverged.pairs, diverged.undefined, p)
    });
    if evidence.left_out > 0 {
        let seeds = count(
            evidence.left_out,
            "seed that lacks a trial or a number is",
            "seeds that lack a trial or a number are",
        );
        tail.push_str(&format!("; {seeds} left out"));
    }
    let Some(estimate) = evidence.estimate else {
        let why = evidence.why_none.as_deref();
        let why = why.unwrap_or("no seed has a number");
        if let (true, Some(p)) = (evidence.is_tie, registered) {
            let seeds = count(evidence.seeds, "seed", "seeds");
            return format!(
                "{head} on {task}: {claim}. There is no estimate: {why} ({seeds}, no interval, adjusted {}){tail}.",
                p_value(p)
            );
        }
        return format!("{head} on {task}: {claim}. There is no estimate: {why}{tail}.");
    };
    let p = registered.map_or("no p-value".to_owned(), |p| {
        format!("adjusted {}", p_value(p))
    });
    let what = if evidence.worst_rank.is_some() {
        format!("{what} where none diverged")
    } else {
        what.clone()
    };
    let numbers = capital(&in_numbers(&what, estimate, unit, &p));
    format!("{head} on {task}: {claim}. {numbers}{tail}.")
}
