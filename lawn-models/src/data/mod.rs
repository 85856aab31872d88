//! Data sets, and the loader that brings them to a device. This room knows no model.
//!
//! A folder a format, each with its files and with what is generated in its place.

pub(crate) mod by_number;
pub(crate) mod checked;
pub(crate) mod clicks;
mod counted;
mod dataset;
mod error;
mod filled;
pub(crate) mod images;
pub(crate) mod lines;
mod loader;
mod parts;
pub(crate) mod ratings;
mod text;

pub(crate) use dataset::GENERATED;
pub use dataset::{Batch, Dataset};
pub use error::DataError;
pub use loader::{Loader, Request};
