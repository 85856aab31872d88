//! One part of a cache: some rows of one file.
//!
//! ```text
//! part-FILE-PART.rows    magic "lawnclik", version u32, numbers a row u32, columns u32, ids of
//!                        each column u32 …, zeros up to a multiple of 64 bytes, then the rows
//! part-FILE-PART.seen    the ids that occur, of each column: words of 64 bits, u32; place u32 and bits
//!                        u64 of each word that has a bit for an id that occurs
//! part-FILE-PART.json    what it was made of, and the checksums of the two; written last
//! ```
//! Numbers are little-endian. A row is described in `table.rs`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::super::encode::LineFacts;
use super::super::shape::ClickShape;
use super::super::table::{Bytes, Part};
use super::seal::{Seal, Stamp};
use crate::data::error::DataError;
use crate::data::text::Place;

/// Begins a file of rows.
const MAGIC: &[u8; 8] = b"lawnclik";

/// The version of a record. One below it has no checksums, or other ids that occur, and its part is
/// made again.
pub(super) const VERSION: u32 = 3;

/// The version of a file of rows, as it begins.
const LAYOUT: u32 = 1;

/// Rows begin at a multiple of it.
const ALIGNMENT: usize = 64;

/// What a part was made of.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) version: u32,
    /// Name of the file.
    pub(super) file: String,
    /// The file when the part was made, or was last found to be the same.
    pub(super) stamp: Stamp,
    /// Places in the text, decompressed.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether the file has nothing behind it.
    pub(super) is_last: bool,
    /// BLAKE3 of the text from start to end, in hexadecimal.
    pub(super) text: String,
    /// Lines before it.
    pub(super) lines_before: u64,
    pub(super) lines: u64,
    pub(super) rows: u64,
    pub(super) clicks: u64,
    /// What lines have that rows do not show.
    pub(super) facts: LineFacts,
    /// Whether its last line has an end.
    pub(super) has_end: bool,
    /// Lines that were left out.
    pub(super) excluded: u64,
    /// The first of them, and why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) first_excluded: Option<String>,
    /// Of the rows.
    pub(super) rows_seal: Seal,
    /// Of the ids that occur.
    pub(super) seen_seal: Seal,
}

impl Record {
    /// Where the part behind it begins.
    pub(super) fn behind(&self) -> Place {
        Place {
            byte: self.end,
            lines: self.lines_before + self.lines,
        }
    }
}

/// The version alone: other versions have other keys.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The files of a part.
#[derive(Clone, Debug)]
pub(super) struct PartFiles {
    pub(super) rows: PathBuf,
    pub(super) seen: PathBuf,
    record: PathBuf,
}

impl PartFiles {
    pub(super) fn new(folder: &Path, file: usize, part: usize) -> Self {
        let path = |end: &str| folder.join(format!("part-{file:03}-{part:05}.{end}"));
        Self {
            rows: path("rows"),
            seen: path("seen"),
            record: path("json"),
        }
    }

    /// What the part was made of, if it is there with all its bytes, whatever they are.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where it is of a newer version or has other sizes.
    pub(super) fn record(&self, shape: &ClickShape) -> Result<Option<Record>, DataError> {
        let Ok(text) = std::fs::read_to_string(&self.record) else {
            return Ok(None);
        };
        if let Ok(Version { version }) = serde_json::from_str(&text)
            && version > VERSION
        {
            let expected = format!("up to {VERSION}, as a newer lawn wrote it");
            let found = format!("version {version}");
            return Err(DataError::unusable(&self.record, found, expected));
        }
        let record = serde_json::from_str::<Record>(&text).ok();
        let Some(record) = record.filter(|record| record.version == VERSION) else {
            return Ok(None);
        };
        let Ok(mut file) = File::open(&self.rows) else {
            return Ok(None);
        };
        let head = head(shape);
        let mut found = Vec::new();
        let read = std::io::Read::read_to_end(
            &mut std::io::Read::take(&mut file, head.len() as u64),
            &mut found,
        );
        read.map_err(DataError::read(&self.rows))?;
        if found != head {
            let expected = format!(
                "{} numbers a row and columns of {:?} ids, as the task asks for",
                shape.dense, shape.columns
            );
            return Err(DataError::unusable(&self.rows, describe(&found), expected));
        }
        let size = head.len() as u64 + record.rows * shape.bytes() as u64;
        let is_whole = file.metadata().is_ok_and(|about| about.len() == size);
        Ok((is_whole && self.seen.is_file()).then_some(record))
    }

    /// Whether size and time of its files are those that its record has.
    pub(super) fn is_as_noted(&self, record: &Record) -> bool {
        record.rows_seal.is_as_noted(&self.rows) && record.seen_seal.is_as_noted(&self.seen)
    }

    /// Whether its files hold what was written, by their checksums.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn holds(&self, record: &Record) -> Result<bool, DataError> {
        Ok(record.rows_seal.holds(&self.rows)? && record.seen_seal.holds(&self.seen)?)
    }

    /// Notes size and time of its files.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn note(&self, record: &mut Record) -> Result<(), DataError> {
        record.rows_seal.note(&self.rows)?;
        record.seen_seal.note(&self.seen)
    }

    /// Writes the record, which says that the part is there.
    pub(super) fn finish(&self, record: &Record) -> Result<(), DataError> {
        let text = serde_json::to_vec_pretty(record).expect("a record is JSON");
        write_whole(&self.record, &text)
    }

    /// Removes what is there of it.
    pub(super) fn remove(&self) -> Result<bool, DataError> {
        let mut was_there = false;
        for path in [&self.record, &self.rows, &self.seen] {
            match std::fs::remove_file(path) {
                Ok(()) => was_there = true,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(DataError::write(path)(error)),
            }
        }
        Ok(was_there)
    }

    /// Its rows, mapped into memory.
    pub(super) fn map(&self, shape: &ClickShape) -> Result<Part, DataError> {
        let file = File::open(&self.rows).map_err(DataError::read(&self.rows))?;
        // SAFETY: a part is written beside its place and never to; like any mapped file it must
        // not be cut short while it is read, which its folder's owner alone could do.
        let mapped = unsafe { Mmap::map(&file) }.map_err(DataError::read(&self.rows))?;
        Ok(Part {
            path: self.rows.clone(),
            bytes: Bytes::Mapped(mapped),
            offset: head(shape).len(),
        })
    }
}

/// What a file of rows begins with.
pub(super) fn head(shape: &ClickShape) -> Vec<u8> {
    let sizes = [LAYOUT, shape.dense as u32, shape.columns.len() as u32];
    let mut head = MAGIC.to_vec();
    head.extend(
        sizes
            .iter()
            .chain(&shape.columns)
            .flat_map(|size| size.to_le_bytes()),
    );
    head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
    head
}

/// What a file says that begins with something else.
fn describe(head: &[u8]) -> String {
    let word = |at: usize| -> Option<u32> {
        let bytes = head.get(MAGIC.len() + 4 * at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let said = || {
        let (dense, columns) = (word(1)?, word(2)? as usize);
        let there = (head.len() - MAGIC.len()) / 4 - 3;
        let sizes: Vec<u32> = (0..columns.min(there))
            .filter_map(|place| word(3 + place))
            .collect();
        Some(format!(
            "{dense} numbers a row and {columns} columns of {sizes:?} ids"
        ))
    };
    match head.starts_with(MAGIC) {
        true => said().unwrap_or_else(|| "a file that is cut short".to_owned()),
        false => "something else".to_owned(),
    }
}

/// Writes a file beside its place, and puts it there whole.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<(), DataError> {
    let beside = beside(path);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(DataError::write(path))
}

/// The name of a file that is not whole yet.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
