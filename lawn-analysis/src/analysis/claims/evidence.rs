//! What the records hold for a claim: an estimate, and the test that decides.

use std::collections::BTreeSet;

use crate::analysis::advantages::Advantages;
use crate::analysis::comparison::Comparison;
use crate::analysis::families::Answer;
use crate::analysis::lack::Cause;
use crate::analysis::pairing::Pairing;
use crate::analysis::reason::why_no_number;
use crate::analysis::study::Task;
use crate::analysis::worst_rank::{leaning, worst_rank};
use crate::error::Error;
use crate::request::{Contrast, DecidingTest, ReportRequest};
use crate::stats::{Alternative, Differences, Estimate, mean_difference, paired_t, sign_flip};

/// The diverged trials among those that a claim rests on.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// Pairs of trials, over all contrasts and batch sizes together.
    pub(super) pairs: usize,
    /// How many trials of each arm diverged.
    pub(super) arms: Vec<(String, usize)>,
    /// Seeds outside the pairs, which have no number because a trial diverged.
    pub(super) undefined: usize,
}

impl Losses {
    /// The losses of several comparisons together.
    pub(super) fn of(task: &Task, answers: &[&Answer], request: &ReportRequest) -> Self {
        let mut losses = Self::default();
        for answer in answers {
            let place = &answer.comparison.place;
            let pairing = Pairing::of(task, place, request.reference_batch_size);
            losses.add(&pairing, &place.contrast);
        }
        losses
    }

    fn add(&mut self, pairing: &Pairing, contrast: &Contrast) {
        self.pairs += pairing.seeds.len();
        self.undefined += pairing.undefined.len();
        for (arm, side) in [
            (&contrast.baseline, &pairing.baseline),
            (&contrast.treatment, &pairing.treatment),
        ] {
            let diverged = side.iter().filter(|one| !one.is_number()).count();
            match self.arms.iter_mut().find(|(known, _)| known == arm) {
                Some((_, n)) => *n += diverged,
                None => self.arms.push((arm.clone(), diverged)),
            }
        }
    }
}

/// An estimate over the seeds that ended well, and the tests.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Mean over the seeds whose trials ended well.
    pub(super) estimate: Option<Estimate>,
    /// p of the registered test over those seeds.
    pub(super) registered: Option<f64>,
    /// p of the worst-rank test over all seeds, where a trial diverged.
    pub(super) worst_rank: Option<f64>,
    /// Positive where the deciding test leans to the claim, negative where it leans to the
    /// opposite.
    pub(super) leaning: f64,
    /// Seeds that the deciding test has.
    pub(super) seeds: usize,
    /// Seeds that lack a trial or a number for another reason than divergence.
    pub(super) left_out: usize,
    pub(super) diverged: Losses,
    /// Why there is no estimate; none where there is one.
    pub(super) why_none: Option<String>,
    /// Whether the arms gave equal numbers in every pair.
    pub(super) is_tie: bool,
}

impl Evidence {
    /// p of the test that decides.
    pub(super) fn deciding(&self) -> Option<f64> {
        self.worst_rank.or(self.registered)
    }

    /// Of a contrast whose arms gave equal numbers in every pair there is nothing to estimate: what
    /// tells them apart did not come to bear. The test stays in its family, with p = 1.
    fn without_ties(self, contrast: &Contrast) -> Self {
        let is_tie = self.seeds > 1
            && self.worst_rank.is_none()
            && self
                .estimate
                .is_some_and(|found| found.value == 0.0 && found.interval.is_none());
        if !is_tie {
            return self;
        }
        let Contrast {
            baseline,
            treatment,
        } = contrast;
        let why = format!("{treatment} and {baseline} gave equal numbers in every pair");
        Self {
            estimate: None,
            why_none: Some(why),
            is_tie,
            ..self
        }
    }

    /// The evidence of one comparison. The claim is that the treatment is better there.
    pub(super) fn of_comparison(comparison: &Comparison, request: &ReportRequest) -> Self {
        let contrast = &comparison.place.contrast;
        let diverged = comparison.diverged;
        let left_out: BTreeSet<i64> = comparison
            .unmatched
            .iter()
            .filter(|one| one.cause != Cause::Diverged)
            .map(|one| one.seed)
            .collect();
        let registered = comparison.registered(request.deciding_test);
        Self {
            estimate: comparison.advantage,
            registered: registered.map(|test| test.p),
            worst_rank: comparison.worst_rank.map(|test| test.p),
            leaning: comparison.leaning(),
            seeds: comparison.feasibility.n,
            left_out: left_out.len(),
            diverged: Losses {
                pairs: diverged.pairs,
                arms: vec![
                    (contrast.baseline.clone(), diverged.baseline),
                    (contrast.treatment.clone(), diverged.treatment),
                ],
                undefined: diverged.undefined,
            },
            why_none: comparison.why_none.clone(),
            is_tie: false,
        }
        .without_ties(contrast)
    }

    /// The evidence of a sum over pairings, each with its sign, divided by `parts`.
    pub(super) fn of_sum(
        pairings: &[(&Pairing, &Contrast, i8)],
        parts: usize,
        more_is_better: bool,
        request: &ReportRequest,
    ) -> Result<Self, Error> {
        let signed: Vec<(&Pairing, i8)> = pairings
            .iter()
            .map(|(pairing, _, sign)| (*pairing, *sign))
            .collect();
        let advantages = Advantages::sum(&signed, parts, more_is_better)?;
        let mut evidence = match &advantages.differences {
            Some(differences) => Self::of_numbers(differences, request),
            None => {
                let pairings: Vec<_> = pairings.iter().map(|(p, c, _)| (*p, *c)).collect();
                Self {
                    why_none: Some(why_no_number(&pairings, false)),
                    ..Self::default()
                }
            }
        };
        for (pairing, contrast, _) in pairings {
            evidence.diverged.add(pairing, contrast);
        }
        evidence.seeds = advantages.standings.len();
        let named: BTreeSet<i64> = signed
            .iter()
            .flat_map(|(pairing, _)| pairing.all())
            .collect();
        evidence.left_out = named.len() - evidence.seeds;
        if advantages.diverged() {
            let test = worst_rank(&advantages.standings)?;
            evidence.worst_rank = Some(test.p);
            evidence.leaning = leaning(&test);
        }
        Ok(match pairings {
            [(_, contrast, _), rest @ ..] if rest.iter().all(|(_, other, _)| other == contrast) => {
                evidence.without_ties(contrast)
            }
            _ => evidence,
        })
    }

    /// The evidence of one number a seed, where no trial diverged.
    pub(super) fn of_numbers(differences: &Differences, request: &ReportRequest) -> Self {
        let estimate = mean_difference(differences, 1.0 - request.alpha);
        let sign_flip = || sign_flip(differences, Alternative::TwoSided);
        let registered = match request.deciding_test {
            DecidingTest::SignFlip => sign_flip(),
            // Equal differences have no t statistic.
            DecidingTest::PairedT => {
                paired_t(differences, Alternative::TwoSided).unwrap_or_else(|_| sign_flip())
            }
        };
        Self {
            estimate: Some(estimate),
            registered: Some(registered.p),
            leaning: estimate.value,
            seeds: differences.n(),
            ..Self::default()
        }
    }

    /// The evidence of a claim that holds only where all its parts do: the largest p and the
    /// smallest estimate of them.
    pub(super) fn of_all(parts: &[Self]) -> Self {
        let largest = |p: fn(&Self) -> Option<f64>| -> Option<f64> {
            let all: Option<Vec<f64>> = parts.iter().map(p).collect();
            all?.into_iter().reduce(f64::max)
        };
        let estimates: Option<Vec<Estimate>> = parts.iter().map(|part| part.estimate).collect();
        let least = |one: Estimate, other: Estimate| {
            if other.value < one.value { other } else { one }
        };
        let lost = parts.iter().any(|part| part.worst_rank.is_some());
        Self {
            estimate: estimates.and_then(|all| all.into_iter().reduce(least)),
            registered: largest(|part| part.registered),
            worst_rank: largest(Self::deciding).filter(|_| lost),
            leaning: parts
                .iter()
                .map(|part| part.leaning)
                .fold(f64::INFINITY, f64::min),
            seeds: parts.iter().map(|part| part.seeds).min().unwrap_or(0),
            left_out: parts.iter().map(|part| part.left_out).max().unwrap_or(0),
            diverged: Losses::default(),
            why_none: parts.iter().find_map(|part| part.why_none.clone()),
            is_tie: parts.iter().any(|part| part.is_tie),
        }
    }
}
