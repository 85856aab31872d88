//! Values of the options of `lawn report --from`, checked as they are read.

use lawn_analysis::records::{Direction, Outcome, Pattern, WideColumns, Word};
use lawn_analysis::report::{Contrast, DecidingTest};

use crate::error::{allowed, refused};

/// Two names with a colon between; which one, where a name has one too, the arms decide.
pub(super) fn contrast(text: &str) -> Result<String, String> {
    if splits(text).next().is_none() {
        return Err("must be BASELINE:TREATMENT, two names of arms".into());
    }
    Ok(text.to_owned())
}

/// Every way to read a text as BASELINE:TREATMENT.
pub(super) fn splits(text: &str) -> impl Iterator<Item = Contrast> {
    let colons = text.match_indices(':');
    let contrasts = colons.map(|(at, _)| Contrast {
        baseline: text[..at].to_owned(),
        treatment: text[at + 1..].to_owned(),
    });
    contrasts.filter(|contrast| !contrast.baseline.is_empty() && !contrast.treatment.is_empty())
}

/// What is done with trials of outcome ok that have no metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum MissingMetric {
    Refuse,
    Take(Outcome),
}

pub(super) fn missing_metric(text: &str) -> Result<MissingMetric, String> {
    match (text, Outcome::parse(text)) {
        ("refuse", _) => Ok(MissingMetric::Refuse),
        (_, Some(outcome)) if outcome != Outcome::Ok => Ok(MissingMetric::Take(outcome)),
        _ => {
            let outcomes = Outcome::ALL
                .iter()
                .filter(|outcome| **outcome != Outcome::Ok);
            let names = outcomes.map(|outcome| outcome.as_str());
            Err(allowed(std::iter::once("refuse").chain(names)))
        }
    }
}

pub(super) fn direction(text: &str) -> Result<Direction, String> {
    let (metric, direction) = match text.rsplit_once('=') {
        Some((metric, direction)) => (Some(metric.to_owned()), direction),
        None => (None, text),
    };
    let higher_is_better = match direction {
        "higher" => true,
        "lower" => false,
        _ => {
            return Err(allowed([
                "higher",
                "lower",
                "METRIC=higher",
                "METRIC=lower",
            ]));
        }
    };
    Ok(Direction {
        metric,
        higher_is_better,
    })
}

pub(super) fn margin(text: &str) -> Result<(String, f64), String> {
    // A name may have the sign too, a number has not.
    let (metric, margin) = text.rsplit_once('=').ok_or("must be METRIC=DIFFERENCE")?;
    match margin.parse() {
        Ok(margin) if margin > 0.0 && f64::is_finite(margin) => Ok((metric.to_owned(), margin)),
        _ => {
            let said = format!("the difference is `{margin}`");
            Err(refused(said, ["a number above 0"]))
        }
    }
}

pub(super) fn deciding_test(text: &str) -> Result<DecidingTest, String> {
    match text {
        "sign-flip" => Ok(DecidingTest::SignFlip),
        "paired-t" => Ok(DecidingTest::PairedT),
        _ => Err(allowed(["sign-flip", "paired-t"])),
    }
}

/// Two texts with the first equals sign between.
fn pair(text: &str, form: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((one, other)) if !one.is_empty() && !other.is_empty() => {
            Ok((one.trim().to_owned(), other.trim().to_owned()))
        }
        _ => Err(format!("must be {form}")),
    }
}

pub(super) fn renamed(text: &str) -> Result<(String, String), String> {
    pair(
        text,
        "COLUMN=NAME, a column of results and one of the files",
    )
}

pub(super) fn constant(text: &str) -> Result<(String, String), String> {
    pair(
        text,
        "COLUMN=VALUE, a column of results and its value in every row",
    )
}

pub(super) fn wide(text: &str) -> Result<WideColumns, String> {
    WideColumns::parse(text)
}

pub(super) fn file_name(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text)
}

/// What is done with rows of a word for an outcome.
#[derive(Clone, Debug)]
pub(super) enum Stated {
    Take(Outcome),
    Skip,
}

/// What leaves rows out.
const SKIP: &str = "skip";

/// A word and the outcome that it denotes; the word may have equals signs.
pub(super) fn outcome(text: &str) -> Result<(String, Stated), String> {
    let (word, outcome) = text.rsplit_once('=').ok_or("must be WORD=OUTCOME")?;
    let stated = match Outcome::parse(outcome) {
        Some(outcome) => Stated::Take(outcome),
        None if outcome == SKIP => Stated::Skip,
        None => {
            let said = format!("the outcome is `{outcome}`");
            let outcomes = Outcome::ALL.iter().map(|word| word.as_str());
            return Err(refused(said, outcomes.chain([SKIP])));
        }
    };
    Ok((word.to_owned(), stated))
}
