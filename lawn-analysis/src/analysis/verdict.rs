//! From numbers to a verdict and one plain sentence.

use std::collections::BTreeSet;

use serde::Serialize;

use super::comparison::Comparison;
use super::lack::Cause;
use super::question::Question;
use super::unpaired::IndependentSamples;
use super::worst_rank::{DivergedTrials, with_these_worst};
use crate::request::DecidingTest;
use crate::stats::{Estimate, Feasibility, Interval};
use crate::text::{at_batch, better, count, number, on_test, p_value, percent, resolved, signed};

/// The answer to one question about one contrast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The treatment is better, at the error rate of the family.
    Better,
    /// The arms differ by less than the registered margin, at the error rate of the family.
    Equivalent,
    /// The treatment is worse, at the error rate of the family.
    Worse,
    /// None of these was shown.
    Inconclusive,
}

impl Verdict {
    /// The verdict as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Equivalent => "equivalent",
            Self::Worse => "worse",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// p-values of one comparison after adjustment in its families.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AdjustedPValues {
    /// Exact sign-flip test.
    pub sign_flip: Option<f64>,
    /// Paired t test.
    pub paired_t: Option<f64>,
    /// The registered test over the pairs that ended well. Equal differences have no t, and the
    /// exact test takes its place there.
    pub registered: Option<f64>,
    /// The test that decides ([`Comparison::deciding`]).
    pub deciding: Option<f64>,
    /// Equivalence within the margin.
    pub equivalence: Option<f64>,
    /// The test that the treatment is not worse by more than the margin.
    pub non_inferiority: Option<f64>,
    /// Welch's t test of arms without a seed in common.
    pub welch: Option<f64>,
    /// The Mann–Whitney test of arms without a seed in common.
    pub mann_whitney: Option<f64>,
}

/// The verdict that the numbers allow.
///
/// A registered margin is the smallest difference that matters. What is surely smaller than the
/// margin is equivalent, so equivalence comes before a difference in either direction. A divergence
/// is no small difference, so nothing is equivalent where a trial diverged.
pub(super) fn decide(comparison: &Comparison, adjusted: &AdjustedPValues, alpha: f64) -> Verdict {
    let whole = !comparison.diverged.any();
    if whole && adjusted.equivalence.is_some_and(|p| p <= alpha) {
        return Verdict::Equivalent;
    }
    let decided = adjusted.deciding.is_some_and(|p| p <= alpha);
    match comparison.leaning() {
        leaning if decided && leaning > 0.0 => Verdict::Better,
        leaning if decided && leaning < 0.0 => Verdict::Worse,
        _ => Verdict::Inconclusive,
    }
}

/// The verdict as a sentence with its numbers.
pub(super) fn sentence(
    comparison: &Comparison,
    adjusted: &AdjustedPValues,
    verdict: Verdict,
    test: DecidingTest,
    more_is_better: bool,
) -> String {
    let place = &comparison.place;
    let (treatment, baseline) = (&place.contrast.treatment, &place.contrast.baseline);
    let at = place
        .batch_size
        .map_or("over all batch sizes".to_owned(), at_batch);
    let (metric, better) = (on_test(&place.metric), better(more_is_better));
    let quantity = match place.question {
        Question::TestMetric => format!("{metric} ({better})"),
        Question::AgainstReference => {
            format!("{metric} ({better}; {baseline} at the reference batch size)")
        }
        Question::AgainstBest => {
            format!("{metric} ({better}; {baseline} is the best baseline on validation data)")
        }
        Question::TestSlope => format!("{metric} per doubling of the batch ({better})"),
        other => format!("{} ({better})", other.name()),
    };
    let head = match verdict {
        Verdict::Better => format!("{treatment} is better than {baseline} in {quantity} {at}"),
        Verdict::Worse => format!("{treatment} is worse than {baseline} in {quantity} {at}"),
        Verdict::Equivalent => {
            format!("{treatment} and {baseline} are equivalent in {quantity} {at}")
        }
        Verdict::Inconclusive => {
            format!("{treatment} against {baseline} in {quantity} {at} is inconclusive")
        }
    };
    let tail = [
        survivors(comparison, adjusted),
        without_pair(comparison),
        tail(comparison, adjusted, verdict, test),
    ]
    .concat();
    let Some(advantage) = comparison.advantage else {
        let why = comparison.why_none.as_deref();
        let why = why.unwrap_or("no seed has a number in both arms");
        let unpaired = comparison.unpaired.as_ref().map_or(String::new(), |found| {
            as_independent(found, adjusted, more_is_better)
        });
        return format!("On {}, {head}: {why}{unpaired}{tail}.", place.task);
    };
    // The sentence states the difference of the quantity itself. Only the verdict is oriented.
    let seen = as_seen(advantage, more_is_better);
    let difference = if comparison.diverged.any() {
        "difference where neither diverged"
    } else {
        "difference"
    };
    let exact = if test == DecidingTest::PairedT && comparison.paired_t.is_none() {
        " of the exact test"
    } else {
        ""
    };
    let p = adjusted.registered.map_or("no p-value".to_owned(), |p| {
        format!("adjusted {}{exact}", p_value(p))
    });
    format!(
        "On {}, {head}: {}{tail}.",
        place.task,
        in_numbers(difference, seen, "", &p)
    )
}

/// An advantage as the difference of the quantity itself: treatment minus baseline.
fn as_seen(advantage: Estimate, more_is_better: bool) -> Estimate {
    if more_is_better {
        return advantage;
    }
    Estimate {
        value: -advantage.value,
        interval: advantage.interval.map(Interval::negated),
        ..advantage
    }
}

/// The clause that compares arms without a seed in common as independent samples.
fn as_independent(
    unpaired: &IndependentSamples,
    adjusted: &AdjustedPValues,
    more_is_better: bool,
) -> String {
    let seen = as_seen(unpaired.difference, more_is_better);
    let interval = seen.interval.map_or("no interval".to_owned(), |found| {
        let [_, low, high] = resolved(seen.value, found.low, found.high);
        format!("{} interval {low} to {high}", percent(found.level))
    });
    let test = |name: &str, p: Option<f64>| {
        p.map_or(format!("no {name}"), |p| {
            format!("{name} adjusted {}", p_value(p))
        })
    };
    let diverged = match unpaired.diverged {
        0 => String::new(),
        n => format!(
            ", {} ranked worst in the latter test",
            count(n, "diverged trial", "diverged trials")
        ),
    };
    format!(
        "; as independent samples, which decide no verdict, they differ by {} ({} and {} trials, \
         {interval}, {}, {}{diverged})",
        signed(seen.value),
        unpaired.treatment,
        unpaired.baseline,
        test("Welch t", adjusted.welch),
        test("Mann–Whitney", adjusted.mann_whitney)
    )
}

/// An estimate in words: `what value unit (n seeds, interval, p)`. The reason stands there where it
/// has no interval.
pub(super) fn in_numbers(what: &str, estimate: Estimate, unit: &str, p: &str) -> String {
    let n = estimate.n;
    let seeds = count(n, "seed", "seeds");
    let (value, interval) = match estimate.interval {
        Some(found) => {
            let [value, low, high] = resolved(estimate.value, found.low, found.high);
            let level = percent(found.level);
            (value, format!("{level} interval {low} to {high}"))
        }
        None => {
            let why = if n == 1 {
                "one seed has no interval"
            } else {
                "equal differences have no interval"
            };
            (signed(estimate.value), why.to_owned())
        }
    };
    format!("{what} {value}{unit} ({seeds}, {interval}, {p})")
}

/// The clause about seeds that lack the quantity in one arm for a reason other than divergence.
fn without_pair(comparison: &Comparison) -> String {
    let lacking = comparison.unmatched.iter();
    let lacking = lacking.filter(|one| one.cause != Cause::Diverged);
    let seeds: BTreeSet<i64> = lacking.map(|one| one.seed).collect();
    if seeds.is_empty() || comparison.advantage.is_none() {
        return String::new();
    }
    let left = count(
        seeds.len(),
        "seed without a pair is",
        "seeds without a pair are",
    );
    format!("; {left} left out")
}

/// The clause about diverged trials, with the p of the test that ranks them worst.
fn survivors(comparison: &Comparison, adjusted: &AdjustedPValues) -> String {
    let DivergedTrials {
        baseline,
        treatment,
        pairs,
        undefined,
    } = comparison.diverged;
    let contrast = &comparison.place.contrast;
    let arms = [
        (contrast.baseline.as_str(), baseline),
        (contrast.treatment.as_str(), treatment),
    ];
    adjusted.deciding.map_or(String::new(), |p| {
        with_these_worst(&arms, pairs, undefined, p)
    })
}

/// The clause that says whether the treatment is shown to be not worse by more than the margin.
///
/// It is not shown where a trial of the treatment diverged, since the others are a selection.
fn not_worse(comparison: &Comparison, margin: &str, p: f64) -> String {
    let shown = p <= comparison.feasibility.alpha;
    let p = format!("adjusted {}", p_value(p));
    if comparison.diverged.treatment > 0 {
        format!(
            "; non-inferiority (not worse by more than {margin}) is not shown, since trials of \
             {} diverged",
            comparison.place.contrast.treatment
        )
    } else if shown {
        format!("; it is not worse by more than {margin}, {p}")
    } else {
        format!("; non-inferiority (not worse by more than {margin}) is not shown, {p}")
    }
}

/// The clause that the margin or the number of seeds adds to a sentence.
fn tail(
    comparison: &Comparison,
    adjusted: &AdjustedPValues,
    verdict: Verdict,
    test: DecidingTest,
) -> String {
    let margin = comparison.equivalence.map(|found| number(found.margin));
    if comparison.place.question == Question::AgainstReference {
        return match (margin, adjusted.non_inferiority) {
            (Some(margin), Some(p)) => not_worse(comparison, &margin, p),
            _ => String::new(),
        };
    }
    match (verdict, margin, adjusted.equivalence) {
        (Verdict::Equivalent, Some(margin), Some(p)) => {
            format!(
                "; the difference lies within ±{margin}, adjusted {}",
                p_value(p)
            )
        }
        (Verdict::Inconclusive, ..)
            if !comparison.feasibility.feasible()
                && (test == DecidingTest::SignFlip
                    || comparison.paired_t.is_none()
                    || comparison.diverged.any()) =>
        {
            let Feasibility {
                n, seeds_needed, ..
            } = comparison.feasibility;
            match n {
                0 => format!("; {seeds_needed} paired seeds could decide it"),
                n => {
                    let seeds = count(n, "seed", "seeds");
                    format!("; {seeds} cannot decide it, {seeds_needed} could")
                }
            }
        }
        _ => String::new(),
    }
}
