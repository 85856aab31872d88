//! A file of results read to trials.

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

/// The columns of results, as [`Results::read`] documents them, for a terminal.
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
hyperparameters, setting   JSON object as text, and its number: shown as tuning
trial_id                   text, unique                                  [default: line-N]
budget_unit, budget_amount epochs, steps or samples, and how many: named in the summary
epochs, steps, samples, seconds_train, seconds_total, samples_per_second, detail: shown where given";

/// Results that were not recorded by this project.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The trials; there are no epochs, units and measurements.
    pub records: Records,
    /// Columns of the file that are none of ours, in its order. They were not read.
    pub ignored: Vec<String>,
    /// Whether the file says which direction of the metric is better.
    pub directed: bool,
    /// What was done to the numbers, in sentences that a report must show.
    pub notes: Vec<String>,
}

/// What the file of results does not say itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultsOptions {
    /// Which direction of a metric is better. A column `higher_is_better` says it instead.
    pub directions: Vec<Direction>,
    /// How trials ended that are said to have ended well and have no number in a column that
    /// decides. Without it, or with `ok`, they are refused.
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
    /// Any other column of `trials.parquet` is read where it is there; what is none of these is
    /// not looked at. A file that begins as Parquet does is read as such, any other as CSV with a
    /// header. Both accept the same: a number of a Parquet file is read as the shortest decimal
    /// that denotes it, of whatever type it is. Spaces around a cell do not count.
    ///
    /// A metric that was a 32-bit float before it was written with 64 bits is read as the shortest
    /// decimal of the former, so that equal differences tie: 0.9345999956130981 as 0.9346. A
    /// metric that is the ratio of its counts, rounded, is read as that ratio, and so are rounded
    /// numbers of a task that all fit one total, where they would not by chance.
    ///
    /// A file of any content is read or refused, with one exception: the sizes that a Parquet file
    /// gives its pages are compared with those of its footer before they are decoded, and where
    /// both are made to agree on more than the memory there is, the process ends.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::Csv`], [`Error::Parquet`] and
    /// [`Error::OtherFormat`] for one that is no table, [`Error::NoRows`] for an empty one;
    /// [`Error::MissingResult`] for a column that must be there, [`Error::RepeatedColumn`] for one
    /// that is there twice, [`Error::WrongType`] for one that is neither text nor numbers.
    /// [`Error::Cell`] names line, column, value and what is allowed; [`Error::MissingNumber`]
    /// trials that ended well without a metric; [`Error::NoDirection`] a loss of which nothing
    /// says that less is better; [`Error::RepeatedTrial`] two trials of one id.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &ResultsOptions::default())
    }

    /// Reads results as [`Results::read`] does, with what the file does not say itself.
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

/// What stands for no number in a column that may have none.
const NO_NUMBER: [&str; 6] = ["NA", "N/A", "<NA>", "null", "None", "none"];

/// The text of a cell as it counts: no value for what is no finite number where there may be none,
/// and the default where a cell of no consequence is empty.
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

/// The text of an absent column in every row.
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
