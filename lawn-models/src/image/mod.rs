//! Image classification: folders, procedural images, augmentation, ResNet.

mod augment;
mod batch_norm;
mod floors;
mod folder;
mod pixels;
mod procedural;
mod resnet;
mod source;
mod split;
mod task;

pub(crate) use floors::floors;
pub(crate) use source::{Source, describe, make};
pub(crate) use task::ImageTask;
