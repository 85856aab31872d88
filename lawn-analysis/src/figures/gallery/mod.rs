//! The figures of a report: which ones there are, and their captions.

mod across;
mod course;
mod parts;
mod results;
mod split;
mod subject;
mod task;
mod words;

pub(crate) use across::{AcrossTasks, of_all_tasks};
pub(crate) use task::of_task;
