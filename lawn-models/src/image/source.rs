//! Where the images of a task come from.

use std::path::{Path, PathBuf};

use jpeg_encoder::{ColorType, Encoder};

use super::folder;
use super::pixels::Images;
use super::procedural::{self, Set};
use crate::DataError;
use crate::catalog::{DataSet, DataSetKind};
use crate::config::{ImageConfig, ProceduralConfig};
use crate::trainer::TestPermit;

/// JPEG quality of written images: high, as the noise is part of the task.
const QUALITY: u8 = 95;

/// A folder, or a generator that stands for one.
#[derive(Debug)]
pub(crate) enum Source {
    Procedural(ProceduralConfig),
    Folder(PathBuf),
}

impl Source {
    /// The source that a configuration names.
    pub(crate) fn of(config: &ImageConfig, root: Option<&Path>) -> Result<Self, DataError> {
        if config.data == ImageConfig::PROCEDURAL {
            let sizes = config.procedural.clone().unwrap_or_default();
            return Ok(Self::Procedural(sizes));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: config.data.clone(),
        })?;
        // The root may be the data set's own folder, as for rating files.
        let own = root.file_name().is_some_and(|name| *name == *config.data);
        let places = [Some(root.join(&config.data)), own.then(|| root.to_owned())];
        places
            .into_iter()
            .flatten()
            .find(|folder| folder.join("train").is_dir())
            .map(Self::Folder)
            .ok_or_else(|| DataError::NotFound {
                name: config.data.clone(),
                root: root.to_owned(),
                expected: format!(
                    "{0}/train/CLASS/NAME.jpg and {0}/test/CLASS/NAME.jpg",
                    config.data
                ),
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

    /// The train images, those to be held out for validation included.
    pub(crate) fn train(&self) -> Result<Images, DataError> {
        match self {
            Self::Procedural(config) => Ok(procedural::draw(config, Set::Train)),
            Self::Folder(folder) => folder::decode(&folder::list(&folder.join("train"), None)?),
        }
    }

    /// The test images.
    pub(crate) fn test(&self, _permit: &TestPermit, train: &Images) -> Result<Images, DataError> {
        let folder = match self {
            Self::Procedural(config) => return Ok(procedural::draw(config, Set::Test)),
            Self::Folder(folder) => folder.join("test"),
        };
        let images = folder::decode(&folder::list(&folder, Some(&train.classes))?)?;
        if (images.height, images.width) != (train.height, train.width) {
            let found = format!("{} × {} pixels", images.width, images.height);
            let expected = format!("{} × {}, as in train", train.width, train.height);
            return Err(DataError::unusable(&folder, found, expected));
        }
        Ok(images)
    }
}

/// Finds the image folder at a place under the data root, if it is one, and
/// counts it.
pub(crate) fn describe(folder: &Path) -> Option<Result<DataSet, DataError>> {
    let name = folder.file_name()?.to_str()?;
    let there = folder.join("train").is_dir() && folder.join("test").is_dir();
    there.then(|| {
        let train = folder::list(&folder.join("train"), None)?;
        let test = folder::list(&folder.join("test"), Some(&train.classes))?;
        Ok(DataSet {
            name: name.to_owned(),
            kind: DataSetKind::Image,
            path: folder.to_owned(),
            counts: vec![
                ("classes".to_owned(), train.classes.len() as u64),
                ("train images".to_owned(), train.files.len() as u64),
                ("test images".to_owned(), test.files.len() as u64),
            ],
        })
    })
}

/// Writes generated images as `folder/SPLIT/CLASS/NUMBER.jpg`.
pub(crate) fn make(config: &ProceduralConfig, folder: &Path) -> Result<(), DataError> {
    for (split, set) in [("train", Set::Train), ("test", Set::Test)] {
        let images = procedural::draw(config, set);
        for class in &images.classes {
            let folder = folder.join(split).join(class);
            std::fs::create_dir_all(&folder).map_err(DataError::write(&folder))?;
        }
        for (index, &label) in images.labels.iter().enumerate() {
            let class = &images.classes[label as usize];
            let path = folder
                .join(split)
                .join(class)
                .join(format!("{index:06}.jpg"));
            let mut file = Vec::new();
            let (width, height) = (images.width as u16, images.height as u16);
            Encoder::new(&mut file, QUALITY)
                .encode(images.of(index), width, height, ColorType::Rgb)
                .map_err(|error| DataError::Image {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
            std::fs::write(&path, file).map_err(DataError::write(&path))?;
        }
    }
    Ok(())
}

/// The files of a listing.
fn paths(listing: folder::Listing) -> Vec<PathBuf> {
    listing.files.into_iter().map(|(path, _)| path).collect()
}
