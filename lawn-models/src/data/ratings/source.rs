//! Where the interactions of a task come from.

use std::path::{Path, PathBuf};

use super::files::RatingFiles;
use super::generated::{self, GeneratedRatings};
use super::interactions::{Case, Rating};
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::trial::TestPermit;

/// Files, or a generator that stands for them.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Generated(GeneratedRatings),
    Files(RatingFiles),
}

impl Source {
    /// The source that a configuration names.
    ///
    /// # Errors
    /// [`DataError::NoRoot`] and [`DataError::NotFound`].
    pub(crate) fn of(
        data: &str,
        sizes: Option<&GeneratedRatings>,
        root: Option<&Path>,
    ) -> Result<Self, DataError> {
        if data == GENERATED {
            return Ok(Self::Generated(sizes.cloned().unwrap_or_default()));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: data.to_owned(),
        })?;
        Ok(Self::Files(RatingFiles::find(root, data)?))
    }

    /// What errors name as the place of the train interactions.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Generated(_) => PathBuf::from(GENERATED),
            Self::Files(files) => files.train.clone(),
        }
    }

    /// The files that training reads; none where the data are generated.
    pub(crate) fn train_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Generated(_) => Vec::new(),
            Self::Files(files) => vec![files.train.clone()],
        }
    }

    /// The files of the test split; none where the data are generated.
    pub(crate) fn test_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Generated(_) => Vec::new(),
            Self::Files(files) => vec![files.test.clone(), files.negative.clone()],
        }
    }

    /// The train interactions, those to be held out for validation included.
    pub(crate) fn train(&self) -> Result<Vec<Rating>, DataError> {
        match self {
            Self::Generated(config) => {
                let data = generated::generate(config);
                // What no trial could be tested on is known before it trains.
                generated::test_cases(config, &data)?;
                Ok(data.train)
            }
            Self::Files(files) => files.read_train(),
        }
    }

    /// The test interactions with their negatives.
    pub(crate) fn test(
        &self,
        _permit: &TestPermit,
        users: usize,
        items: usize,
    ) -> Result<Vec<Case>, DataError> {
        match self {
            Self::Generated(config) => {
                let data = generated::generate(config);
                generated::test_cases(config, &data)
            }
            Self::Files(files) => files.read_test(users, items),
        }
    }
}
