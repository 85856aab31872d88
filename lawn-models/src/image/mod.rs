//! Image classification: folders, procedural images, augmentation, ResNet.

mod augment;
mod batch_norm;
mod folder;
mod pixels;
mod procedural;
mod resnet;
mod source;
mod split;
mod task;

pub(crate) use source::{describe, make};
pub(crate) use task::ImageTask;
