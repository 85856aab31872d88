//! Where the images of a task come from.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::folder::{self, Listing};
use super::generated::{self, GeneratedImages, Set};
use super::pictures::Pictures;
use super::scan::{Scan, ScanProgress, caches, scan};
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::trial::TestPermit;

/// What becomes of files that cannot be read as images.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum BadFiles {
    /// All of them are named, and nothing is trained.
    #[default]
    Fail,
    /// They are counted and left out.
    Exclude,
}

/// How a source is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) bad_files: BadFiles,
    /// Whether images are turned as their EXIF tags say.
    pub(crate) exif: bool,
    /// Bytes that a split may take in memory.
    pub(crate) room: u64,
    /// Threads that decode.
    pub(crate) threads: usize,
}

/// A folder, or a generator that stands for one.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Generated(GeneratedImages),
    Folder(PathBuf),
}

/// The splits of a source that are files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Train,
    Test,
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
            .find(|folder| folder.join(folder::TRAIN).is_dir())
            .map(Self::Folder)
            .ok_or_else(|| DataError::NotFound {
                name: data.to_owned(),
                root: root.to_owned(),
                expected: format!("{data}/train/CLASS/NAME and {data}/test/CLASS/NAME (or val)"),
            })
    }

    /// The files of a split; none where the data are generated.
    pub(crate) fn files(&self, part: Part) -> Result<Vec<PathBuf>, DataError> {
        Ok(self
            .listing(part)?
            .map_or_else(Vec::new, |listing| listing.paths().collect()))
    }

    /// A look at every file of the splits, on all processors; nothing where the data are
    /// generated.
    pub(crate) fn scan(
        &self,
        parts: &[Part],
        progress: ScanProgress<'_>,
    ) -> Result<Vec<Scan>, DataError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut scans = Vec::new();
        for &part in parts {
            if let Some(listing) = self.listing(part)? {
                scans.push(scan(&listing, caches().as_deref(), threads, progress)?);
            }
        }
        Ok(scans)
    }

    /// The train pictures, those to be held out for validation included.
    pub(crate) fn train(&self, reading: Reading) -> Result<Pictures, DataError> {
        self.pictures(Part::Train, Set::Train, reading)
    }

    /// The test pictures.
    pub(crate) fn test(
        &self,
        _permit: &TestPermit,
        reading: Reading,
    ) -> Result<Pictures, DataError> {
        self.pictures(Part::Test, Set::Test, reading)
    }

    fn pictures(&self, part: Part, set: Set, reading: Reading) -> Result<Pictures, DataError> {
        let listing = match self {
            Self::Generated(config) => {
                return Ok(Pictures::of_images(generated::draw(config, set)));
            }
            Self::Folder(folder) => list(folder, part)?,
        };
        let listing = match reading.bad_files {
            BadFiles::Fail => listing,
            // What is bad was found when the sweep was planned, and is in the cache.
            BadFiles::Exclude => {
                scan(&listing, caches().as_deref(), reading.threads, &|_, _| ())?.sound()?
            }
        };
        Ok(Pictures::of_files(listing, reading.exif))
    }

    fn listing(&self, part: Part) -> Result<Option<Listing>, DataError> {
        match self {
            Self::Generated(_) => Ok(None),
            Self::Folder(folder) => list(folder, part).map(Some),
        }
    }
}

fn list(folder: &Path, part: Part) -> Result<Listing, DataError> {
    let train = folder.join(folder::TRAIN);
    match part {
        Part::Train => folder::list(&train, None),
        Part::Test => {
            let classes = folder::classes(&train)?;
            folder::list(&folder::test_folder(folder), Some(&classes))
        }
    }
}
