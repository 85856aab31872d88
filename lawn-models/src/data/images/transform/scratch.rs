//! Memory that is used again for image after image.

use crate::data::images::image::Image;

/// Memory that is used again for image after image.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The image that was made last.
    pub(crate) shown: Image,
    /// Decoded pixels of which it is made.
    pub(super) decoded: Vec<u8>,
    /// Those resized in x alone.
    pub(super) rows: Vec<u8>,
}
