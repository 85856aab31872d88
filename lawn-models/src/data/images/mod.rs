//! Images by class: folders of JPEG files, or generated ones.

mod augment;
mod dataset;
mod decode;
mod encode;
mod folder;
mod generated;
mod image;
mod pixels;
mod source;
mod split;

pub(crate) use dataset::{PlainImages, TrainImages};
pub use decode::{Fault as ImageFault, decode_image};
pub(crate) use folder::describe;
pub use generated::GeneratedImages;
pub(crate) use generated::write;
pub use image::Image;
pub(crate) use pixels::{Images, Statistics};
pub(crate) use source::Source;
pub(crate) use split::Split;
