//! Where the rows of a task come from.

use std::path::{Path, PathBuf};

use super::cache::{Cache, CacheProgress, Trust};
use super::encode::ClickEncoding;
use super::files::ClickFiles;
use super::generated::{self, GeneratedClicks, Teacher};
use super::split::{ClickSplit, Clicks, SplitRule};
use super::survey;
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

    /// The source in a folder, where there is one.
    ///
    /// # Errors
    /// As [`ClickFiles::in_folder`].
    pub(crate) fn in_folder(
        folder: &Path,
        encoding: &ClickEncoding,
    ) -> Result<Option<Self>, DataError> {
        let files = ClickFiles::in_folder(folder)?;
        Ok(files.map(|files| Self::Files(files, encoding.clone())))
    }

    /// Its files; none where it is generated.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Generated(_) => &[],
            Self::Files(files, _) => &files.paths,
        }
    }

    /// What its clicks were drawn by, where that is known.
    ///
    /// # Errors
    /// As [`Teacher::new`].
    pub(crate) fn teacher(&self) -> Result<Option<Teacher>, DataError> {
        match self {
            Self::Generated(sizes) => Teacher::new(sizes).map(Some),
            Self::Files(..) => Ok(None),
        }
    }

    /// Makes sure that files are converted, and that what came of them is what it was, by
    /// checksums of all of it; tells how far that is.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub(crate) fn convert(&self, progress: CacheProgress<'_>) -> Result<(), DataError> {
        match self {
            Self::Generated(_) => Ok(()),
            Self::Files(files, encoding) => {
                Cache::open(files, encoding, Trust::Checksums, progress).map(drop)
            }
        }
    }

    /// What the converted rows of this encoding have; nothing where they are generated.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub(crate) fn counts(&self) -> Result<Vec<(String, u64)>, DataError> {
        match self {
            Self::Generated(_) => Ok(Vec::new()),
            Self::Files(files, encoding) => {
                let cache = Cache::open(files, encoding, Trust::Times, &|_, _| ())?;
                counts(files, &cache)
            }
        }
    }

    /// What people should know of files before they train on a split of them, a line each.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub(crate) fn survey(&self, split: ClickSplit) -> Result<Vec<String>, DataError> {
        let Self::Files(files, encoding) = self else {
            return Ok(Vec::new());
        };
        let counts = Cache::open(files, encoding, Trust::Times, &|_, _| ())?.counts()?;
        let passed_over = files.passed_over()?;
        Ok(survey::lines(&counts, encoding, split, &passed_over))
    }

    /// All rows, split. Those that are generated are made in so many bytes of memory.
    ///
    /// # Errors
    /// As [`Cache::open`] and [`Clicks::new`], and [`DataError::Unusable`] for sizes that memory has
    /// no room for.
    pub(crate) fn clicks(&self, rule: &SplitRule, room: u64) -> Result<Clicks, DataError> {
        match self {
            Self::Generated(sizes) => {
                sizes.require_room(room)?;
                Clicks::new(GENERATED.as_ref(), generated::table(sizes)?, 0, rule)
            }
            Self::Files(files, encoding) => {
                let cache = Cache::open(files, encoding, Trust::Times, &|_, _| ())?;
                Clicks::new(&files.folder, cache.table()?, cache.last_file(), rule)
            }
        }
    }
}

/// Counts the click set in a folder, if there is one: what its latest cache says, or how much text
/// there is to be read.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let described = |files: ClickFiles| -> Result<Vec<(String, u64)>, DataError> {
        if let Some(cache) = Cache::there(&files)? {
            return counts(&files, &cache);
        }
        let mut bytes = 0;
        for path in &files.paths {
            bytes += std::fs::metadata(path)
                .map_err(DataError::read(path))?
                .len();
        }
        Ok(vec![
            counted("click files", files.paths.len() as u64),
            counted("bytes that a first sweep will read", bytes),
        ])
    };
    match ClickFiles::in_folder(folder) {
        Ok(files) => files.map(described),
        Err(error) => Some(Err(error)),
    }
}

fn counts(files: &ClickFiles, cache: &Cache) -> Result<Vec<(String, u64)>, DataError> {
    let found = cache.counts()?;
    let mut counts = vec![
        counted("click files", files.paths.len() as u64),
        counted("rows", found.rows),
        counted("clicks", found.clicks),
        counted(
            "clicks in a thousand rows",
            1_000 * found.clicks / found.rows.max(1),
        ),
        counted("columns of categories", found.ids.len() as u64),
        counted("ids that occur in them", found.ids.iter().sum()),
        counted(
            "bytes that its converted rows take",
            found.room.bytes + found.room.others_bytes,
        ),
    ];
    if found.excluded > 0 {
        counts.push(counted("bad lines left out", found.excluded));
    }
    Ok(counts)
}

fn counted(what: &str, count: u64) -> (String, u64) {
    (what.to_owned(), count)
}
