//! One image in memory.

/// Bytes a pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// An image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// `[height, width, 3]`: red, green, blue, 0 to 255, rows from the top.
    pub bytes: Vec<u8>,
}

/// A part of an image, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Region {
    /// All of an image.
    pub(crate) fn whole([height, width]: [usize; 2]) -> Self {
        Self {
            left: 0,
            top: 0,
            width,
            height,
        }
    }
}

impl Image {
    /// A part of it.
    pub(crate) fn cut(&self, region: Region) -> Self {
        let mut bytes = Vec::with_capacity(region.height * region.width * CHANNELS);
        for y in region.top..region.top + region.height {
            let start = (y * self.width + region.left) * CHANNELS;
            bytes.extend_from_slice(&self.bytes[start..][..region.width * CHANNELS]);
        }
        Self {
            height: region.height,
            width: region.width,
            bytes,
        }
    }

    /// The image that shows at `(y, x)` what `from` gives a place of here.
    pub(crate) fn placed(
        &self,
        [height, width]: [usize; 2],
        from: impl Fn(usize, usize) -> [usize; 2],
    ) -> Self {
        let mut bytes = Vec::with_capacity(height * width * CHANNELS);
        for y in 0..height {
            for x in 0..width {
                let [from_y, from_x] = from(y, x);
                let start = (from_y * self.width + from_x) * CHANNELS;
                bytes.extend_from_slice(&self.bytes[start..][..CHANNELS]);
            }
        }
        Self {
            height,
            width,
            bytes,
        }
    }
}
