//! What can be had without learning anything: the floors that a metric is read against.

pub(crate) mod accuracy;
mod chance;
pub(crate) mod clicks;
mod floor;
mod logistic;
pub(crate) mod ranking;

pub use floor::Floor;
