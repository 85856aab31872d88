//! Tables of what was asked and answered.

use super::Table;
use crate::analysis::{Analysis, Answer, Claim, Sensitivity, claims_feasibility};
use crate::stats::Feasibility;

fn answers(analysis: &Analysis) -> impl Iterator<Item = &Answer> {
    analysis.families.iter().flat_map(|family| &family.answers)
}

/// What each family can reach, before any p-value: one row a family, the claims of a task last.
pub fn feasibility(
    analysis: &Analysis,
    sensitivities: &[Vec<Option<Sensitivity>>],
    claims: &[Claim],
    alpha: f64,
) -> Table {
    let mut table = Table::new(
        "feasibility",
        "What the seeds at hand can reach, family by family: the smallest p of an exact test, and \
         the smallest true difference, in standard deviations of the paired differences, that a \
         paired t test at the first step of Holm finds with power 0.8.",
        &[
            "task",
            "question",
            "tests",
            "paired_seeds",
            "smallest_p",
            "smallest_adjusted_p",
            "reachable",
            "seeds_needed",
            "detectable_d_z",
        ],
    )
    .with_sections(1);
    let mut push = |task: &str, question: &str, fewest: Feasibility, detectable: Option<f64>| {
        table.push(vec![
            task.into(),
            question.into(),
            fewest.family.into(),
            fewest.n.into(),
            fewest.smallest_p.into(),
            fewest.smallest_adjusted_p.into(),
            if fewest.feasible() { "yes" } else { "no" }.into(),
            fewest.seeds_needed.into(),
            detectable.into(),
        ]);
    };
    for (family, found) in analysis.families.iter().zip(sensitivities) {
        // The place with the fewest seeds says whether every test of the family can decide.
        let fewest: Option<Feasibility> = family
            .answers
            .iter()
            .map(|answer| answer.comparison.feasibility)
            .min_by_key(|feasibility| feasibility.n);
        let Some(fewest) = fewest else { continue };
        let detectable = found.iter().flatten().map(|found| found.d_z);
        let name = family.question.name();
        push(&family.task, name, fewest, detectable.reduce(f64::max));
    }
    for task in &analysis.tasks {
        if let Some(fewest) = claims_feasibility(claims, &task.name, alpha) {
            push(&task.name, "claims", fewest, None);
        }
    }
    table
}

/// Every comparison with its estimates, tests and verdict.
pub fn comparisons(analysis: &Analysis, sensitivities: &[Vec<Option<Sensitivity>>]) -> Table {
    let mut table = Table::new(
        "comparisons",
        "Every registered comparison. The advantage is the mean paired difference, positive where \
         the treatment is better, with its t interval, which is not adjusted for the number of \
         comparisons; p-values are two-sided, adjusted by Holm over the family (one question, one \
         task). The adjusted p decides: it is that of the registered test, or where a trial \
         diverged, of the signed-rank test with diverged trials worst. The CSV has more \
         columns: detectable is the \
         smallest true difference that these pairs find with power 0.8 at the first step of Holm, \
         and seeds for margin the pairs that would find a true difference as large as the margin.",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "n",
            "baseline_mean",
            "treatment_mean",
            "advantage",
            "low",
            "high",
            "bca_low",
            "bca_high",
            "d_z",
            "hedges_g",
            "p_superior",
            "meaningful",
            "detectable",
            "seeds_for_margin",
            "sign_flip_p",
            "sign_flip_adjusted_p",
            "t_p",
            "t_adjusted_p",
            "baseline_diverged",
            "treatment_diverged",
            "worst_rank_adjusted_p",
            "equivalence_adjusted_p",
            "non_inferiority_adjusted_p",
            "adjusted_p",
            "verdict",
        ],
    )
    .with_detail(&[
        "baseline_mean",
        "treatment_mean",
        "bca_low",
        "bca_high",
        "d_z",
        "hedges_g",
        "meaningful",
        "detectable",
        "seeds_for_margin",
        "sign_flip_p",
        "sign_flip_adjusted_p",
        "t_p",
        "t_adjusted_p",
        "baseline_diverged",
        "treatment_diverged",
        "worst_rank_adjusted_p",
        "equivalence_adjusted_p",
        "non_inferiority_adjusted_p",
    ])
    .with_sections(2);
    let found = sensitivities.iter().flatten();
    for (answer, found) in answers(analysis).zip(found) {
        let (comparison, adjusted) = (&answer.comparison, &answer.adjusted);
        let place = &comparison.place;
        let interval = comparison
            .advantage
            .and_then(|advantage| advantage.interval);
        table.push(vec![
            (&place.task).into(),
            place.question.name().into(),
            (&place.contrast.baseline).into(),
            (&place.contrast.treatment).into(),
            place.batch_size.into(),
            comparison.seeds.len().into(),
            comparison.baseline.map(|mean| mean.value).into(),
            comparison.treatment.map(|mean| mean.value).into(),
            comparison.advantage.map(|advantage| advantage.value).into(),
            interval.map(|interval| interval.low).into(),
            interval.map(|interval| interval.high).into(),
            comparison.bootstrap.map(|interval| interval.low).into(),
            comparison.bootstrap.map(|interval| interval.high).into(),
            comparison.d_z.map(|d| d.value).into(),
            comparison.hedges_g.map(|g| g.value).into(),
            comparison
                .superiority
                .map(|superiority| superiority.estimate.value)
                .into(),
            comparison
                .superiority
                .map(|found| if found.meaningful() { "yes" } else { "no" })
                .into(),
            found.map(|found| found.difference).into(),
            found.and_then(|found| found.seeds_for_margin).into(),
            comparison.sign_flip.map(|test| test.p).into(),
            adjusted.sign_flip.into(),
            comparison.paired_t.map(|test| test.p).into(),
            adjusted.paired_t.into(),
            comparison.diverged.baseline.into(),
            comparison.diverged.treatment.into(),
            comparison.worst_rank.and(adjusted.deciding).into(),
            adjusted.equivalence.into(),
            adjusted.non_inferiority.into(),
            adjusted.deciding.into(),
            answer.verdict.as_str().into(),
        ]);
    }
    table
}

/// The claims with their estimates and verdicts.
pub fn claims(claims: &[Claim]) -> Table {
    let mut table = Table::new(
        "claims",
        "What is claimed, as one number a seed: positive supports the claim. The estimate is over \
         the seeds whose trials ended well. Two-sided p-values, adjusted by Holm over the claims \
         of a task. The adjusted p decides: it is that of the registered test, or where a trial \
         diverged, of the signed-rank test over all seeds with diverged trials worst. The CSV has \
         more columns.",
        &[
            "task",
            "claim",
            "n",
            "estimate",
            "low",
            "high",
            "seeds",
            "p",
            "registered_adjusted_p",
            "worst_rank_adjusted_p",
            "adjusted_p",
            "verdict",
        ],
    )
    .with_detail(&[
        "seeds",
        "p",
        "registered_adjusted_p",
        "worst_rank_adjusted_p",
    ])
    .with_sections(1);
    for claim in claims {
        let interval = claim.estimate.and_then(|estimate| estimate.interval);
        table.push(vec![
            (&claim.task).into(),
            (&claim.claim).into(),
            claim.estimate.map(|estimate| estimate.n).into(),
            claim.estimate.map(|estimate| estimate.value).into(),
            interval.map(|interval| interval.low).into(),
            interval.map(|interval| interval.high).into(),
            claim.seeds.into(),
            claim.p.into(),
            claim.registered_adjusted_p.into(),
            claim.worst_rank_adjusted_p().into(),
            claim.adjusted_p.into(),
            claim.verdict.as_str().into(),
        ]);
    }
    table
}

/// The advantage of every pair of trials.
pub fn pairs(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "pairs",
        "The advantage of the treatment in every pair of trials of one seed.",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "seed",
            "advantage",
        ],
    )
    .with_sections(2);
    for answer in answers(analysis) {
        let comparison = &answer.comparison;
        let place = &comparison.place;
        for (seed, advantage) in comparison.seeds.iter().zip(&comparison.advantages) {
            table.push(vec![
                (&place.task).into(),
                place.question.name().into(),
                (&place.contrast.baseline).into(),
                (&place.contrast.treatment).into(),
                place.batch_size.into(),
                (*seed).into(),
                (*advantage).into(),
            ]);
        }
    }
    table
}

/// Seeds that could not be paired, and why.
pub fn unmatched(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "unmatched",
        "Seeds left out of a comparison, and why.",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "seed",
            "arm",
            "why",
        ],
    )
    .with_sections(2);
    for answer in answers(analysis) {
        let place = &answer.comparison.place;
        for unmatched in &answer.comparison.unmatched {
            table.push(vec![
                (&place.task).into(),
                place.question.name().into(),
                (&place.contrast.baseline).into(),
                (&place.contrast.treatment).into(),
                place.batch_size.into(),
                unmatched.seed.into(),
                (&unmatched.arm).into(),
                (&unmatched.why).into(),
            ]);
        }
    }
    table
}
