//! The summary.

mod by_task;
mod compared;
mod means;
mod screen;
mod whole;

pub(super) use whole::summary;
