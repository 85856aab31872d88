//! Results made elsewhere: one CSV or Parquet file, one row a trial.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetReader, PlSmallStr, Scalar, SerReader};
use polars_buffer::Buffer;

use super::Records;
use super::decode::guarded;
use super::pages;
use super::rows::TrialRow;
use super::table::Table;
use crate::error::Error;

/// Columns without which results say nothing.
const REQUIRED: [&str; 5] = ["task", "arm", "batch_size", "seed", "test_metric"];

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
higher_is_better           true or false                                 [default: true]
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
    /// Columns of the file that are none of ours, in its order.
    pub ignored: Vec<String>,
    /// Whether the file says which direction of the metric is better.
    pub directed: bool,
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
    /// | `higher_is_better` | `true` or `false` | `true` |
    /// | `outcome` | `ok`, `diverged`, `out-of-memory`, `timeout`, `crashed`, `preempted` | `ok` |
    /// | `stage` | `tune` or `confirm` | `confirm` |
    /// | `trial_id` | text | `line-N` in a CSV, `row-N` in a Parquet file |
    ///
    /// Any other column of `trials.parquet` is read where it is there. A name ending in `.parquet`
    /// is read as Parquet, any other as CSV with a header; spaces around a cell do not count.
    ///
    /// A file of any content is read or refused, with one exception: the sizes that a Parquet file
    /// gives its pages are compared with those of its footer before they are decoded, and where
    /// both are made to agree on more than the memory there is, the process ends.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::Csv`] and [`Error::Parquet`] for one
    /// that is no table, [`Error::NoRows`] for an empty one; [`Error::MissingResult`] for a column
    /// that must be there. In a CSV, [`Error::Cell`] names line, column, value and what is allowed;
    /// in a Parquet file, [`Error::WrongType`], [`Error::Null`] and [`Error::UnknownWord`] do.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let parquet = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        let (columns, trials) = if parquet {
            from_parquet(path)?
        } else {
            from_csv(path)?
        };
        if trials.is_empty() {
            return Err(Error::NoRows {
                path: path.to_owned(),
            });
        }
        let ours = |name: &String| TrialRow::COLUMNS.iter().any(|(ours, _)| ours == name);
        Ok(Self {
            records: Records {
                trials,
                ..Records::default()
            },
            directed: place_of(&columns, "higher_is_better").is_some(),
            ignored: columns.into_iter().filter(|name| !ours(name)).collect(),
        })
    }
}

/// The columns that must be there are, and none is named twice.
fn check_names(path: &Path, columns: &[String]) -> Result<(), Error> {
    let path = || path.to_owned();
    let twice = (0..columns.len()).find(|index| columns[..*index].contains(&columns[*index]));
    if let Some(index) = twice {
        return Err(Error::RepeatedColumn {
            path: path(),
            column: columns[index].clone(),
        });
    }
    match REQUIRED
        .iter()
        .find(|name| place_of(columns, name).is_none())
    {
        Some(column) => Err(Error::MissingResult {
            path: path(),
            column: (*column).to_owned(),
            required: REQUIRED.join(", "),
            found: columns.join(", "),
        }),
        None => Ok(()),
    }
}

fn from_csv(path: &Path) -> Result<(Vec<String>, Vec<TrialRow>), Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut text = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut text))
        .map_err(io)?;
    let mut rows = super::csv::rows(&text).into_iter();
    let header = rows.next().unwrap_or_default();
    let malformed = |line, why| Error::Csv {
        path: path.to_owned(),
        line,
        why,
    };
    let cells = |row: super::csv::Row| {
        let line = row.line;
        row.cells().map_err(|why| malformed(line, why))
    };
    let columns = cells(header)?;
    check_names(path, &columns)?;
    let mut trials = Vec::new();
    for row in rows {
        let line = row.line;
        let cells = cells(row)?;
        if cells.len() != columns.len() {
            let (found, expected) = (cells.len(), columns.len());
            let why = format!("{found} cells under a header of {expected}");
            return Err(malformed(line, why));
        }
        let id = format!("line-{line}");
        let text = |name: &str| match place_of(&columns, name) {
            Some(place) => cells[place].as_str(),
            None if name == "trial_id" => id.as_str(),
            None => default_of(name),
        };
        let trial = TrialRow::from_texts(text).map_err(|misfit| Error::Cell {
            path: path.to_owned(),
            line,
            column: misfit.column.to_owned(),
            value: misfit.text.to_owned(),
            allowed: misfit.allowed,
        })?;
        trials.push(trial);
    }
    Ok((columns, trials))
}

fn from_parquet(path: &Path) -> Result<(Vec<String>, Vec<TrialRow>), Error> {
    let bytes = fs::read(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    let bytes = Buffer::from(bytes);
    let mut frame = guarded(path, || {
        pages::check(&bytes)?;
        ParquetReader::new(std::io::Cursor::new(bytes)).finish()
    })?;
    let names = frame.get_column_names();
    let columns: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    check_names(path, &columns)?;
    for (name, kind) in TrialRow::COLUMNS {
        if place_of(&columns, name).is_none() {
            let column = default_column(name, kind, &frame);
            guarded(path, || frame.with_column(column).map(|_| ()))?;
        }
    }
    let mut trials = TrialRow::from_frame(&frame, path)?;
    if place_of(&columns, "trial_id").is_none() {
        for (index, trial) in trials.iter_mut().enumerate() {
            trial.trial_id = format!("row-{}", index + 1);
        }
    }
    Ok((columns, trials))
}

fn place_of(columns: &[String], name: &str) -> Option<usize> {
    columns.iter().position(|column| column == name)
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
        "trial_id" => "-",
        "setting" | "epochs" | "steps" | "samples" => "0",
        "seconds_train" | "seconds_data" | "seconds_evaluate" | "seconds_total" => "0",
        _ => "",
    }
}

/// An absent column of the type that the schema names.
fn default_column(name: &str, kind: &str, frame: &DataFrame) -> Column {
    let text = default_of(name);
    let height = frame.height();
    let name = PlSmallStr::from(name);
    if text.is_empty() {
        return Column::full_null(name, height, &polars::prelude::DataType::Null);
    }
    let scalar = match kind {
        "an integer" => Scalar::from(0_i64),
        "a number" => Scalar::from(0.0_f64),
        "true or false" => Scalar::from(true),
        _ => Scalar::from(PlSmallStr::from(text)),
    };
    Column::new_scalar(name, scalar, height)
}
