//! Results made elsewhere: files of other tools, one row a trial.

mod counts;
mod csv;
mod decimal_commas;
mod direction;
mod ended;
mod file;
mod frame;
mod gzip;
mod json;
mod kind;
mod last;
mod layout;
mod missing;
mod numerals;
mod pages;
mod parquet;
mod pattern;
mod quotients;
mod read;
mod rows;
mod separator;
mod sheet;
mod singles;
mod states;
mod strict;
mod suggestion;
mod texts;
mod units;
mod wide;

pub use direction::Direction;
pub use file::ResultsFile;
pub use layout::Layout;
pub use pattern::Pattern;
pub use read::{RESULT_COLUMNS, Results, ResultsOptions};
pub use wide::WideColumns;
