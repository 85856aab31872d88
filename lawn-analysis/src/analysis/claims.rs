//! What the arms are claimed to do, each claim as one number a seed, tested like any other.

use std::collections::{BTreeMap, BTreeSet};

use super::comparison::Place;
use super::question::{Question, quantity};
use super::study::Task;
use super::verdict::{Verdict, in_numbers};
use super::{Analysis, Answer};
use crate::error::Error;
use crate::report::{Contrast, DecidingTest, ReportRequest};
use crate::stats::{
    Adjustment, Alternative, Differences, Estimate, Feasibility, adjust, mean_t, paired_t,
    sign_flip,
};
use crate::text::{count, p_value};

/// A claim about one task, and what the records say about it.
///
/// Estimates are oriented: positive supports the claim. Claims of a task make one family.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The task.
    pub task: String,
    /// The claim in words.
    pub claim: String,
    /// Mean over seeds of the number that the claim is about, with its t interval.
    pub estimate: Option<Estimate>,
    /// p of the deciding test, two-sided.
    pub p: Option<f64>,
    /// The same after Holm over the claims of the task.
    pub adjusted_p: Option<f64>,
    /// *Better* where the claim is borne out, *worse* where its opposite is.
    pub verdict: Verdict,
    /// The claim and its numbers in a sentence.
    pub sentence: String,
}

/// What the claims about a task can reach, at the one of fewest seeds; none without claims.
pub fn claims_feasibility(claims: &[Claim], task: &str, alpha: f64) -> Option<Feasibility> {
    let of_task = || claims.iter().filter(|claim| claim.task == task);
    let seeds = of_task().map(|claim| claim.estimate.map_or(0, |estimate| estimate.n));
    Some(Feasibility::new(seeds.min()?, of_task().count(), alpha))
}

/// A claim as registered, with its values by seed; none where the records hold nothing for it.
struct Stated {
    claim: String,
    /// What its number is called, and the unit that stands after it.
    measure: [String; 2],
    values: Vec<f64>,
    /// For a claim that every part must bear out, the largest p of its parts.
    largest_p: Option<f64>,
    lost: Lost,
}

/// Seeds of which a trial diverged: they have no number, so the others are a selection.
#[derive(Default)]
struct Lost {
    /// Those whose loss favours the claim: without them it cannot be borne out.
    flattering: BTreeSet<i64>,
    /// Those whose loss favours the opposite.
    damning: BTreeSet<i64>,
}

impl Lost {
    /// A lost trial of the treatment flatters it, one of the baseline damns it.
    fn of<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Self {
        let mut lost = Self::default();
        for answer in answers {
            let comparison = &answer.comparison;
            for one in comparison.unmatched.iter().filter(|one| one.diverged) {
                if one.arm == comparison.place.contrast.treatment {
                    lost.flattering.insert(one.seed);
                } else {
                    lost.damning.insert(one.seed);
                }
            }
        }
        lost
    }

    /// Any loss, whichever way it goes, for a claim of which neither is clear.
    fn either_way(self) -> Self {
        let all: BTreeSet<i64> = self.flattering.union(&self.damning).copied().collect();
        Self {
            flattering: all.clone(),
            damning: all,
        }
    }

    /// Whether a verdict would rest on survivors of the arm that it favours.
    fn forbids(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Better => !self.flattering.is_empty(),
            Verdict::Worse => !self.damning.is_empty(),
            Verdict::Equivalent | Verdict::Inconclusive => false,
        }
    }
}

/// The claims of every task that the request's contrasts make.
///
/// ```text
/// 1  the baseline loses adaptivity      its logits grow after the freeze       (largest batch)
/// 2  the treatment keeps it             they grow less than the baseline's     (largest batch)
/// 3  the treatment generalizes better   test metric, mean over batch sizes
/// 4  it loses less as the batch grows   test metric per doubling of the batch
/// 5  every treatment helps              test metric of every contrast          (largest batch)
/// 6  the first contrast gains most      its advantage over that of each other  (largest batch)
/// ```
///
/// Claims 5 and 6 are intersection–union tests: their p is the largest of their parts, their
/// estimate the smallest. They need two contrasts or more. Claims 1 to 4 are made for each
/// contrast.
///
/// Only seeds of which no trial diverged have a number. Where a trial diverged of the arm that a
/// verdict would favour, the others are a selection in its favour, and nothing is decided.
///
/// # Errors
/// As [`Differences::from_values`].
pub fn claims(analysis: &Analysis, request: &ReportRequest) -> Result<Vec<Claim>, Error> {
    let mut claims = Vec::new();
    for task in &analysis.tasks {
        let stated = state(analysis, task, request)?;
        let tested: Vec<(Option<Estimate>, Option<f64>)> = stated
            .iter()
            .map(|stated| test(stated, request))
            .collect::<Result<_, _>>()?;
        let family: Vec<Option<f64>> = tested.iter().map(|(_, p)| *p).collect();
        let adjusted = adjust(&family, Adjustment::Holm)?;
        for ((stated, (estimate, p)), adjusted_p) in stated.into_iter().zip(tested).zip(adjusted) {
            let decided = estimate.filter(|_| adjusted_p.is_some_and(|p| p <= request.alpha));
            let of_survivors = match decided {
                Some(estimate) if estimate.value > 0.0 => Verdict::Better,
                Some(estimate) if estimate.value < 0.0 => Verdict::Worse,
                _ => Verdict::Inconclusive,
            };
            let forbidden = stated.lost.forbids(of_survivors);
            let verdict = if forbidden {
                Verdict::Inconclusive
            } else {
                of_survivors
            };
            let sentence = sentence(&stated, estimate, adjusted_p, verdict, forbidden);
            let claim = stated.claim;
            let task = task.name.clone();
            claims.push(Claim {
                task,
                claim,
                estimate,
                p,
                adjusted_p,
                verdict,
                sentence,
            });
        }
    }
    Ok(claims)
}

fn state(analysis: &Analysis, task: &Task, request: &ReportRequest) -> Result<Vec<Stated>, Error> {
    let Some(largest) = task.batch_sizes.last().copied() else {
        return Ok(Vec::new());
    };
    let known: Vec<&Contrast> = request
        .contrasts
        .iter()
        .filter(|contrast| super::known(task, contrast))
        .collect();
    let of = |question, contrast: &Contrast, batch: Option<i64>| {
        analysis
            .family(&task.name, question)
            .into_iter()
            .flat_map(|family| &family.answers)
            .find(|answer| {
                let place = &answer.comparison.place;
                place.contrast == *contrast && place.batch_size == batch
            })
    };
    let advantage =
        |what: &str, per: &str| [what.to_owned(), format!(" in test {}{per}", task.metric)];
    let mut stated = Vec::new();
    for contrast in &known {
        let Contrast {
            baseline,
            treatment,
        } = contrast;
        if let Some(answer) = of(Question::LogitGrowth, contrast, Some(largest)) {
            stated.push(Stated {
                claim: format!("{baseline} loses adaptivity: its logits grow after the freeze"),
                measure: ["growth".into(), " doublings".into()],
                values: growth_of_baseline(task, answer, request),
                largest_p: None,
                lost: Lost::of([answer]).either_way(),
            });
            stated.push(Stated {
                claim: format!("{treatment} keeps it: its logits grow less than {baseline}'s"),
                measure: ["growth saved".into(), " doublings".into()],
                values: answer.comparison.advantages.clone(),
                largest_p: None,
                lost: Lost::of([answer]),
            });
        }
        let by_batch: Vec<&Answer> = task
            .batch_sizes
            .iter()
            .filter_map(|batch| of(Question::TestMetric, contrast, Some(*batch)))
            .collect();
        let gains: Vec<_> = by_batch.iter().map(|answer| by_seed(answer)).collect();
        stated.push(Stated {
            claim: format!("{treatment} generalizes better than {baseline}, over all batch sizes"),
            measure: advantage("mean advantage", ""),
            values: mean_by_seed(&gains),
            largest_p: None,
            lost: Lost::of(by_batch),
        });
        if let Some(answer) = of(Question::TestSlope, contrast, None) {
            stated.push(Stated {
                claim: format!("{treatment} loses less than {baseline} as the batch grows"),
                measure: advantage("advantage", " per doubling"),
                values: answer.comparison.advantages.clone(),
                largest_p: None,
                lost: Lost::of([answer]),
            });
        }
    }
    let at_largest: Vec<&Answer> = known
        .iter()
        .filter_map(|contrast| of(Question::TestMetric, contrast, Some(largest)))
        .collect();
    if at_largest.len() > 1 {
        let gains: Vec<_> = at_largest.iter().map(|answer| by_seed(answer)).collect();
        let each = gains.iter().map(|gain| gain.values().copied().collect());
        let test = request.deciding_test;
        stated.push(Stated {
            measure: advantage("least advantage", ""),
            lost: Lost::of(at_largest.iter().copied()),
            ..weakest(
                "every treatment helps at the largest batch".to_owned(),
                each.collect(),
                test,
            )?
        });
        let first = &at_largest[0].comparison.place.contrast;
        let claim = format!(
            "{} gains more over {} at the largest batch than any other treatment over its baseline",
            first.treatment, first.baseline
        );
        let ahead = gains[1..].iter().map(|other| difference(&gains[0], other));
        stated.push(Stated {
            measure: advantage("least lead", ""),
            lost: Lost::of(at_largest.iter().copied()).either_way(),
            ..weakest(claim, ahead.collect(), test)?
        });
    }
    Ok(stated)
}

fn growth_of_baseline(task: &Task, answer: &Answer, request: &ReportRequest) -> Vec<f64> {
    let place: &Place = &answer.comparison.place;
    let reference = request.reference_batch_size;
    let of = |seed: &i64| quantity(task, place, &place.contrast.baseline, reference, *seed);
    answer
        .comparison
        .seeds
        .iter()
        .filter_map(|seed| of(seed).ok()?.number())
        .collect()
}

fn by_seed(answer: &Answer) -> BTreeMap<i64, f64> {
    let comparison = &answer.comparison;
    comparison
        .seeds
        .iter()
        .copied()
        .zip(comparison.advantages.iter().copied())
        .collect()
}

/// Mean over the parts, for seeds that have them all.
fn mean_by_seed(parts: &[BTreeMap<i64, f64>]) -> Vec<f64> {
    let Some(first) = parts.first() else {
        return Vec::new();
    };
    first
        .keys()
        .filter_map(|seed| {
            let values: Option<Vec<f64>> =
                parts.iter().map(|part| part.get(seed).copied()).collect();
            values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
        })
        .collect()
}

/// What the first has more than the second, for seeds that both have.
fn difference(first: &BTreeMap<i64, f64>, second: &BTreeMap<i64, f64>) -> Vec<f64> {
    let both = first
        .iter()
        .filter_map(|(seed, a)| Some((a, second.get(seed)?)));
    both.map(|(a, b)| a - b).collect()
}

/// Every part must bear the claim out: the weakest speaks for all.
fn weakest(claim: String, parts: Vec<Vec<f64>>, test: DecidingTest) -> Result<Stated, Error> {
    let mut weakest: Option<(f64, Vec<f64>)> = None;
    let mut largest_p = 0.0_f64;
    for part in parts {
        if part.is_empty() {
            return Ok(Stated {
                claim,
                measure: Default::default(),
                values: Vec::new(),
                largest_p: None,
                lost: Lost::default(),
            });
        }
        let differences = Differences::from_values(&part)?;
        largest_p = largest_p.max(p_of(&differences, test).unwrap_or(1.0));
        let mean = differences.sample().mean();
        if weakest.as_ref().is_none_or(|(least, _)| mean < *least) {
            weakest = Some((mean, part));
        }
    }
    Ok(Stated {
        claim,
        measure: Default::default(),
        values: weakest.map_or(Vec::new(), |(_, values)| values),
        largest_p: Some(largest_p),
        lost: Lost::default(),
    })
}

fn p_of(differences: &Differences, test: DecidingTest) -> Option<f64> {
    match test {
        DecidingTest::SignFlip => Some(sign_flip(differences, Alternative::TwoSided).p),
        DecidingTest::PairedT => paired_t(differences, Alternative::TwoSided)
            .ok()
            .map(|test| test.p),
    }
}

fn test(
    stated: &Stated,
    request: &ReportRequest,
) -> Result<(Option<Estimate>, Option<f64>), Error> {
    if stated.values.is_empty() {
        return Ok((None, None));
    }
    let differences = Differences::from_values(&stated.values)?;
    let mut estimate = mean_t(differences.sample(), 1.0 - request.alpha);
    // Equal numbers have no variance, which says nothing of how well their mean is known.
    let units = differences.units();
    if units.iter().all(|unit| *unit == units[0]) {
        estimate.interval = None;
    }
    let p = stated
        .largest_p
        .or_else(|| p_of(&differences, request.deciding_test));
    Ok((Some(estimate), p))
}

fn sentence(
    stated: &Stated,
    estimate: Option<Estimate>,
    adjusted_p: Option<f64>,
    verdict: Verdict,
    forbidden: bool,
) -> String {
    let head = match verdict {
        Verdict::Better => "Borne out",
        Verdict::Worse => "The opposite is borne out",
        Verdict::Equivalent | Verdict::Inconclusive => "Not decided",
    };
    let Stated {
        claim,
        measure: [what, unit],
        lost,
        ..
    } = stated;
    let lost = lost.flattering.union(&lost.damning).count();
    let mut tail = if lost > 0 {
        let seeds = count(lost, "seed is", "seeds are");
        format!("; {seeds} left out, of which a trial diverged")
    } else {
        String::new()
    };
    if forbidden {
        tail.push_str(": the others are a selection and decide nothing");
    }
    let Some(estimate) = estimate else {
        return format!("{head}: {claim} (no seed has what it needs{tail}).");
    };
    let p = adjusted_p.map_or("no p-value".to_owned(), |p| {
        format!("adjusted {}", p_value(p))
    });
    let numbers = in_numbers(what, estimate, unit, &p);
    format!("{head}: {claim}: {numbers}{tail}.")
}
