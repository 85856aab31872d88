//! Results made elsewhere: one CSV or Parquet file, one row a trial.

use std::fs;
use std::path::Path;

use polars::prelude::{
    Column, CsvReadOptions, DataFrame, DataType, ParquetReader, Scalar, SerReader,
};

use super::Records;
use super::rows::TrialRow;
use super::table::Table;
use crate::error::Error;

/// Columns without which results say nothing.
const REQUIRED: [&str; 5] = ["task", "arm", "batch_size", "seed", "test_metric"];

impl Records {
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
    /// | `train_metric`, `validation_metric`, `train_loss` | numbers | no gap, no tuning, no loss |
    /// | `test_count`, `test_total` | integers: the metric is their ratio | ties by decimals |
    /// | `metric` | text | `metric` |
    /// | `higher_is_better` | `true` or `false` | `true` |
    /// | `outcome` | `ok`, `diverged`, `out-of-memory`, `timeout`, `crashed`, `preempted` | `ok` |
    /// | `stage` | `tune` or `confirm` | `confirm` |
    ///
    /// Any other column of `trials.parquet` is read where it is there. A name ending in `.parquet`
    /// is read as Parquet, any other as CSV with a header.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::Csv`] and [`Error::Parquet`] for one
    /// that is no table; [`Error::MissingColumn`], [`Error::WrongType`], [`Error::Null`] and
    /// [`Error::UnknownWord`] for a column that is not as above.
    pub fn from_results(path: &Path) -> Result<Self, Error> {
        let mut frame = read(path)?;
        for column in REQUIRED {
            if frame.column(column).is_err() {
                return Err(Error::MissingColumn {
                    path: path.to_owned(),
                    column: column.to_owned(),
                });
            }
        }
        let height = frame.height();
        let without_ids = frame.column("trial_id").is_err();
        for (name, _) in TrialRow::COLUMNS {
            if frame.column(name).is_err() {
                let column = Column::new_scalar((*name).into(), default_of(name), height);
                frame
                    .with_column(column)
                    .map_err(|source| unreadable(path, source))?;
            }
        }
        let mut trials = TrialRow::from_frame(&frame, path)?;
        if without_ids {
            for (index, trial) in trials.iter_mut().enumerate() {
                trial.trial_id = format!("row-{}", index + 1);
            }
        }
        Ok(Self {
            trials,
            ..Self::default()
        })
    }
}

fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

fn unreadable(path: &Path, source: polars::error::PolarsError) -> Error {
    let path = path.to_owned();
    if is_parquet(&path) {
        Error::Parquet { path, source }
    } else {
        Error::Csv { path, source }
    }
}

fn read(path: &Path) -> Result<DataFrame, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    let bytes = std::io::Cursor::new(bytes);
    let frame = if is_parquet(path) {
        ParquetReader::new(bytes).finish()
    } else {
        // The type of a column may only show in its last row.
        let options = CsvReadOptions::default()
            .with_has_header(true)
            .with_infer_schema_length(None);
        options.into_reader_with_file_handle(bytes).finish()
    };
    frame.map_err(|source| unreadable(path, source))
}

/// The value of an absent column in every row.
fn default_of(column: &str) -> Scalar {
    let text = |text: &str| Scalar::from(polars::prelude::PlSmallStr::from(text));
    match column {
        "sweep" => text("results"),
        "metric" => text("metric"),
        "outcome" => text("ok"),
        "stage" => text("confirm"),
        "hyperparameters" => text("{}"),
        "trial_id" => text(""),
        "detail" => Scalar::null(DataType::String),
        "higher_is_better" => Scalar::from(true),
        "setting" | "steps" | "samples" => Scalar::from(0_i64),
        "test_count" | "test_total" => Scalar::null(DataType::Int64),
        "epochs" | "seconds_train" | "seconds_data" | "seconds_evaluate" | "seconds_total" => {
            Scalar::from(0.0_f64)
        }
        _ => Scalar::null(DataType::Float64),
    }
}
