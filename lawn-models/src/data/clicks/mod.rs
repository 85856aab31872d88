//! Clicks: rows of numbers and categories, each with whether it was clicked, in text files of
//! Criteo and Avazu or generated.

mod cache;
mod check;
mod dataset;
mod encode;
mod files;
mod generated;
mod hash;
mod order;
mod rows;
mod selection;
mod shape;
mod source;
mod split;
mod survey;
mod table;
mod write;

pub(crate) use check::check;
pub(crate) use dataset::TrainClicks;
pub use encode::{BadLines, ClickEncoding, ClickFormat};
pub use generated::GeneratedClicks;
pub(crate) use generated::Teacher;
pub use order::ClickOrder;
pub(crate) use rows::Rows;
pub(crate) use shape::ClickShape;
pub(crate) use source::{ClickSource, describe};
pub use split::ClickSplit;
pub(crate) use split::{Clicks, SplitRule};
pub(crate) use table::Row;
pub(crate) use write::write;
