//! Clicks drawn from a model that is known, so that the best log-loss is known too.

mod draws;
mod rows;
mod sizes;
mod teacher;

pub(super) use rows::{each_row, table};
pub use sizes::GeneratedClicks;
pub(super) use sizes::{MOST_COLUMNS, MOST_DENSE};
pub(crate) use teacher::Teacher;
