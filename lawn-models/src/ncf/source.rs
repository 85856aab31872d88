//! Where the interactions of a task come from.

use std::path::{Path, PathBuf};

use super::format::NcfFiles;
use super::interactions::{Case, Rating};
use super::synthetic;
use crate::DataError;
use crate::catalog::{DataSet, DataSetKind};
use crate::config::{NcfConfig, SyntheticConfig};
use crate::trainer::TestPermit;

/// Files, or a generator that stands for them.
#[derive(Debug)]
pub(crate) enum Source {
    Synthetic(SyntheticConfig),
    Files(NcfFiles),
}

impl Source {
    /// The source that a configuration names.
    pub(crate) fn of(config: &NcfConfig, root: Option<&Path>) -> Result<Self, DataError> {
        if config.data == NcfConfig::SYNTHETIC {
            let sizes = config.synthetic.clone().unwrap_or_default();
            return Ok(Self::Synthetic(sizes));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: config.data.clone(),
        })?;
        Ok(Self::Files(NcfFiles::find(root, &config.data)?))
    }

    /// What errors name as the place of the train interactions.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Synthetic(_) => PathBuf::from(NcfConfig::SYNTHETIC),
            Self::Files(files) => files.train.clone(),
        }
    }

    /// The files that training reads; none where the data are generated.
    pub(crate) fn train_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Synthetic(_) => Vec::new(),
            Self::Files(files) => vec![files.train.clone()],
        }
    }

    /// The files of the test split; none where the data are generated.
    pub(crate) fn test_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Synthetic(_) => Vec::new(),
            Self::Files(files) => vec![files.test.clone(), files.negative.clone()],
        }
    }

    /// The train interactions, those to be held out for validation included.
    pub(crate) fn train(&self) -> Result<Vec<Rating>, DataError> {
        match self {
            Self::Synthetic(config) => {
                let data = synthetic::generate(config);
                // What no trial could be tested on is known before it trains.
                synthetic::test_cases(config, &data)?;
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
            Self::Synthetic(config) => {
                let data = synthetic::generate(config);
                synthetic::test_cases(config, &data)
            }
            Self::Files(files) => files.read_test(users, items),
        }
    }
}

/// Finds the data set of this format in a folder under the data root, if there
/// is one, and counts it.
pub(crate) fn describe(folder: &Path) -> Option<Result<DataSet, DataError>> {
    let name = folder.file_name()?.to_str()?;
    let files = NcfFiles::named(folder, name);
    files.train.is_file().then(|| {
        let train = files.read_train()?;
        let users = 1 + train.iter().map(|r| r.user).max().unwrap_or(0) as usize;
        let items = 1 + train.iter().map(|r| r.item).max().unwrap_or(0) as usize;
        let test = files.read_test(users, items)?;
        Ok(DataSet {
            name: name.to_owned(),
            kind: DataSetKind::Ncf,
            path: folder.to_owned(),
            counts: vec![
                ("users".to_owned(), users as u64),
                ("items".to_owned(), items as u64),
                ("train interactions".to_owned(), train.len() as u64),
                ("test interactions".to_owned(), test.len() as u64),
            ],
        })
    })
}

/// Writes generated data as files of this format: `folder/NAME.train.rating` and
/// so on, NAME being the folder's own.
pub(crate) fn make(config: &SyntheticConfig, folder: &Path) -> Result<(), DataError> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| {
        DataError::unusable(folder, "no name in UTF-8", "a folder named as the data set")
    })?;
    let data = synthetic::generate(config);
    let test = synthetic::test_cases(config, &data)?;
    std::fs::create_dir_all(folder).map_err(DataError::write(folder))?;
    NcfFiles::named(folder, name).write(&data.train, &test)
}
