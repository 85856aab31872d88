//! Images by class: folders of JPEG files, or generated ones.

mod augment;
mod dataset;
mod folder;
mod generated;
mod jpeg;
mod pixels;
mod source;
mod split;

pub(crate) use dataset::{PlainImages, TrainImages};
pub(crate) use folder::describe;
pub use generated::GeneratedImages;
pub(crate) use generated::write;
pub(crate) use pixels::{Images, Statistics};
pub(crate) use source::Source;
pub(crate) use split::Split;
