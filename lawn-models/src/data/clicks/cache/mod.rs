//! The rows of a click set as files that are mapped into memory.
//!
//! Text is read once. What comes of it lies in the folder `.lawn-clicks-DIGITS` beside it, or
//! elsewhere where that cannot be written (`places.rs`). The digits are of all that decides what
//! text becomes: format, sizes, version. A part is a gigabyte of text, or what a file has less: a conversion that is stopped goes on behind the
//! last part that it finished, and a file that is mended is converted from there on. A part is
//! known by the checksum of its text. That is taken again only where size or time of the file
//! are others. So are the checksums of the part itself, but where a sweep is planned: there every
//! byte is looked at. A part that is no longer what was written is made again from its text.

mod convert;
mod identity;
mod maker;
mod part;
mod places;
mod rows_file;
mod seal;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::encode::{ClickEncoding, ClickFormat, LineFacts, Seen};
use super::files::ClickFiles;
use super::shape::ClickShape;
use super::table::Table;
use crate::data::error::DataError;
use crate::data::parts;
use convert::Cut;
use identity::Identity;
pub(crate) use maker::CacheProgress;
use maker::Maker;
use part::{PartFiles, Record};
use seal::Stamp;
pub(crate) use seal::Trust;

/// The rows of a click set, converted.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    format: ClickFormat,
    shape: ClickShape,
    /// The parts of each file.
    files: Vec<Vec<Record>>,
}

/// What a click set has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClickCounts {
    pub(super) format: ClickFormat,
    pub(crate) rows: u64,
    pub(crate) clicks: u64,
    /// Lines that were left out.
    pub(crate) excluded: u64,
    /// The first of them, and why.
    pub(crate) first_excluded: Option<String>,
    /// Ids that each column can have.
    pub(crate) sizes: Vec<u32>,
    /// Those that occur.
    pub(crate) ids: Vec<u64>,
    /// What lines have that rows do not show.
    pub(super) facts: LineFacts,
    /// Files whose last line has no end.
    pub(crate) endless: Vec<String>,
    pub(crate) room: CacheRoom,
}

/// What the caches of a click set take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheRoom {
    pub(crate) folder: PathBuf,
    pub(crate) bytes: u64,
    /// Caches of other encodings, and their bytes.
    pub(crate) others: u64,
    pub(crate) others_bytes: u64,
}

impl Cache {
    /// Opens the cache of some files, and makes what there is not yet of it, or what is no longer
    /// as it was made.
    ///
    /// # Errors
    /// [`DataError`] with file and line where a text cannot be read, [`DataError::Unusable`] for
    /// a cache that is of other sizes, [`DataError::Write`].
    pub(crate) fn open(
        files: &ClickFiles,
        encoding: &ClickEncoding,
        trust: Trust,
        progress: CacheProgress<'_>,
    ) -> Result<Self, DataError> {
        let places = places::places(&files.folder);
        Self::open_cut(files, encoding, Cut::USUAL, trust, &places, progress)
    }

    fn open_cut(
        files: &ClickFiles,
        encoding: &ClickEncoding,
        cut: Cut,
        trust: Trust,
        places: &[PathBuf],
        progress: CacheProgress<'_>,
    ) -> Result<Self, DataError> {
        let identity = Identity::new(files, encoding)?;
        let folders: Vec<PathBuf> = places.iter().map(|place| identity.folder(place)).collect();
        for folder in &folders {
            if let Some(cache) = Self::whole(&identity, folder, files)?
                && (trust == Trust::Times || cache.holds(progress)?)
            {
                return Ok(cache);
            }
        }
        let (folder, lock) = places::writable(&folders)?;
        // Processes that need the same cache wait for the one that makes it.
        lock.lock().map_err(DataError::write(&folder))?;
        identity.claim(&folder)?;
        let maker = Maker::new(&identity, &folder, files, cut, trust);
        Ok(Self {
            files: maker.make(progress)?,
            format: identity.format,
            shape: identity.shape(),
            folder,
        })
    }

    /// The cache, if it is whole and its files are as they were.
    fn whole(
        identity: &Identity,
        folder: &Path,
        files: &ClickFiles,
    ) -> Result<Option<Self>, DataError> {
        if !identity.is_of(folder)? {
            return Ok(None);
        }
        let shape = identity.shape();
        let mut all = Vec::new();
        for (number, source) in files.paths.iter().enumerate() {
            let stamp = Stamp::of(source)?;
            let mut records: Vec<Record> = Vec::new();
            while records.last().is_none_or(|record| !record.is_last) {
                let part = PartFiles::new(folder, number, records.len());
                match part.record(&shape)? {
                    Some(record) if record.stamp == stamp && part.is_as_noted(&record) => {
                        records.push(record);
                    }
                    _ => return Ok(None),
                }
            }
            all.push(records);
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            format: identity.format,
            shape,
            files: all,
        }))
    }

    /// The cache of a folder that is there, and whole: the first by name.
    ///
    /// # Errors
    /// [`DataError`] where the folder cannot be listed.
    pub(crate) fn there(files: &ClickFiles) -> Result<Option<Self>, DataError> {
        for folder in places::all(&places::places(&files.folder))? {
            if let Some(identity) = Identity::of(&folder, files.format)
                && let Some(cache) = Self::whole(&identity, &folder, files)?
            {
                return Ok(Some(cache));
            }
        }
        Ok(None)
    }

    /// Whether all parts hold what was written, by their checksums, on all threads. `progress` is
    /// told how many bytes of the cache are done.
    fn holds(&self, progress: CacheProgress<'_>) -> Result<bool, DataError> {
        let all: Vec<(PartFiles, &Record)> = self.parts().collect();
        let bytes = |record: &Record| record.rows * self.shape.bytes() as u64;
        let total = all.iter().map(|(_, record)| bytes(record)).sum();
        let done = AtomicU64::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let some = |parts: &[(PartFiles, &Record)]| -> Result<bool, DataError> {
            for (part, record) in parts {
                if !part.holds(record)? {
                    return Ok(false);
                }
                let bytes = bytes(record);
                progress(done.fetch_add(bytes, Relaxed) + bytes, total);
            }
            Ok(true)
        };
        let held = parts::each(all.chunks(parts::size(all.len(), threads)), some);
        let held: Vec<bool> = held.into_iter().collect::<Result<_, _>>()?;
        Ok(held.into_iter().all(|held| held))
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
            format: self.format,
            rows: 0,
            clicks: 0,
            excluded: 0,
            first_excluded: None,
            sizes: self.shape.columns.clone(),
            ids: Vec::new(),
            facts: LineFacts::default(),
            endless: Vec::new(),
            room: self.room()?,
        };
        for (part, record) in self.parts() {
            let bytes = std::fs::read(&part.seen).map_err(DataError::read(&part.seen))?;
            if !seen.add(&bytes) {
                let found = format!("{} bytes", bytes.len());
                let expected = "ids of each column";
                return Err(DataError::unusable(&part.seen, found, expected));
            }
            counts.rows += record.rows;
            counts.clicks += record.clicks;
            counts.excluded += record.excluded;
            counts.facts.add(record.facts);
            if record.is_last && !record.has_end {
                counts.endless.push(record.file.clone());
            }
            if counts.first_excluded.is_none() {
                counts.first_excluded.clone_from(&record.first_excluded);
            }
        }
        counts.ids = seen.counts();
        Ok(counts)
    }

    /// What it takes, and those that lie beside it.
    fn room(&self) -> Result<CacheRoom, DataError> {
        let mut room = CacheRoom {
            folder: self.folder.clone(),
            bytes: places::bytes(&self.folder)?,
            ..CacheRoom::default()
        };
        let beside = self.folder.parent().map(Path::to_owned);
        for other in places::all(beside.as_slice())? {
            if other != self.folder {
                room.others += 1;
                room.others_bytes += places::bytes(&other)?;
            }
        }
        Ok(room)
    }

    fn parts(&self) -> impl Iterator<Item = (PartFiles, &Record)> {
        let files = self.files.iter().enumerate();
        files.flat_map(move |(file, records)| {
            let records = records.iter().enumerate();
            records.map(move |(part, record)| (PartFiles::new(&self.folder, file, part), record))
        })
    }
}
