//! The claims that the contrasts of a request make, each with its evidence.

use super::evidence::{Evidence, Losses};
use super::kind::ClaimKind;
use crate::analysis::advantages::Standing;
use crate::analysis::families::{Analysis, Answer};
use crate::analysis::measured::quantity;
use crate::analysis::pairing::Pairing;
use crate::analysis::place::Place;
use crate::analysis::places::known;
use crate::analysis::quantity::{Quantity, integers};
use crate::analysis::question::Question;
use crate::analysis::study::Task;
use crate::analysis::worst_rank::{leaning, worst_rank};
use crate::error::Error;
use crate::request::{Contrast, ReportRequest};
use crate::stats::Differences;
use crate::text::{better, on_test};

/// A registered claim with its evidence.
pub(super) struct Statement {
    /// What it is about.
    pub(super) kind: ClaimKind,
    /// The contrast that it is made for; none for a claim about all of them.
    pub(super) contrast: Option<Contrast>,
    /// The claim in words.
    pub(super) claim: String,
    /// The name of its number, and what follows the value.
    pub(super) measure: [String; 2],
    /// What the records hold.
    pub(super) evidence: Evidence,
}

/// The claims about a task.
pub(super) fn of_task(
    analysis: &Analysis,
    task: &Task,
    request: &ReportRequest,
) -> Result<Vec<Statement>, Error> {
    let Some(largest) = task.batch_sizes.last().copied() else {
        return Ok(Vec::new());
    };
    let contrasts: Vec<&Contrast> = request
        .contrasts
        .iter()
        .filter(|contrast| known(task, contrast))
        .collect();
    let find =
        |question, contrast: &Contrast, batch| find(analysis, task, question, contrast, batch);
    let better = better(more_is_better(task));
    let advantage = |what: &str, per: &str| {
        let of = format!("{per} in {}, where {better}", on_test(&task.metric));
        [what.to_owned(), of]
    };
    let mut stated = Vec::new();
    for contrast in &contrasts {
        let Contrast {
            baseline,
            treatment,
        } = contrast;
        if let Some(answer) = find(Question::LogitGrowth, contrast, Some(largest)) {
            let evidence = growth_of_baseline(task, answer, request)?;
            // Treatments that freeze together measure the growth of their baseline from one place.
            let is_said = stated.iter().any(|one: &Statement| {
                let of_baseline = |one: &Contrast| one.baseline == *baseline;
                one.kind == ClaimKind::LosesAdaptivity
                    && evidence.estimate.is_some()
                    && one.contrast.as_ref().is_some_and(of_baseline)
                    && one.evidence.estimate == evidence.estimate
            });
            let growth = (!is_said).then(|| Statement {
                kind: ClaimKind::LosesAdaptivity,
                contrast: Some((*contrast).clone()),
                claim: format!(
                    "{baseline} loses adaptivity (its logits grow after the freeze of {treatment})"
                ),
                measure: ["growth".into(), " doublings".into()],
                evidence,
            });
            stated.extend(growth);
            stated.push(Statement {
                kind: ClaimKind::KeepsAdaptivity,
                contrast: Some((*contrast).clone()),
                claim: format!(
                    "{treatment} keeps its adaptivity (its logits grow less than {baseline}'s)"
                ),
                measure: ["reduction in growth".into(), " doublings".into()],
                evidence: Evidence::of_comparison(&answer.comparison, request),
            });
        }
        stated.push(Statement {
            kind: ClaimKind::GeneralizesBetter,
            contrast: Some((*contrast).clone()),
            claim: format!("{treatment} generalizes better than {baseline}, over all batch sizes"),
            measure: advantage("mean advantage", ""),
            evidence: over_batch_sizes(task, contrast, request)?,
        });
        if let Some(answer) = find(Question::TestSlope, contrast, None) {
            stated.push(Statement {
                kind: ClaimKind::LosesLess,
                contrast: Some((*contrast).clone()),
                claim: format!("{treatment} loses less than {baseline} as the batch grows"),
                measure: advantage("advantage", " per doubling"),
                evidence: Evidence::of_comparison(&answer.comparison, request),
            });
        }
    }
    let at_largest: Vec<&Answer> = contrasts
        .iter()
        .filter_map(|contrast| find(Question::TestMetric, contrast, Some(largest)))
        .collect();
    if let [first, others @ ..] = &at_largest[..]
        && !others.is_empty()
    {
        stated.push(Statement {
            kind: ClaimKind::AllGain,
            contrast: None,
            claim: "every treatment helps at the largest batch".to_owned(),
            measure: advantage("smallest advantage", ""),
            evidence: all_help(task, &at_largest, request),
        });
        let Contrast {
            baseline,
            treatment,
        } = &first.comparison.place.contrast;
        stated.push(Statement {
            kind: ClaimKind::FirstGainsMost,
            contrast: None,
            claim: format!(
                "{treatment} gains more over {baseline} at the largest batch than any other \
                 treatment over its baseline"
            ),
            measure: advantage("smallest lead", ""),
            evidence: first_gains_most(task, first, others, request)?,
        });
    }
    Ok(stated)
}

fn find<'a>(
    analysis: &'a Analysis,
    task: &Task,
    question: Question,
    contrast: &Contrast,
    batch: Option<i64>,
) -> Option<&'a Answer> {
    let answers = &analysis.family(&task.name, question)?.answers;
    answers.iter().find(|answer| {
        let place = &answer.comparison.place;
        place.contrast == *contrast && place.batch_size == batch
    })
}

/// The growth of the logits of one arm. A diverged trial has no growth, and there is no second arm
/// to exchange it with.
fn growth_of_baseline(
    task: &Task,
    answer: &Answer,
    request: &ReportRequest,
) -> Result<Evidence, Error> {
    let place: &Place = &answer.comparison.place;
    let reference = request.reference_batch_size;
    let seeds = Pairing::of(task, place, reference).all();
    let (mut found, mut undefined, mut lacks) = (Vec::new(), 0, Vec::new());
    let baseline = &place.contrast.baseline;
    for seed in seeds {
        match quantity(task, place, baseline, reference, seed) {
            Ok(Quantity::Diverged) => undefined += 1,
            Ok(number) => found.push(number),
            Err(lack) => lacks.push(lack),
        }
    }
    let mut standings = vec![Standing::Undefined; undefined];
    let mut evidence = Evidence::default();
    if found.is_empty() {
        evidence.why_none = Some(match lacks.first() {
            None => format!("no seed of {baseline} ended well"),
            Some(lack) => format!("no seed of {baseline} has a number ({})", lack.why),
        });
    } else {
        let numbers = integers(&found.iter().collect::<Vec<_>>());
        standings.extend(numbers.units.iter().map(|unit| Standing::Known(*unit)));
        let numbers = Differences::from_units(numbers.units, numbers.scale)?;
        evidence = Evidence::of_numbers(&numbers, request);
    }
    if undefined > 0 {
        let test = worst_rank(&standings)?;
        evidence.worst_rank = Some(test.p);
        evidence.leaning = leaning(&test);
    }
    Ok(Evidence {
        seeds: standings.len(),
        left_out: lacks.len(),
        diverged: Losses {
            undefined,
            ..Losses::default()
        },
        ..evidence
    })
}

/// The test metric of a contrast at a batch size, paired.
fn pairing(task: &Task, contrast: &Contrast, batch: i64, request: &ReportRequest) -> Pairing {
    let place = Place {
        task: task.name.clone(),
        metric: task.metric.clone(),
        question: Question::TestMetric,
        contrast: contrast.clone(),
        batch_size: Some(batch),
    };
    Pairing::of(task, &place, request.reference_batch_size)
}

fn more_is_better(task: &Task) -> bool {
    Question::TestMetric.more_is_better(task.higher_is_better)
}

fn over_batch_sizes(
    task: &Task,
    contrast: &Contrast,
    request: &ReportRequest,
) -> Result<Evidence, Error> {
    let of_batch = |batch: &i64| pairing(task, contrast, *batch, request);
    let pairings: Vec<Pairing> = task.batch_sizes.iter().map(of_batch).collect();
    let signed: Vec<_> = pairings
        .iter()
        .map(|pairing| (pairing, contrast, 1))
        .collect();
    Evidence::of_sum(&signed, pairings.len(), more_is_better(task), request)
}

fn all_help(task: &Task, answers: &[&Answer], request: &ReportRequest) -> Evidence {
    let parts: Vec<Evidence> = answers
        .iter()
        .map(|answer| Evidence::of_comparison(&answer.comparison, request))
        .collect();
    let diverged = Losses::of(task, answers, request);
    Evidence {
        diverged,
        ..Evidence::of_all(&parts)
    }
}

fn first_gains_most(
    task: &Task,
    first: &Answer,
    others: &[&Answer],
    request: &ReportRequest,
) -> Result<Evidence, Error> {
    let of = |answer: &Answer| {
        let place = &answer.comparison.place;
        Pairing::of(task, place, request.reference_batch_size)
    };
    let ours = of(first);
    let mut parts = Vec::with_capacity(others.len());
    for other in others {
        let theirs = of(other);
        let contrasts = [first, other].map(|answer| &answer.comparison.place.contrast);
        let signed = [(&ours, contrasts[0], 1), (&theirs, contrasts[1], -1)];
        parts.push(Evidence::of_sum(&signed, 1, more_is_better(task), request)?);
    }
    let all: Vec<&Answer> = [first].into_iter().chain(others.iter().copied()).collect();
    let diverged = Losses::of(task, &all, request);
    Ok(Evidence {
        diverged,
        ..Evidence::of_all(&parts)
    })
}
