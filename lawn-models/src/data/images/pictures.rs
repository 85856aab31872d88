//! Images of any size, where they lie.

use std::fs::File;
use std::io::Read;

use super::decode::{Encoded, Fault};
use super::folder::Listing;
use super::image::Image;
use super::pack::Pack;
use super::picture::Picture;
use super::raw::RawImages;
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
    InMemory(RawImages),
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

    pub(crate) fn of_raw(images: RawImages) -> Self {
        Self {
            classes: images.classes.clone(),
            labels: images.labels.clone(),
            store: Store::InMemory(images),
            exif: false,
        }
    }

    /// The images, where they are in memory already.
    pub(crate) fn into_raw(self) -> Result<RawImages, Box<Self>> {
        match self.store {
            Store::InMemory(images) => Ok(images),
            store => Err(Box::new(Self { store, ..self })),
        }
    }

    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Does `work` on one of them. A file is read to `memory`.
    ///
    /// # Errors
    /// [`DataError`] naming the file that cannot be read.
    pub(crate) fn with<R>(
        &self,
        index: usize,
        memory: &mut Vec<u8>,
        work: impl FnOnce(&Picture<'_>) -> Result<R, Fault>,
    ) -> Result<R, DataError> {
        match &self.store {
            Store::Files(listing) => {
                let path = listing.path(index);
                memory.clear();
                File::open(&path)
                    .and_then(|mut file| file.read_to_end(memory))
                    .map_err(DataError::read(&path))?;
                Encoded::open(memory, self.exif)
                    .and_then(|file| work(&Picture::Encoded(file)))
                    .map_err(|fault| fault.in_file(&path))
            }
            Store::Packed(pack) => pack
                .picture(index, self.exif)
                .and_then(|picture| work(&picture))
                .map_err(|fault| fault.in_file(&pack.path(index))),
            Store::InMemory(images) => {
                let size = [images.height, images.width];
                work(&Picture::Raw(size, images.of(index)))
                    .map_err(|fault| fault.in_file(&self.path(index)))
            }
        }
    }

    /// All of one image.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub(crate) fn decode(&self, index: usize) -> Result<Image, DataError> {
        self.with(index, &mut Vec::new(), |picture| picture.decode())
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
