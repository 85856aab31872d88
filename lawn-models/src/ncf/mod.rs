//! Neural collaborative filtering: data, sampling, ranking and models.

mod floors;
mod format;
mod interactions;
mod model;
mod ranking;
mod sampler;
mod source;
mod split;
mod synthetic;
mod task;

pub(crate) use floors::floors;
pub(crate) use source::{Source, describe, make};
pub(crate) use task::NcfTask;
