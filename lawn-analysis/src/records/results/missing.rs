//! Trials with the outcome ok that lack a number on which a comparison rests.
//!
//! Most often such a trial diverged or was killed. Without it, its arm would look better than it
//! is.

use std::collections::BTreeSet;

use super::texts::{Place, Texts, listed_in};
use crate::error::{Error, listed};
use crate::records::rows::TrialRow;
use crate::records::words::{Outcome, Stage};

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
/// they get that outcome instead, and a sentence a column says so.
///
/// # Errors
/// [`Error::MissingNumber`] where `told` holds no outcome, or ok.
pub(super) fn settle(
    trials: &mut [TrialRow],
    texts: &Texts,
    told: Option<Outcome>,
) -> Result<Vec<String>, Error> {
    let mut said = Vec::new();
    let mut settled = BTreeSet::new();
    for deciding in &DECIDING {
        let missing = without(deciding, trials);
        if missing.is_empty() {
            continue;
        }
        let well = trials.iter().filter(|trial| is_of(deciding, trial)).count();
        let at: Vec<Place> = missing.iter().map(|index| texts.places[*index]).collect();
        let Some(outcome) = told.filter(|outcome| *outcome != Outcome::Ok) else {
            // The error is of one file: the first.
            let file = at[0].file;
            let here = at.iter().filter(|place| place.file == file);
            let here: Vec<_> = here.map(|place| place.position).collect();
            let all = trials.iter().zip(&texts.places);
            return Err(Error::MissingNumber {
                path: texts.files[file].clone(),
                column: deciding.column.to_owned(),
                missing: here.len(),
                of: all
                    .filter(|(trial, place)| place.file == file && is_of(deciding, trial))
                    .count(),
                rows: listed(&here),
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

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Tune => "tuning",
        Stage::Confirm => "confirmation",
    }
}

fn is_of(deciding: &DecidingColumn, trial: &TrialRow) -> bool {
    trial.stage == deciding.stage && trial.outcome == Outcome::Ok
}

fn without(deciding: &DecidingColumn, trials: &[TrialRow]) -> Vec<usize> {
    let arm = |trial: &TrialRow| (trial.task.clone(), trial.arm.clone());
    let of = || trials.iter().filter(|trial| is_of(deciding, trial));
    let measured: BTreeSet<(String, String)> = of()
        .filter(|trial| (deciding.value)(trial).is_some())
        .map(arm)
        .collect();
    let lacks = |trial: &TrialRow| {
        is_of(deciding, trial)
            && (deciding.value)(trial).is_none()
            && (deciding.always || measured.contains(&arm(trial)))
    };
    let indices = trials.iter().enumerate().filter(|(_, trial)| lacks(trial));
    indices.map(|(index, _)| index).collect()
}
