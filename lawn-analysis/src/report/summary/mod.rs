//! The summary.

mod compared;
mod means;
mod screen;
mod whole;

pub(super) use whole::summary;
