//! From the text of one file to parts of a cache.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;
use std::thread::Scope;

use super::super::encode::{BlockReader, Layout, LineFacts, LineFault, ReadBlock, Seen};
use super::part::{PartFiles, Record, VERSION, head, write_whole};
use super::rows_file::RowsFile;
use super::seal::{Seal, Stamp};
use crate::data::error::DataError;
use crate::data::text::{BLOCK, Block, Blocks, Place};

/// How text is cut. Results do not hang on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Bytes of a block: what is in memory at once is a few of them.
    pub(super) block: usize,
    /// Text of a part, at least: what is lost when a conversion stops.
    pub(super) part: u64,
}

impl Cut {
    pub(super) const USUAL: Self = Self {
        block: BLOCK,
        part: 1 << 30,
    };
}

/// Where a conversion begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Begin {
    pub(super) part: usize,
    pub(super) place: Place,
}

/// Converts a file of text.
pub(super) struct Conversion<'a> {
    pub(super) reader: &'a BlockReader,
    pub(super) folder: &'a Path,
    pub(super) source: &'a Path,
    /// Its place among the files of the set.
    pub(super) file: usize,
    pub(super) cut: Cut,
    /// How the file has its columns.
    pub(super) layout: Layout,
    /// Counts bytes of the file that were read.
    pub(super) read: Arc<AtomicU64>,
}

impl Conversion<'_> {
    /// Converts what follows `begin`, part by part, telling `progress` after each block. A thread
    /// reads, decompresses and hashes ahead, and one writes behind.
    ///
    /// # Errors
    /// [`DataError`] with file and line of what cannot be read. Parts that were finished before
    /// it stay.
    pub(super) fn run(&self, begin: Begin, progress: &dyn Fn()) -> Result<Vec<Record>, DataError> {
        let stamp = Stamp::of(self.source)?;
        let read = Arc::clone(&self.read);
        let mut blocks = Blocks::at(self.source, begin.place, self.cut.block, read)?;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            let mut text = PartText::new(begin.place.byte, self.cut.part);
            scope.spawn(move || {
                while let Some(block) = blocks.next(None).transpose() {
                    let block = block.map(|block| (text.add(&block), block));
                    let failed = block.is_err();
                    // Nobody listens where a line was bad.
                    if sender.send(block).is_err() || failed {
                        return;
                    }
                }
            });
            let mut records = Vec::new();
            let mut begin = begin;
            let mut under_way: Option<Writing<'_>> = None;
            for block in receiver {
                let (part_text, block) = block?;
                let mut part = match under_way.take() {
                    Some(part) => part,
                    None => Writing::begin(self, begin, stamp, scope)?,
                };
                part.add(&block)?;
                progress();
                let Some(digest) = part_text else {
                    under_way = Some(part);
                    continue;
                };
                let record = part.finish(digest, block.is_last)?;
                begin = Begin {
                    part: begin.part + 1,
                    place: record.behind(),
                };
                records.push(record);
            }
            Ok(records)
        })
    }
}

/// The text of a part while it is read.
struct PartText {
    start: u64,
    size: u64,
    digest: blake3::Hasher,
}

impl PartText {
    /// The first part begins at `start`; each has `size` bytes or more.
    fn new(start: u64, size: u64) -> Self {
        Self {
            start,
            size,
            digest: blake3::Hasher::new(),
        }
    }

    /// Adds a block, and gives the digest of the part where it ends with it.
    fn add(&mut self, block: &Block) -> Option<String> {
        self.digest.update(&block.text);
        if !block.is_last && block.end - self.start < self.size {
            return None;
        }
        self.start = block.end;
        let digest = self.digest.finalize().to_hex().to_string();
        self.digest.reset();
        Some(digest)
    }
}

/// A part while it is written.
struct Writing<'scope> {
    conversion: &'scope Conversion<'scope>,
    files: PartFiles,
    rows: RowsFile<'scope>,
    seen: Seen,
    record: Record,
}

impl<'scope> Writing<'scope> {
    fn begin(
        conversion: &'scope Conversion<'scope>,
        begin: Begin,
        stamp: Stamp,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Self, DataError> {
        let files = PartFiles::new(conversion.folder, conversion.file, begin.part);
        files.remove()?;
        let name = conversion.source.file_name().unwrap_or_default();
        let shape = conversion.reader.shape();
        let mut rows = RowsFile::create(&files.rows, scope)?;
        rows.write(head(shape))?;
        Ok(Self {
            rows,
            seen: Seen::new(&shape.columns),
            record: Record {
                version: VERSION,
                file: name.to_string_lossy().into_owned(),
                stamp,
                start: begin.place.byte,
                end: begin.place.byte,
                is_last: false,
                text: String::new(),
                lines_before: begin.place.lines,
                lines: 0,
                rows: 0,
                clicks: 0,
                facts: LineFacts::default(),
                has_end: false,
                excluded: 0,
                first_excluded: None,
                rows_seal: Seal::default(),
                seen_seal: Seal::default(),
            },
            conversion,
            files,
        })
    }

    fn add(&mut self, block: &Block) -> Result<(), DataError> {
        let before = block.start.lines;
        let read = self.conversion.reader.read(
            &block.text,
            before == 0,
            &self.conversion.layout,
            &self.seen,
        );
        let at = |line: u64, fault: LineFault| fault.at(self.conversion.source, before + line);
        let ReadBlock {
            pieces,
            rows,
            clicks,
            lines,
            facts,
            excluded,
            first,
        } = read.map_err(|(line, fault)| at(line, fault))?;
        if let (None, Some((line, fault))) = (&self.record.first_excluded, first) {
            self.record.first_excluded = Some(at(line, fault).to_string());
        }
        for piece in pieces {
            self.rows.write(piece)?;
        }
        self.record.rows += rows;
        self.record.clicks += clicks;
        self.record.lines += lines;
        self.record.facts.add(facts);
        self.record.has_end = block.text.ends_with(b"\n");
        self.record.excluded += excluded;
        self.record.end = block.end;
        Ok(())
    }

    fn finish(mut self, text: String, is_last: bool) -> Result<Record, DataError> {
        (self.record.text, self.record.is_last) = (text, is_last);
        let digest = self.rows.finish()?;
        let seen = self.seen.to_bytes();
        write_whole(&self.files.seen, &seen)?;
        self.record.rows_seal = Seal::new(&self.files.rows, digest)?;
        self.record.seen_seal = Seal::new(&self.files.seen, blake3::hash(&seen))?;
        self.files.finish(&self.record)?;
        Ok(self.record)
    }
}

/// Whether a file still has the text that a part was made of, and ends where it did.
pub(super) fn has_text(
    source: &Path,
    record: &Record,
    block: usize,
    read: Arc<AtomicU64>,
) -> Result<bool, DataError> {
    let start = Place {
        byte: record.start,
        lines: record.lines_before,
    };
    let mut blocks = Blocks::at(source, start, block, read)?;
    let mut text = blake3::Hasher::new();
    let mut end = record.start;
    let mut is_last = true;
    while end < record.end {
        let Some(block) = blocks.next(None)? else {
            return Ok(false);
        };
        // A block may go beyond the part: what it has of the part is what comes first.
        let beyond = block.end.saturating_sub(record.end) as usize;
        let Some(own) = block.text.len().checked_sub(beyond) else {
            return Ok(false);
        };
        text.update(&block.text[..own]);
        is_last = block.is_last && beyond == 0;
        end = block.end;
    }
    Ok(text.finalize().to_hex().to_string() == record.text && is_last == record.is_last)
}
