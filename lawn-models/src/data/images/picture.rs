//! One image before it is decoded.

use super::decode::{Encoded, Fault};
use super::image::{CHANNELS, Image, Region};

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

    /// A part of it.
    pub(crate) fn region(&self, region: Region) -> Result<Image, Fault> {
        match self {
            Self::Encoded(file) => file.region(region),
            Self::Raw([_, width], bytes) => {
                let row = |y: usize| {
                    let start = (y * width + region.left) * CHANNELS;
                    &bytes[start..][..region.width * CHANNELS]
                };
                let rows = region.top..region.top + region.height;
                Ok(Image {
                    height: region.height,
                    width: region.width,
                    bytes: rows.flat_map(row).copied().collect(),
                })
            }
        }
    }
}
