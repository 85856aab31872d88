//! How the settings of a round did.

use lawn_analysis::records::{Outcome, Word};
use lawn_models::{Split, TrialSummary};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::plan::choices::decided::Choices;
use crate::plan::trials::{Cell, Plan, Round};
use crate::run::run_dir::RunDir;

/// One tuning trial's part in a choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuningResult {
    /// Index into the arm's settings.
    pub setting: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Its validation metric at the end of its part of the budget, if it came there.
    pub score: Option<f64>,
    /// What is known about a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl TuningResult {
    /// Its score, if it is one that can be compared.
    pub(super) fn finite(&self) -> Option<f64> {
        self.score.filter(|score| score.is_finite())
    }
}

/// The validation value of `metric` at the end of training.
#[must_use]
pub fn score(metric: &str, summary: &TrialSummary) -> Option<f64> {
    summary
        .measurements
        .iter()
        .find(|measured| measured.split == Split::Validation && measured.metric == metric)
        .map(|measured| measured.value)
}

/// What was tried in a round, cell by cell in the order of the plan. A trial that no
/// setting was left for has tried nothing.
pub(super) fn tried(
    run: &RunDir,
    plan: &Plan,
    round: &Round,
    choices: &Choices,
) -> Result<Vec<(Cell, Vec<TuningResult>)>, Error> {
    let mut cells: Vec<(Cell, Vec<TuningResult>)> = Vec::new();
    for trial in &plan.trials[round.trials.clone()] {
        if cells.last().is_none_or(|(cell, _)| *cell != trial.cell) {
            cells.push((trial.cell.clone(), Vec::new()));
        }
        let Some(setting) = trial.setting.or_else(|| choices.setting(trial)) else {
            continue;
        };
        let outcome = run.trial(&trial.id).read_outcome()?;
        let metric = plan.metric(&trial.cell.task).unwrap_or_default();
        let one = match outcome {
            None => TuningResult {
                setting,
                outcome: Outcome::Crashed,
                score: None,
                detail: Some("it has no outcome".into()),
            },
            Some(ending) => TuningResult {
                setting,
                outcome: ending.outcome,
                score: ending
                    .summary
                    .as_ref()
                    .and_then(|summary| score(metric, summary)),
                detail: ending.detail,
            },
        };
        if let Some((_, tried)) = cells.last_mut() {
            tried.push(one);
        }
    }
    Ok(cells)
}

/// The settings with a finite score, the best first; of equals the one tried first.
pub(super) fn ranked(tried: &[TuningResult], higher_is_better: bool) -> Vec<usize> {
    let sign = if higher_is_better { -1.0 } else { 1.0 };
    let scored = tried
        .iter()
        .filter_map(|one| Some((one.setting, one.finite()?)));
    let mut scored: Vec<(usize, f64)> = scored.collect();
    scored.sort_by(|(_, a), (_, b)| (sign * a).total_cmp(&(sign * b)));
    scored.into_iter().map(|(setting, _)| setting).collect()
}

/// "2 of 16 failed: 1 diverged, 1 timeout", or "all 16 came to their end".
pub(super) fn failures(tried: &[TuningResult]) -> String {
    let failed = || tried.iter().filter(|one| one.finite().is_none());
    let count = failed().count();
    if count == 0 {
        return format!("all {} came to their end", tried.len());
    }
    let kinds: Vec<String> = Outcome::ALL
        .iter()
        .filter_map(|kind| {
            let of_kind = failed().filter(|one| one.outcome == *kind).count();
            let word = match kind {
                Outcome::Ok => "without a finite score",
                other => other.as_str(),
            };
            (of_kind > 0).then(|| format!("{of_kind} {word}"))
        })
        .collect();
    format!("{count} of {} failed: {}", tried.len(), kinds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(scores: &[Option<f64>]) -> Vec<TuningResult> {
        let one = |(setting, &score): (usize, &Option<f64>)| TuningResult {
            setting,
            outcome: Outcome::Ok,
            score,
            detail: None,
        };
        scores.iter().enumerate().map(one).collect()
    }

    #[test]
    fn settings_rank_by_finite_scores_and_the_first_of_equals_leads() {
        let scores = tried(&[None, Some(0.2), Some(f64::NAN), Some(0.5), Some(0.5)]);
        assert_eq!(ranked(&scores, true), [3, 4, 1]);
        assert_eq!(ranked(&scores, false), [1, 3, 4]);
        assert_eq!(ranked(&tried(&[None, Some(f64::INFINITY)]), true), [0; 0]);
    }

    #[test]
    fn failures_are_counted_by_kind() {
        let mut all = tried(&[Some(0.1), None, Some(f64::NAN)]);
        all[1].outcome = Outcome::Timeout;
        assert_eq!(
            failures(&all),
            "2 of 3 failed: 1 without a finite score, 1 timeout"
        );
        assert_eq!(failures(&all[..1]), "all 1 came to their end");
    }
}
