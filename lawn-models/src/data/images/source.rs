//! Where the images of a task come from.

use std::path::{Path, PathBuf};

use super::folder;
use super::generated::{self, GeneratedImages, Set};
use super::pixels::Images;
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::trial::TestPermit;

/// A folder, or a generator that stands for one.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Generated(GeneratedImages),
    Folder(PathBuf),
}

impl Source {
    /// The source that a configuration names.
    ///
    /// # Errors
    /// [`DataError::NoRoot`] and [`DataError::NotFound`].
    pub(crate) fn of(
        data: &str,
        sizes: Option<&GeneratedImages>,
        root: Option<&Path>,
    ) -> Result<Self, DataError> {
        if data == GENERATED {
            return Ok(Self::Generated(sizes.cloned().unwrap_or_default()));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: data.to_owned(),
        })?;
        // The root may be the data set's own folder, as for rating files.
        let own = root.file_name().is_some_and(|name| name == data);
        let places = [Some(root.join(data)), own.then(|| root.to_owned())];
        places
            .into_iter()
            .flatten()
            .find(|folder| folder.join("train").is_dir())
            .map(Self::Folder)
            .ok_or_else(|| DataError::NotFound {
                name: data.to_owned(),
                root: root.to_owned(),
                expected: format!("{data}/train/CLASS/NAME.jpg and {data}/test/CLASS/NAME.jpg"),
            })
    }

    /// The files that training reads; none where the data are generated.
    pub(crate) fn train_files(&self) -> Result<Vec<PathBuf>, DataError> {
        let Self::Folder(folder) = self else {
            return Ok(Vec::new());
        };
        Ok(paths(folder::list(&folder.join("train"), None)?))
    }

    /// The files of the test split; none where the data are generated.
    pub(crate) fn test_files(&self) -> Result<Vec<PathBuf>, DataError> {
        let Self::Folder(folder) = self else {
            return Ok(Vec::new());
        };
        let train = folder::list(&folder.join("train"), None)?;
        let test = folder::list(&folder.join("test"), Some(&train.classes))?;
        Ok(paths(test))
    }

    /// The train images, those to be held out for validation included. They are decoded
    /// into memory where they take `room` bytes at most.
    pub(crate) fn train(&self, room: u64, threads: usize) -> Result<Images, DataError> {
        match self {
            Self::Generated(config) => Ok(generated::draw(config, Set::Train)),
            Self::Folder(folder) => {
                let listing = folder::list(&folder.join("train"), None)?;
                folder::open(listing, room, threads)
            }
        }
    }

    /// The test images.
    pub(crate) fn test(
        &self,
        _permit: &TestPermit,
        train: &Images,
        room: u64,
        threads: usize,
    ) -> Result<Images, DataError> {
        let folder = match self {
            Self::Generated(config) => return Ok(generated::draw(config, Set::Test)),
            Self::Folder(folder) => folder.join("test"),
        };
        let listing = folder::list(&folder, Some(&train.classes))?;
        let images = folder::open(listing, room, threads)?;
        if (images.height, images.width) != (train.height, train.width) {
            let found = format!("{} × {} pixels", images.width, images.height);
            let expected = format!("{} × {}, as in train", train.width, train.height);
            return Err(DataError::unusable(&folder, found, expected));
        }
        Ok(images)
    }
}

/// The files of a listing.
fn paths(listing: folder::Listing) -> Vec<PathBuf> {
    listing.files.into_iter().map(|(path, _)| path).collect()
}
