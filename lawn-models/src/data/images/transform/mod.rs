//! From images of any size to those of one size that a network is given.

mod config;
mod crop;
mod filter;
mod kernels;
mod resize;
mod scratch;
mod taps;
#[cfg(test)]
mod tests;
mod view;

pub use config::{Normalization, TransformConfig};
pub use filter::Interpolation;
pub(crate) use scratch::Scratch;
pub(crate) use view::Transform;

use super::image::{Image, Region};

/// An image whose shorter side is `side` at most.
pub(crate) fn shrunk(image: Image, side: usize) -> Image {
    let size = [image.height, image.width];
    if size[0].min(size[1]) <= side {
        return image;
    }
    let size = crop::resized(size, side);
    resize::resized(&image, size, Region::whole(size), Interpolation::Bilinear)
}
