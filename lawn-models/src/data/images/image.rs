//! One image in memory.

/// Bytes a pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// An image in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// Pixels where they lie: all of an image, or a part of one.
#[derive(Clone, Copy)]
pub(crate) struct PixelRows<'a> {
    /// From the first pixel of the first row to the last of the last.
    pub(crate) bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub(crate) stride: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl<'a> PixelRows<'a> {
    /// Rows without a gap between them.
    pub(crate) fn packed(bytes: &'a [u8], [height, width]: [usize; 2]) -> Self {
        Self {
            bytes,
            stride: width * CHANNELS,
            height,
            width,
        }
    }

    /// A part of them.
    pub(crate) fn part(self, region: Region) -> Self {
        let start = region.top * self.stride + region.left * CHANNELS;
        Self {
            bytes: &self.bytes[start..],
            stride: self.stride,
            height: region.height,
            width: region.width,
        }
    }

    /// The bytes of a row.
    pub(crate) fn row(self, y: usize) -> &'a [u8] {
        &self.bytes[y * self.stride..][..self.width * CHANNELS]
    }
}

#[cfg(test)]
impl PixelRows<'_> {
    /// A copy.
    pub(crate) fn to_image(self) -> Image {
        Image {
            height: self.height,
            width: self.width,
            bytes: (0..self.height)
                .flat_map(|y| self.row(y))
                .copied()
                .collect(),
        }
    }
}

impl Image {
    /// Its pixels.
    pub(crate) fn pixels(&self) -> PixelRows<'_> {
        PixelRows::packed(&self.bytes, [self.height, self.width])
    }

    /// A part of it.
    #[cfg(test)]
    pub(crate) fn cut(&self, region: Region) -> Self {
        self.pixels().part(region).to_image()
    }

    /// Turns it left to right.
    pub(crate) fn flip(&mut self) {
        for row in self.bytes.chunks_exact_mut(self.width * CHANNELS) {
            let (pixels, _) = row.as_chunks_mut::<CHANNELS>();
            pixels.reverse();
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
