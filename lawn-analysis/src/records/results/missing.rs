//! Trials with the outcome ok that lack a number on which a comparison rests.
//!
//! Most often such a trial diverged or was killed. Without it, its arm would look better than it
//! is.

use std::collections::BTreeSet;

use super::layout::Layout;
use super::texts::{Place, Texts, listed_in};
use crate::error::Error;
use crate::records::rows::TrialRow;
use crate::records::words::{Outcome, Stage};
use crate::text::count;

/// A column on which a comparison rests, and the trials that must have a number in it.
struct DecidingColumn {
    column: &'static str,
    value: fn(&TrialRow) -> Option<f64>,
    stage: Stage,
    /// Whether every trial must have one. Otherwise only trials of an arm must, of which another
    /// trial has one.
    always: bool,
}

const DECIDING: [DecidingColumn; 4] = [
    DecidingColumn {
        column: "test_metric",
        value: |trial| trial.test_metric,
        stage: Stage::Confirm,
        always: true,
    },
    DecidingColumn {
        column: "train_metric",
        value: |trial| trial.train_metric,
        stage: Stage::Confirm,
        always: false,
    },
    DecidingColumn {
        column: "validation_metric",
        value: |trial| trial.validation_metric,
        stage: Stage::Confirm,
        always: false,
    },
    DecidingColumn {
        column: "validation_metric",
        value: |trial| trial.validation_metric,
        stage: Stage::Tune,
        always: false,
    },
];

/// Refuses trials that ended well without a number in a deciding column. With an outcome in `told`,
/// they get that outcome instead, and a sentence a column says so. The rows of a trial are in the order
/// that the layout says.
///
/// # Errors
/// [`Error::MissingNumber`] where `told` holds no outcome, or ok; [`Error::NoNumber`], whatever is told,
/// where no trial would be left with a number.
pub(super) fn settle(
    trials: &mut [TrialRow],
    texts: &Texts,
    layout: &Layout,
    told: Option<Outcome>,
) -> Result<Vec<String>, Error> {
    let order = layout.last.as_deref().unwrap_or_default();
    let told = told.filter(|outcome| *outcome != Outcome::Ok);
    let mut said = Vec::new();
    let mut settled = BTreeSet::new();
    for deciding in &DECIDING {
        let missing = without(deciding, trials, texts);
        if missing.is_empty() {
            continue;
        }
        let well = trials.iter().filter(|trial| is_of(deciding, trial)).count();
        let at: Vec<Place> = missing.iter().map(|index| texts.places[*index]).collect();
        if deciding.always && none_has_one(trials, &missing, texts, told.is_some()) {
            return Err(no_number(deciding, &missing, texts, layout));
        }
        let Some(outcome) = told else {
            // The error is of one file: the first.
            let file = at[0].file;
            let here = missing.iter().copied();
            let here: Vec<usize> = here.filter(|row| texts.places[*row].file == file).collect();
            let all = trials.iter().zip(&texts.places);
            let of = all
                .filter(|(trial, place)| place.file == file && is_of(deciding, trial))
                .count();
            if is_elsewhere(&here, of, texts) && deciding.always {
                return Err(no_number(deciding, &here, texts, layout));
            }
            let instead = instead(deciding.column, &here, texts, order);
            return Err(Error::MissingNumber {
                path: texts.files[file].clone(),
                column: deciding.column.to_owned(),
                missing: here.len(),
                of,
                rows: texts.listed(&here) + &instead,
                ended_early: here.iter().any(|row| texts.early[*row].is_some()),
                suggested: None,
            });
        };
        said.push(format!(
            "{} of {well} {} trials with outcome ok have no {} ({}): counted as {outcome}, as \
             asked.",
            missing.len(),
            stage(deciding.stage),
            deciding.column,
            listed_in(&texts.files, &at)
        ));
        settled.extend(
            missing
                .into_iter()
                .map(|index| (index, outcome, deciding.column)),
        );
    }
    for (index, outcome, column) in settled {
        let trial = &mut trials[index];
        trial.outcome = outcome;
        trial
            .detail
            .get_or_insert_with(|| format!("no {column} in the results"));
    }
    Ok(said)
}

/// Whether none of several confirmations has a number. Where nobody `is_told` how they ended, the text of
/// an infinite number says more.
fn none_has_one(trials: &[TrialRow], missing: &[usize], texts: &Texts, is_told: bool) -> bool {
    let confirms = trials.iter().filter(|trial| trial.stage == Stage::Confirm);
    let metrics: Vec<Option<f64>> = confirms.map(|trial| trial.test_metric).collect();
    let mut missing = missing.iter();
    metrics.len() > 1
        && metrics.iter().all(Option::is_none)
        && (is_told || missing.all(|row| infinite("test_metric", *row, texts).is_none()))
}

/// The error of trials in `rows` that no outcome explains: the column has its numbers in other rows, or
/// nowhere.
fn no_number(deciding: &DecidingColumn, rows: &[usize], texts: &Texts, layout: &Layout) -> Error {
    let order = layout.last.as_deref().unwrap_or_default();
    let of = match rows.len() {
        1 => "the one trial whose outcome is ok".to_owned(),
        many => format!("each of {many} trials whose outcome is ok"),
    };
    let measured = rows.iter().filter_map(|row| texts.ends[*row]?.measured);
    let why = match measured.reduce(f64::max) {
        Some(at) => format!(
            "it has numbers up to {order} {at}; the last row by {order}, of {of}, has none{}; read a \
             column that has one there, or leave those rows out of the file",
            instead(deciding.column, rows, texts, order)
        ),
        None => format!("no row that is read has a number in it, of {of}"),
    };
    Error::NoNumber {
        path: texts.files[texts.places[rows[0]].file].clone(),
        column: layout.named(deciding.column),
        why,
    }
}

/// Whether all trials, `of` so many, lack a number in their last row and have one in another. One alone
/// may have diverged.
fn is_elsewhere(rows: &[usize], of: usize, texts: &Texts) -> bool {
    let is_elsewhere = |row: &usize| texts.ends[*row].is_some_and(|end| end.is_elsewhere);
    rows.len() == of && of > 1 && rows.iter().all(is_elsewhere)
}

/// What the trials in `rows` have in place of a number, of the first that has something: its text, or
/// rows that end early.
fn instead(column: &str, rows: &[usize], texts: &Texts, order: &str) -> String {
    let early = rows
        .iter()
        .filter_map(|row| Some((*row, texts.early[*row]?)));
    let early: Vec<(usize, f64)> = early.collect();
    if let Some((row, others)) = early.first() {
        let at = texts.ends[*row].and_then(|end| end.at).unwrap_or_default();
        let many = count(early.len(), "trial has", "trials have");
        return format!(
            "; {many} no number any more where others of the task and batch size go on: {} ends at \
             {order} {at}, others at {others}",
            texts.places[*row].position
        );
    }
    let mut found = rows.iter().filter_map(|row| infinite(column, *row, texts));
    found
        .next()
        .map_or(String::new(), |text| format!(": `{text}`"))
}

/// The text of an infinite number. NaN stands for a number that is missing, too.
fn infinite<'t>(column: &str, row: usize, texts: &'t Texts) -> Option<&'t str> {
    let text = texts.cells(column)?[row].as_str();
    let number: f64 = text.parse().ok()?;
    number.is_infinite().then_some(text)
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Tune => "tuning",
        Stage::Confirm => "confirmation",
    }
}

fn is_of(deciding: &DecidingColumn, trial: &TrialRow) -> bool {
    trial.stage == deciding.stage && trial.outcome == Outcome::Ok
}

/// The trials that lack a number in the column. An infinite one was measured, and is none.
fn without(deciding: &DecidingColumn, trials: &[TrialRow], texts: &Texts) -> Vec<usize> {
    let arm = |trial: &TrialRow| (trial.task.clone(), trial.arm.clone());
    let of = || {
        trials
            .iter()
            .enumerate()
            .filter(|(_, trial)| is_of(deciding, trial))
    };
    let measured: BTreeSet<(String, String)> = of()
        .filter(|(row, trial)| {
            (deciding.value)(trial).is_some() || infinite(deciding.column, *row, texts).is_some()
        })
        .map(|(_, trial)| arm(trial))
        .collect();
    let lacks = |trial: &TrialRow| {
        (deciding.value)(trial).is_none() && (deciding.always || measured.contains(&arm(trial)))
    };
    let missing = of().filter(|(_, trial)| lacks(trial));
    missing.map(|(row, _)| row).collect()
}
