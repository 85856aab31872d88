//! The data sets at hand: what lies under a data root, and what can be made.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{ProceduralConfig, SyntheticConfig, TaskConfig};
use crate::{DataError, image, ncf};

/// A data set found under a data root.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// What a task's `data` calls it.
    pub name: String,
    /// The kind of task that reads it.
    pub kind: DataSetKind,
    /// Its folder.
    pub path: PathBuf,
    /// How many of what it holds.
    pub counts: Vec<(String, u64)>,
}

/// Which format a data set has.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DataSetKind {
    /// Rating files of neural collaborative filtering.
    Ncf,
    /// Folders of JPEG images by class.
    Image,
}

/// What [`make_data`] writes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum MakeData {
    /// Synthetic implicit feedback as rating files.
    Ncf(SyntheticConfig),
    /// Procedural images as folders of JPEG files.
    Image(ProceduralConfig),
}

/// Looks at each folder under `root`, and at `root` itself, in order of name.
///
/// A data set that is there but cannot be read is an entry too, with its error.
///
/// # Errors
/// [`DataError::Read`] if `root` itself cannot be listed.
pub fn describe_data(root: &Path) -> Result<Vec<Result<DataSet, DataError>>, DataError> {
    let mut folders = vec![root.to_owned()];
    for entry in std::fs::read_dir(root).map_err(DataError::read(root))? {
        let path = entry.map_err(DataError::read(root))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders[1..].sort();
    let describe = |folder: &PathBuf| ncf::describe(folder).or_else(|| image::describe(folder));
    Ok(folders.iter().filter_map(describe).collect())
}

/// The files that a task trains and validates on: listed, not opened. None where its data
/// are generated.
///
/// # Errors
/// [`DataError`] where the data set is not under `root`, or cannot be listed.
pub fn train_files(task: &TaskConfig, root: &Path) -> Result<Vec<PathBuf>, DataError> {
    match task {
        TaskConfig::Ncf(config) => Ok(ncf::Source::of(config, Some(root))?.train_files()),
        TaskConfig::Image(config) => image::Source::of(config, Some(root))?.train_files(),
    }
}

/// The files of a task's test split: listed, not opened. None where its data are generated.
///
/// # Errors
/// As [`train_files`].
pub fn test_files(task: &TaskConfig, root: &Path) -> Result<Vec<PathBuf>, DataError> {
    match task {
        TaskConfig::Ncf(config) => Ok(ncf::Source::of(config, Some(root))?.test_files()),
        TaskConfig::Image(config) => image::Source::of(config, Some(root))?.test_files(),
    }
}

/// Writes generated data in the format that a user's own data would have.
///
/// The folder's name becomes the data set's name, its parent the data root.
///
/// # Errors
/// [`DataError::Options`] for sizes that [`TaskConfig::validate`] would refuse,
/// [`DataError::Unusable`] for a folder that is not empty, [`DataError::Write`] where a file
/// cannot be written.
///
/// [`TaskConfig::validate`]: crate::TaskConfig::validate
pub fn make_data(what: &MakeData, folder: &Path) -> Result<(), DataError> {
    let refuse = |kind: &str, error: crate::SettingsError| DataError::Options {
        kind: kind.to_owned(),
        reason: error.to_string(),
    };
    if std::fs::read_dir(folder).is_ok_and(|mut there| there.next().is_some()) {
        let (found, expected) = ("a folder that is not empty", "a new or an empty one");
        return Err(DataError::unusable(folder, found, expected));
    }
    match what {
        MakeData::Ncf(config) => {
            config.validate().map_err(|error| refuse("ncf", error))?;
            ncf::make(config, folder)
        }
        MakeData::Image(config) => {
            config.validate().map_err(|error| refuse("image", error))?;
            image::make(config, folder)
        }
    }
}
