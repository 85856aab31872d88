//! Results made elsewhere: one CSV or Parquet file, one row a trial.

mod counts;
mod csv;
mod direction;
mod kind;
mod missing;
mod numerals;
mod pages;
mod parquet;
mod quotients;
mod read;
mod singles;
mod texts;

pub use direction::Direction;
pub use read::{RESULT_COLUMNS, Results, ResultsOptions};
