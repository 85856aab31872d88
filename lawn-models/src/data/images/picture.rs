//! One image before it is decoded.

use super::decode::{Encoded, Fault};
use super::image::{Image, PixelRows, Region};

/// One image as it lies.
pub(crate) enum Picture<'a> {
    Encoded(Encoded<'a>),
    /// Of a size, and `[height, width, 3]`.
    Raw([usize; 2], &'a [u8]),
}

impl Picture<'_> {
    /// Height and width.
    pub(crate) fn size(&self) -> [usize; 2] {
        match self {
            Self::Encoded(file) => file.size(),
            Self::Raw(size, _) => *size,
        }
    }

    pub(crate) fn decode(&self) -> Result<Image, Fault> {
        match self {
            Self::Encoded(file) => file.decode(),
            Self::Raw([height, width], bytes) => Ok(Image {
                height: *height,
                width: *width,
                bytes: bytes.to_vec(),
            }),
        }
    }

    /// Its pixels, where they lie or decoded to `to`.
    pub(crate) fn whole<'p>(&'p self, to: &'p mut Vec<u8>) -> Result<PixelRows<'p>, Fault> {
        match self {
            Self::Encoded(file) => file.whole(to),
            Self::Raw(size, bytes) => Ok(PixelRows::packed(bytes, *size)),
        }
    }

    /// Eighths of its size that it may be decoded to, so that a part of `[height, width]` still
    /// has `side` pixels in each direction.
    pub(crate) fn eighths(&self, part: [usize; 2], side: usize) -> u32 {
        match self {
            Self::Encoded(file) if file.is_reducible() => [1, 2, 4]
                .into_iter()
                .find(|&eighths| part.iter().all(|&own| own * eighths as usize >= side * 8))
                .unwrap_or(8),
            _ => 8,
        }
    }

    /// The pixels of a part of it, where they lie or decoded to `to`: in pixels of the size that
    /// has so many eighths of its own.
    pub(crate) fn part<'p>(
        &'p self,
        region: Region,
        eighths: u32,
        to: &'p mut Vec<u8>,
    ) -> Result<PixelRows<'p>, Fault> {
        match self {
            Self::Encoded(file) => file.part(region, eighths, to),
            Self::Raw(size, bytes) => Ok(PixelRows::packed(bytes, *size).part(region)),
        }
    }
}
