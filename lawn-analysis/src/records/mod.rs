//! The records of a run: four tables, typed, versioned, as Parquet.
//!
//! A folder of records holds `trials.parquet`, `epochs.parquet`, `units.parquet` and
//! `measurements.parquet`. Each file carries the name and the schema version of its table in its
//! metadata, and a checksum that other readers ignore. Files are replaced atomically: a reader sees
//! the old file or the new one, never a part.

mod decode;
mod results;
mod rows;
mod run;
mod seal;
mod table;
mod words;

pub use results::{
    Direction, Layout, Pattern, RESULT_COLUMNS, Results, ResultsFile, ResultsOptions, WideColumns,
};
pub use rows::{EpochRow, MeasurementRow, TrialRow, UnitRow};
pub use run::Records;
pub(crate) use table::write_atomically;
pub use table::{Misfit, SCHEMA_VERSION, Table};
pub use words::{BudgetUnit, Outcome, Phase, Split, Stage};

pub use crate::word::Word;
