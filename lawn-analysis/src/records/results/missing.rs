//! Trials with the outcome ok that lack a number on which a comparison rests.
//!
//! Most often such a trial diverged or was killed. Without it, its arm would look better than it
//! is.

use std::collections::BTreeSet;

use super::texts::{Place, Texts, listed_in};
use crate::error::{Error, listed};
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
/// they get that outcome instead, and a sentence a column says so. The rows of a trial are in the
/// `order` of a column of that name.
///
/// # Errors
/// [`Error::MissingNumber`] where `told` holds no outcome, or ok.
pub(super) fn settle(
    trials: &mut [TrialRow],
    texts: &Texts,
    order: &str,
    told: Option<Outcome>,
) -> Result<Vec<String>, Error> {
    let mut said = Vec::new();
    let mut settled = BTreeSet::new();
    for deciding in &DECIDING {
        let missing = without(deciding, trials, texts);
        if missing.is_empty() {
            continue;
        }
        let well = trials.iter().filter(|trial| is_of(deciding, trial)).count();
        let at: Vec<Place> = missing.iter().map(|index| texts.places[*index]).collect();
        let Some(outcome) = told.filter(|outcome| *outcome != Outcome::Ok) else {
            // The error is of one file: the first.
            let file = at[0].file;
            let here = missing.iter().copied();
            let here: Vec<usize> = here.filter(|row| texts.places[*row].file == file).collect();
            let positions: Vec<_> = here.iter().map(|row| texts.places[*row].position).collect();
            let all = trials.iter().zip(&texts.places);
            let of = all
                .filter(|(trial, place)| place.file == file && is_of(deciding, trial))
                .count();
            let instead = match is_elsewhere(&here, of, texts) && deciding.always {
                true => format!(
                    "; each has one in an earlier row: where the last rows by {order} are of other \
                     measurements, leave those out of the file"
                ),
                false => instead(deciding.column, &here, texts, order),
            };
            return Err(Error::MissingNumber {
                path: texts.files[file].clone(),
                column: deciding.column.to_owned(),
                missing: here.len(),
                of,
                rows: listed(&positions) + &instead,
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
