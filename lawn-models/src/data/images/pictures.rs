//! Images of any size, where they lie.

use super::decode::{Encoded, Fault};
use super::folder::Listing;
use super::image::{CHANNELS, Image, Region};
use super::pack::Pack;
use super::pixels::Images;
use crate::data::error::DataError;

/// Images of any size with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pictures {
    pub(crate) classes: Vec<String>,
    /// `[N]`, indices into `classes`.
    pub(crate) labels: Vec<u32>,
    store: Store,
    /// Whether images are turned as their EXIF tags say.
    exif: bool,
}

/// Where images lie.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Store {
    Files(Listing),
    Packed(Pack),
    InMemory(Images),
}

/// One image before it is decoded.
pub(crate) enum Picture<'a> {
    Encoded(Encoded<'a>),
    /// Of a size, and `[height, width, 3]`.
    Raw([usize; 2], &'a [u8]),
}

impl Pictures {
    pub(crate) fn of_files(listing: Listing, exif: bool) -> Self {
        Self {
            classes: listing.classes.clone(),
            labels: listing.labels.clone(),
            store: Store::Files(listing),
            exif,
        }
    }

    pub(crate) fn of_pack(pack: Pack, exif: bool) -> Self {
        Self {
            classes: pack.classes().to_vec(),
            labels: pack.labels(),
            store: Store::Packed(pack),
            exif,
        }
    }

    pub(crate) fn of_images(images: Images) -> Self {
        Self {
            classes: images.classes.clone(),
            labels: images.labels.clone(),
            store: Store::InMemory(images),
            exif: false,
        }
    }

    /// The images, where they are in memory already.
    pub(crate) fn into_images(self) -> Result<Images, Box<Self>> {
        match self.store {
            Store::InMemory(images) => Ok(images),
            store => Err(Box::new(Self { store, ..self })),
        }
    }

    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Does `work` on one of them.
    ///
    /// # Errors
    /// [`DataError`] naming the file that cannot be read.
    pub(crate) fn with<R>(
        &self,
        index: usize,
        work: impl FnOnce(&Picture<'_>) -> Result<R, Fault>,
    ) -> Result<R, DataError> {
        match &self.store {
            Store::Files(listing) => {
                let path = listing.path(index);
                let bytes = std::fs::read(&path).map_err(DataError::read(&path))?;
                Encoded::open(&bytes, self.exif)
                    .and_then(|file| work(&Picture::Encoded(file)))
                    .map_err(|fault| fault.in_file(&path))
            }
            Store::Packed(pack) => pack
                .picture(index, self.exif)
                .and_then(|picture| work(&picture))
                .map_err(|fault| fault.in_file(&pack.path(index))),
            Store::InMemory(images) => {
                let bytes = images.of(index)?;
                let size = [images.height, images.width];
                work(&Picture::Raw(size, &bytes)).map_err(|fault| fault.in_file(&self.path(index)))
            }
        }
    }

    /// All of one image.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub(crate) fn decode(&self, index: usize) -> Result<Image, DataError> {
        self.with(index, |picture| picture.decode())
    }

    /// What an error calls one of them.
    pub(crate) fn path(&self, index: usize) -> std::path::PathBuf {
        match &self.store {
            Store::Files(listing) => listing.path(index),
            Store::Packed(pack) => pack.path(index),
            Store::InMemory(_) => format!("generated image {index}").into(),
        }
    }
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
