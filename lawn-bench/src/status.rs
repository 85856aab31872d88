//! How far a run is: what is over, how it ended, and the best so far.

use std::collections::BTreeMap;

use lawn_analysis::records::Word;
use lawn_models::Stage;
use serde::Serialize;

use crate::choices::{Choices, score};
use crate::plan::{Cell, Plan};
use crate::run_dir::RunDir;
use crate::{Error, launchers, render};

/// How far a run is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Name of the sweep.
    pub sweep: String,
    /// Whether a launcher holds the run directory now.
    pub running: bool,
    /// Trials of the plan.
    pub trials: usize,
    /// Trials with a final outcome.
    pub finished: usize,
    /// Cell by cell, in the order of the plan.
    pub cells: Vec<CellStatus>,
}

/// How far one cell is.
#[derive(Debug, Clone, Serialize)]
pub struct CellStatus {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// Tuning trials over, and all.
    pub tuned: Count,
    /// Confirmation trials over, and all.
    pub confirmed: Count,
    /// Trials by the word of their outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Best validation metric of the trials so far.
    pub best_validation: Option<f64>,
    /// Index of the setting chosen, once that is done.
    pub frozen: Option<usize>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Count {
    /// Over.
    pub done: usize,
    /// All.
    pub all: usize,
}

impl Status {
    /// Looks at the files of `run`.
    ///
    /// # Errors
    ///
    /// [`Error::NoRun`], and as [`crate::files::read_json`].
    pub fn read(run: &RunDir) -> Result<Self, Error> {
        let plan = Plan::read(run)?;
        let choices = Choices::read(run, &plan)?;
        let mut cells: Vec<CellStatus> = plan
            .cells()
            .into_iter()
            .map(|cell| CellStatus {
                frozen: choices.frozen(&cell),
                cell,
                tuned: Count::default(),
                confirmed: Count::default(),
                outcomes: BTreeMap::new(),
                best_validation: None,
            })
            .collect();
        let places: BTreeMap<Cell, usize> = cells
            .iter()
            .enumerate()
            .map(|(place, status)| (status.cell.clone(), place))
            .collect();
        let mut finished = 0;
        for trial in &plan.trials {
            let status = &mut cells[places[&trial.cell]];
            let count = match trial.stage {
                Stage::Tune => &mut status.tuned,
                Stage::Confirm => &mut status.confirmed,
            };
            count.all += 1;
            let Some(outcome) = run.trial(&trial.id).read_outcome()? else {
                continue;
            };
            *status.outcomes.entry(outcome.outcome.as_str()).or_default() += 1;
            if !outcome.is_final() {
                continue;
            }
            count.done += 1;
            finished += 1;
            let task = plan.task(&trial.cell.task);
            let found = task.zip(outcome.summary).and_then(|(task, summary)| {
                let metric = plan.metric(&trial.cell.task)?;
                Some((score(metric, &summary)?, task.metrics().higher_is_better))
            });
            if let Some((value, higher)) = found {
                let better = |best: f64| if higher { value > best } else { value < best };
                if status.best_validation.is_none_or(better) {
                    status.best_validation = Some(value);
                }
            }
        }
        Ok(Self {
            sweep: plan.sweep.name,
            running: !launchers::present(run)?.is_empty(),
            trials: plan.trials.len(),
            finished,
            cells,
        })
    }

    /// The status as a table for people.
    #[must_use]
    pub fn render(&self) -> String {
        let state = if self.running {
            "running"
        } else if self.finished == self.trials {
            "finished"
        } else {
            "not running"
        };
        let rows: Vec<Vec<String>> = self
            .cells
            .iter()
            .map(|status| {
                let outcomes: Vec<String> = status
                    .outcomes
                    .iter()
                    .map(|(word, count)| format!("{count} {word}"))
                    .collect();
                vec![
                    status.cell.task.clone(),
                    status.cell.arm.clone(),
                    status.cell.batch_size.to_string(),
                    format!("{}/{}", status.tuned.done, status.tuned.all),
                    status
                        .frozen
                        .map_or("-".into(), |setting| setting.to_string()),
                    format!("{}/{}", status.confirmed.done, status.confirmed.all),
                    status
                        .best_validation
                        .map_or("-".into(), |best| format!("{best:.4}")),
                    outcomes.join(", "),
                ]
            })
            .collect();
        let header = [
            "task",
            "arm",
            "batch size",
            "tuned",
            "frozen",
            "confirmed",
            "best validation",
            "outcomes",
        ];
        format!(
            "{}: {state}, {} of {} trials over\n\n{}",
            self.sweep,
            self.finished,
            self.trials,
            render::table(&header, &rows)
        )
    }
}
