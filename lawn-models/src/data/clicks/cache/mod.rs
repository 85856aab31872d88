//! The rows of a click set as files that are mapped into memory.
//!
//! Text is read once. What comes of it lies in the folder `.lawn-clicks-DIGITS` beside it, where
//! the digits are of all that decides what text becomes: format, sizes, version. A part is a
//! gigabyte of text, or what a file has less: a conversion that is stopped goes on behind the
//! last part that it finished, and a file that is mended is converted from there on. A part is
//! known by the checksum of its text. That is taken again only where size or time of the file
//! are others.

mod blocks;
mod convert;
mod part;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::encode::{BadLines, BlockReader, ClickEncoding, ClickFormat, LineReader, Seen};
use super::files::ClickFiles;
use super::shape::ClickShape;
use super::table::Table;
use crate::data::error::DataError;
pub(super) use blocks::Blocks;
pub(super) use convert::BLOCK;
use convert::{Begin, Conversion, Cut, has_text};
use part::{PartFiles, Record, Stamp, VERSION, write_whole};

/// Told how many bytes of all are done.
pub(crate) type CacheProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Begins the name of the folder of a cache.
const FOLDER: &str = ".lawn-clicks-";

/// The file that says what a cache is of.
const IDENTITY: &str = "cache.json";

/// The file that is locked while a cache is made.
const LOCK: &str = "lock";

/// All that decides what a text becomes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Identity {
    version: u32,
    format: ClickFormat,
    hash_sizes: Vec<u32>,
    missing_integer: i64,
    bad_lines: BadLines,
}

impl Identity {
    fn shape(&self) -> ClickShape {
        ClickShape {
            dense: self.format.dense(),
            columns: self.hash_sizes.clone(),
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("an identity is JSON")
    }

    fn folder(&self, beside: &Path) -> PathBuf {
        let digits = blake3::hash(self.text().as_bytes()).to_hex();
        beside.join(format!("{FOLDER}{}", &digits[..16]))
    }

    /// Makes sure that a folder is of this identity.
    fn claim(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(IDENTITY);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return write_whole(&path, self.text().as_bytes());
            }
            Err(error) => return Err(DataError::read(&path)(error)),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(found) if found == *self => Ok(()),
            Ok(found) => Err(DataError::unusable(
                &path,
                format!("a cache of {}", found.text()),
                self.text(),
            )),
            Err(error) => Err(DataError::unusable(
                &path,
                error.to_string(),
                "its own JSON",
            )),
        }
    }
}

/// The rows of a click set, converted.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    shape: ClickShape,
    /// The parts of each file.
    files: Vec<Vec<Record>>,
}

/// What a click set has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClickCounts {
    pub(crate) rows: u64,
    pub(crate) clicks: u64,
    /// Lines that were left out.
    pub(crate) excluded: u64,
    /// The first of them, and why.
    pub(crate) first_excluded: Option<String>,
    /// Ids that occur, by column.
    pub(crate) ids: Vec<u64>,
}

impl Cache {
    /// Opens the cache of some files, and makes what there is not yet of it.
    ///
    /// # Errors
    /// [`DataError`] with file and line where a text cannot be read, [`DataError::Unusable`] for
    /// a cache that is of other sizes, [`DataError::Write`].
    pub(crate) fn open(
        files: &ClickFiles,
        encoding: &ClickEncoding,
        progress: CacheProgress<'_>,
    ) -> Result<Self, DataError> {
        Self::open_cut(files, encoding, Cut::USUAL, progress)
    }

    fn open_cut(
        files: &ClickFiles,
        encoding: &ClickEncoding,
        cut: Cut,
        progress: CacheProgress<'_>,
    ) -> Result<Self, DataError> {
        let sizes = encoding.sizes(files.format);
        let identity = Identity {
            version: VERSION,
            format: files.format,
            hash_sizes: sizes.map_err(|error| DataError::options("ctr", &error))?,
            missing_integer: encoding.missing_integer,
            bad_lines: encoding.bad_lines,
        };
        let folder = identity.folder(&files.folder);
        if let Some(cache) = Self::whole(&identity, &folder, files)? {
            return Ok(cache);
        }
        std::fs::create_dir_all(&folder).map_err(DataError::write(&folder))?;
        let lock = folder.join(LOCK);
        let locked = File::create(&lock).map_err(DataError::write(&lock))?;
        // Processes that need the same cache wait for the one that makes it.
        locked.lock().map_err(DataError::write(&lock))?;
        identity.claim(&folder)?;
        Maker::new(&identity, &folder, files, cut).make(progress)
    }

    /// The cache, if it is whole and its files are as they were.
    fn whole(
        identity: &Identity,
        folder: &Path,
        files: &ClickFiles,
    ) -> Result<Option<Self>, DataError> {
        if !folder.join(IDENTITY).is_file() {
            return Ok(None);
        }
        identity.claim(folder)?;
        let shape = identity.shape();
        let mut all = Vec::new();
        for (number, source) in files.paths.iter().enumerate() {
            let stamp = Stamp::of(source)?;
            let mut records: Vec<Record> = Vec::new();
            while records.last().is_none_or(|record| !record.is_last) {
                let part = PartFiles::new(folder, number, records.len());
                match part.record(&shape)? {
                    Some(record) if record.stamp == stamp => records.push(record),
                    _ => return Ok(None),
                }
            }
            all.push(records);
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            shape,
            files: all,
        }))
    }

    /// The cache of a folder that is there, and whole: the first by name.
    ///
    /// # Errors
    /// [`DataError`] where the folder cannot be listed.
    pub(crate) fn there(files: &ClickFiles) -> Result<Option<Self>, DataError> {
        let failed = || DataError::read(&files.folder);
        let entries = std::fs::read_dir(&files.folder).map_err(failed())?;
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(FOLDER) {
                folders.push(path);
            }
        }
        folders.sort();
        for folder in folders {
            let text = std::fs::read(folder.join(IDENTITY)).unwrap_or_default();
            if let Ok(identity) = serde_json::from_slice::<Identity>(&text)
                && identity.version == VERSION
                && identity.format == files.format
                && let Some(cache) = Self::whole(&identity, &folder, files)?
            {
                return Ok(Some(cache));
            }
        }
        Ok(None)
    }

    /// All rows, mapped into memory.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(crate) fn table(&self) -> Result<Table, DataError> {
        let parts = self.parts().map(|(part, _)| part.map(&self.shape));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        Ok(Table::new(self.shape.clone(), parts))
    }

    /// The first row of the last file.
    pub(crate) fn last_file(&self) -> u64 {
        let before = &self.files[..self.files.len() - 1];
        before.iter().flatten().map(|record| record.rows).sum()
    }

    /// What there is of what.
    ///
    /// # Errors
    /// [`DataError`] where a part cannot be read.
    pub(crate) fn counts(&self) -> Result<ClickCounts, DataError> {
        let seen = Seen::new(&self.shape.columns);
        let mut counts = ClickCounts {
            rows: 0,
            clicks: 0,
            excluded: 0,
            first_excluded: None,
            ids: Vec::new(),
        };
        for (part, record) in self.parts() {
            let bytes = std::fs::read(&part.seen).map_err(DataError::read(&part.seen))?;
            if !seen.add(&bytes) {
                let found = format!("{} bytes", bytes.len());
                let expected = "a bit for each id of each column";
                return Err(DataError::unusable(&part.seen, found, expected));
            }
            counts.rows += record.rows;
            counts.clicks += record.clicks;
            counts.excluded += record.excluded;
            if counts.first_excluded.is_none() {
                counts.first_excluded.clone_from(&record.first_excluded);
            }
        }
        counts.ids = seen.counts();
        Ok(counts)
    }

    fn parts(&self) -> impl Iterator<Item = (PartFiles, &Record)> {
        let files = self.files.iter().enumerate();
        files.flat_map(move |(file, records)| {
            let records = records.iter().enumerate();
            records.map(move |(part, record)| (PartFiles::new(&self.folder, file, part), record))
        })
    }
}

/// Makes what a cache lacks.
struct Maker<'a> {
    folder: &'a Path,
    files: &'a ClickFiles,
    cut: Cut,
    reader: BlockReader,
}

impl<'a> Maker<'a> {
    fn new(identity: &Identity, folder: &'a Path, files: &'a ClickFiles, cut: Cut) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let sizes = identity.hash_sizes.clone();
        let lines = LineReader::new(identity.format, sizes, identity.missing_integer);
        Self {
            folder,
            files,
            cut,
            reader: BlockReader::new(lines, identity.bad_lines, threads),
        }
    }

    fn make(&self, progress: CacheProgress<'_>) -> Result<Cache, DataError> {
        let sizes = self.files.paths.iter().map(|path| {
            let about = std::fs::metadata(path).map_err(DataError::read(path))?;
            Ok(about.len())
        });
        let sizes = sizes.collect::<Result<Vec<u64>, DataError>>()?;
        let total = sizes.iter().sum();
        let mut before = 0;
        let mut files = Vec::new();
        for (number, source) in self.files.paths.iter().enumerate() {
            let read = Arc::new(AtomicU64::new(0));
            let told = || progress(before + read.load(Relaxed).min(sizes[number]), total);
            files.push(self.file(number, source, &read, &told)?);
            before += sizes[number];
            progress(before, total);
        }
        Ok(Cache {
            folder: self.folder.to_owned(),
            shape: self.reader.shape().clone(),
            files,
        })
    }

    fn file(
        &self,
        number: usize,
        source: &Path,
        read: &Arc<AtomicU64>,
        progress: &dyn Fn(),
    ) -> Result<Vec<Record>, DataError> {
        let mut records = self.kept(number, source)?;
        let mut begin = Begin::default();
        if let Some(last) = records.last() {
            begin = Begin {
                part: records.len(),
                place: last.end,
                lines: last.lines_before + last.lines,
            };
        }
        if records.last().is_none_or(|last| !last.is_last) {
            let conversion = Conversion {
                reader: &self.reader,
                folder: self.folder,
                source,
                file: number,
                cut: self.cut,
                read: Arc::clone(read),
            };
            records.extend(conversion.run(begin, progress)?);
        }
        if records.is_empty() {
            let expected = "one row a line";
            return Err(DataError::unusable(source, "no line", expected));
        }
        // What is left of a file that was longer once.
        let mut rest = records.len();
        while PartFiles::new(self.folder, number, rest).remove()? {
            rest += 1;
        }
        Ok(records)
    }

    /// The parts of a file that are there and still say what it says.
    fn kept(&self, number: usize, source: &Path) -> Result<Vec<Record>, DataError> {
        let stamp = Stamp::of(source)?;
        let mut kept: Vec<Record> = Vec::new();
        while kept.last().is_none_or(|record| !record.is_last) {
            let part = PartFiles::new(self.folder, number, kept.len());
            let place = kept.last().map_or(0, |record| record.end);
            let Some(mut record) = part.record(self.reader.shape())? else {
                break;
            };
            if record.start != place {
                break;
            }
            if record.stamp != stamp {
                if !has_text(source, &record, self.cut.block, Arc::default())? {
                    break;
                }
                record.stamp = stamp;
                part.finish(&record)?;
            }
            kept.push(record);
        }
        Ok(kept)
    }
}
