//! Where the rows of a task come from.

use std::path::{Path, PathBuf};

use super::cache::{Cache, CacheProgress};
use super::encode::ClickEncoding;
use super::files::ClickFiles;
use super::generated::{self, GeneratedClicks, Teacher};
use super::split::{Clicks, SplitRule};
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;

/// Files, or a generator that stands for them.
#[derive(Clone, Debug)]
pub(crate) enum ClickSource {
    Generated(GeneratedClicks),
    Files(ClickFiles, ClickEncoding),
}

impl ClickSource {
    /// The source that a configuration names.
    ///
    /// # Errors
    /// [`DataError::NoRoot`] and [`DataError::NotFound`]: nothing is made in place of files.
    pub(crate) fn of(
        data: &str,
        sizes: Option<&GeneratedClicks>,
        encoding: Option<&ClickEncoding>,
        root: Option<&Path>,
    ) -> Result<Self, DataError> {
        if data == GENERATED {
            return Ok(Self::Generated(sizes.cloned().unwrap_or_default()));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: data.to_owned(),
        })?;
        let files = ClickFiles::find(root, data)?;
        Ok(Self::Files(files, encoding.cloned().unwrap_or_default()))
    }

    /// Its files; none where it is generated.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Generated(_) => &[],
            Self::Files(files, _) => &files.paths,
        }
    }

    /// What its clicks were drawn by, where that is known.
    pub(crate) fn teacher(&self) -> Option<Teacher> {
        match self {
            Self::Generated(sizes) => Some(Teacher::new(sizes)),
            Self::Files(..) => None,
        }
    }

    /// Makes sure that files are converted, telling how far that is.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub(crate) fn convert(&self, progress: CacheProgress<'_>) -> Result<(), DataError> {
        match self {
            Self::Generated(_) => Ok(()),
            Self::Files(files, encoding) => Cache::open(files, encoding, progress).map(drop),
        }
    }

    /// All rows, split.
    ///
    /// # Errors
    /// As [`Cache::open`] and [`Clicks::new`].
    pub(crate) fn clicks(&self, rule: &SplitRule) -> Result<Clicks, DataError> {
        match self {
            Self::Generated(sizes) => {
                Clicks::new(GENERATED.as_ref(), generated::table(sizes), 0, rule)
            }
            Self::Files(files, encoding) => {
                let cache = Cache::open(files, encoding, &|_, _| ())?;
                Clicks::new(&files.folder, cache.table()?, cache.last_file(), rule)
            }
        }
    }
}

/// Counts the click set in a folder, if there is one: what its cache says, or how much text
/// there is to be read.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let counts = |files: ClickFiles| -> Result<Vec<(String, u64)>, DataError> {
        let count = |what: &str, count| (what.to_owned(), count);
        let Some(cache) = Cache::there(&files)? else {
            let mut bytes = 0;
            for path in &files.paths {
                bytes += std::fs::metadata(path)
                    .map_err(DataError::read(path))?
                    .len();
            }
            return Ok(vec![
                count("click files", files.paths.len() as u64),
                count("bytes that a first sweep will read", bytes),
            ]);
        };
        let found = cache.counts()?;
        let mut counts = vec![
            count("click files", files.paths.len() as u64),
            count("rows", found.rows),
            count("clicks", found.clicks),
            count(
                "clicks in a thousand rows",
                1_000 * found.clicks / found.rows.max(1),
            ),
            count("columns of categories", found.ids.len() as u64),
            count("ids that occur in them", found.ids.iter().sum()),
        ];
        if found.excluded > 0 {
            counts.push(count("bad lines left out", found.excluded));
        }
        Ok(counts)
    };
    match ClickFiles::in_folder(folder) {
        Ok(files) => files.map(counts),
        Err(error) => Some(Err(error)),
    }
}
