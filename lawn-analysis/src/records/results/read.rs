//! Reads a file of results to trials.

use std::fs;
use std::path::Path;

use super::direction::{self, Direction};
use super::kind::{self, Kind};
use super::texts::{Texts, type_of};
use super::{counts, missing, parquet, quotients, singles};
use crate::error::{Error, Position};
use crate::records::rows::TrialRow;
use crate::records::run::Records;
use crate::records::table::Table;
use crate::records::words::Outcome;

/// The columns that [`Results::read`] documents, as text for a terminal.
pub const RESULT_COLUMNS: &str = "\
task, arm                  text                                          required
batch_size, seed           integers                                      required
test_metric                number; empty where the trial did not end well  required
train_metric               number       without it no generalization gap
validation_metric          number       without it no best baseline is chosen
train_loss                 number       without it no figure of loss and test metric
test_count, test_total     integers: hits or errors, and cases; without them ties are those of decimals
metric                     name of the metric                            [default: metric]
higher_is_better           true or false        [default: true; --better for a loss]
outcome                    ok, diverged, out-of-memory, timeout, crashed, preempted  [default: ok]
stage                      tune or confirm                               [default: confirm]
hyperparameters, setting   JSON object as text, and its number: without them no tuning is shown
trial_id                   text, unique                                  [default: line-N]
budget_unit, budget_amount epochs, steps or samples, and how many: the summary states the budget
epochs, steps, samples, seconds_train, seconds_total, samples_per_second, detail: shown where given";

/// Results that were not recorded by this project.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The trials; there are no epochs, units and measurements.
    pub records: Records,
    /// Columns of the file that results do not have, in its order. They were not read.
    pub ignored: Vec<String>,
    /// Whether the file says which direction of the metric is better.
    pub directed: bool,
    /// What was done to the numbers, in sentences that the report must show.
    pub notes: Vec<String>,
}

/// What the file of results does not state itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultsOptions {
    /// Which direction of a metric is better. A column `higher_is_better` overrides it.
    pub directions: Vec<Direction>,
    /// The outcome of trials that are recorded as ok but lack a number on which a comparison rests.
    /// Without an outcome, or with `ok`, such trials are refused.
    pub missing_metric: Option<Outcome>,
}

impl Results {
    /// Reads results that were not recorded by this project: one row a trial.
    ///
    /// ```text
    /// task,arm,batch_size,seed,test_metric,train_metric,outcome
    /// my-task,adam,1024,1,0.651,0.702,ok
    /// my-task,adam,1024,2,,,diverged
    /// ```
    ///
    /// | column | | without it |
    /// |---|---|---|
    /// | `task`, `arm` | text | refused |
    /// | `batch_size`, `seed` | integers | refused |
    /// | `test_metric` | number, empty where the trial did not end well | refused |
    /// | `train_metric`, `validation_metric`, `train_loss` | numbers | no gap, no best baseline, no loss |
    /// | `test_count`, `test_total` | integers: the metric is their ratio | ties by decimals |
    /// | `metric` | text | `metric` |
    /// | `higher_is_better` | `true` or `false` | `true`; refused for a name such as `loss` |
    /// | `outcome` | `ok`, `diverged`, `out-of-memory`, `timeout`, `crashed`, `preempted` | `ok` |
    /// | `stage` | `tune` or `confirm` | `confirm` |
    /// | `trial_id` | text | `line-N` in a CSV, `row-N` in a Parquet file |
    ///
    /// Any other column of `trials.parquet` is read where it is present. Columns beyond these are
    /// not read. A file that begins as Parquet does is read as such, any other as CSV with a
    /// header. Both formats accept the same: a number in a Parquet file, of whatever type, is read
    /// as the shortest decimal that denotes it. Spaces around a cell are ignored.
    ///
    /// An exact test must see equal differences as ties, so three kinds of numbers are restored. A
    /// metric that was a 32-bit float before it was written with 64 bits is read as the shortest
    /// decimal of that float: 0.9345999956130981 as 0.9346. A metric that is the rounded ratio of
    /// its counts is read as that ratio. Rounded numbers of a task that all fit one total, and
    /// would not by chance, are read as quotients of it.
    ///
    /// A file of any content is read or refused, with one exception. The sizes that a Parquet file
    /// claims for its pages are compared with those of its footer before decoding. Where both agree
    /// on more than the available memory, the process ends.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::Csv`], [`Error::Parquet`] and
    /// [`Error::OtherFormat`] for one that is no table; [`Error::NoRows`] for an empty one;
    /// [`Error::MissingResult`] for a required column that is missing; [`Error::RepeatedColumn`]
    /// for one that is there twice; [`Error::WrongType`] for one that is neither text nor numbers.
    /// [`Error::Cell`] names line, column, value and what is allowed. [`Error::MissingNumber`] is
    /// for trials that ended well without a metric, [`Error::NoDirection`] for a loss without a
    /// stated direction, [`Error::RepeatedTrial`] for two trials with one id.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &ResultsOptions::default())
    }

    /// Reads results as [`Results::read`] does, with options for what the file does not state.
    ///
    /// # Errors
    /// As [`Results::read`].
    pub fn read_with(path: &Path, options: &ResultsOptions) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let mut texts = match kind::of(&bytes) {
            Kind::Parquet => parquet::read(path, bytes)?,
            Kind::Text => Texts::from_csv(path, &bytes)?,
            Kind::Other(found) => {
                return Err(Error::OtherFormat {
                    path: path.to_owned(),
                    found,
                });
            }
        };
        if texts.positions.is_empty() {
            return Err(Error::NoRows {
                path: path.to_owned(),
            });
        }
        let mut notes = singles::shorten(&mut texts);
        notes.extend(quotients::settle(&mut texts));
        let mut trials = trials(path, &texts)?;
        counts::unique(path, &trials, &texts.positions)?;
        counts::settle(path, &mut trials, &texts)?;
        let told = options.missing_metric;
        notes.extend(missing::settle(path, &mut trials, &texts.positions, told)?);
        let directed = texts.cells("higher_is_better").is_some();
        if !directed {
            direction::settle(path, &mut trials, &options.directions)?;
        }
        Ok(Self {
            records: Records {
                trials,
                ..Records::default()
            },
            ignored: texts.ignored(),
            directed,
            notes,
        })
    }
}

/// The trials that the rows denote.
fn trials(path: &Path, texts: &Texts) -> Result<Vec<TrialRow>, Error> {
    let mut trials = Vec::with_capacity(texts.positions.len());
    for (row, position) in texts.positions.iter().enumerate() {
        let id = match position {
            Position::Line(line) => format!("line-{line}"),
            Position::Row(row) => format!("row-{row}"),
        };
        let text = |name: &str| {
            let default = match name {
                "trial_id" => id.as_str(),
                _ => default_of(name),
            };
            match texts.cells(name) {
                Some(cells) => cell(name, &cells[row], default),
                None => default,
            }
        };
        let refused = |column: &str, value: &str, allowed: String| Error::Cell {
            path: path.to_owned(),
            position: *position,
            column: column.to_owned(),
            value: value.to_owned(),
            allowed,
        };
        let trial = TrialRow::from_texts(text)
            .map_err(|misfit| refused(misfit.column, misfit.text, misfit.allowed))?;
        if trial.batch_size < 1 {
            let allowed = "an integer of at least 1".to_owned();
            return Err(refused("batch_size", text("batch_size"), allowed));
        }
        trials.push(trial);
    }
    Ok(trials)
}

/// Texts that mean "no number" in a column that may have none.
const NO_NUMBER: [&str; 6] = ["NA", "N/A", "<NA>", "null", "None", "none"];

/// The text of a cell as it is parsed. In a column that may have no number, a text for a missing or
/// infinite number becomes empty. An empty cell of an optional column becomes the default.
fn cell<'a>(name: &str, text: &'a str, default: &'a str) -> &'a str {
    let is_number = |kind: &str| ["a number or no value", "an integer or no value"].contains(&kind);
    if type_of(name).is_some_and(is_number) {
        let infinite = || text.parse().is_ok_and(|number: f64| !number.is_finite());
        return if NO_NUMBER.contains(&text) || infinite() {
            ""
        } else {
            text
        };
    }
    let decides = ["metric", "outcome", "stage", "higher_is_better"].contains(&name);
    if text.is_empty() && !decides {
        default
    } else {
        text
    }
}

/// The text that stands in every row for an absent column.
fn default_of(column: &str) -> &'static str {
    match column {
        "sweep" => "results",
        "metric" => "metric",
        "outcome" => "ok",
        "stage" => "confirm",
        "hyperparameters" => "{}",
        "higher_is_better" => "true",
        "setting" | "epochs" | "steps" | "samples" => "0",
        "seconds_train" | "seconds_data" | "seconds_evaluate" | "seconds_total" => "0",
        _ => "",
    }
}
