//! The text of a file in blocks of whole lines, decompressed where it is gzip.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::read::MultiGzDecoder;

use crate::data::error::DataError;

/// What a file in UTF-8 may begin with.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What files begin with that are no text, and what they are.
const NO_TEXT: [(&[u8], &str); 5] = [
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"BZh", "bzip2 data"),
];

/// Blocks of the text of a file.
pub(in crate::data::clicks) struct Blocks {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    is_gzip: bool,
    /// Begins a line that is not over.
    kept: Vec<u8>,
    /// Place in the text behind the last block.
    end: u64,
    size: usize,
    is_over: bool,
}

/// Lines that follow each other, the last of a file with an end or without.
pub(in crate::data::clicks) struct Block {
    pub(in crate::data::clicks) text: Vec<u8>,
    /// Place in the text behind it.
    pub(in crate::data::clicks) end: u64,
    /// Whether nothing follows it.
    pub(in crate::data::clicks) is_last: bool,
}

/// Counts bytes of the file as they are read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

impl Blocks {
    /// Opens a file at a place of its text, where a line begins. Blocks have about `size`
    /// bytes; `read` counts those of the file, wherever it is begun.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Unusable`] where it is no text.
    pub(in crate::data::clicks) fn open(
        path: &Path,
        from: u64,
        size: usize,
        read: Arc<AtomicU64>,
    ) -> Result<Self, DataError> {
        let failed = || DataError::read(path);
        let mut file = File::open(path).map_err(failed())?;
        let mut first = Vec::new();
        (&mut file)
            .take(4)
            .read_to_end(&mut first)
            .map_err(failed())?;
        for (magic, what) in NO_TEXT {
            if first.starts_with(magic) {
                return Err(DataError::unusable(path, what, "text, or gzip of it"));
            }
        }
        let is_gzip = first.starts_with(b"\x1f\x8b");
        let start = if is_gzip { 0 } else { from };
        file.seek(SeekFrom::Start(start)).map_err(failed())?;
        read.fetch_add(start, Relaxed);
        let counted = Counted { file, read };
        let reader: Box<dyn Read + Send> = match is_gzip {
            true => Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                1 << 18,
                counted,
            ))),
            false => Box::new(counted),
        };
        let mut blocks = Self {
            path: path.to_owned(),
            reader,
            is_gzip,
            kept: Vec::new(),
            end: from,
            size,
            is_over: false,
        };
        if is_gzip {
            blocks.skip(from)?;
        }
        Ok(blocks)
    }

    fn skip(&mut self, count: u64) -> Result<(), DataError> {
        let mut passed = (&mut self.reader).take(count);
        let skipped = std::io::copy(&mut passed, &mut std::io::sink());
        skipped.map(drop).map_err(|error| self.failed(error))
    }

    /// The next block, if there is one.
    ///
    /// # Errors
    /// [`DataError`] naming the file: it cannot be read, is cut short, or has no lines.
    pub(in crate::data::clicks) fn next(&mut self) -> Result<Option<Block>, DataError> {
        if self.is_over {
            return Ok(None);
        }
        let start = self.end;
        let mut text = std::mem::take(&mut self.kept);
        text.reserve((self.size + 1).saturating_sub(text.len()));
        let wanted = (self.size as u64).saturating_sub(text.len() as u64).max(1);
        let read = (&mut self.reader).take(wanted).read_to_end(&mut text);
        let read = read.map_err(|error| self.failed(error))?;
        self.is_over = (read as u64) < wanted;
        if !self.is_over {
            let Some(last) = text.iter().rposition(|byte| *byte == b'\n') else {
                let found = format!("a line of more than {} bytes at byte {start}", self.size);
                return Err(DataError::unusable(&self.path, found, "lines of rows"));
            };
            self.kept = text.split_off(last + 1);
        }
        self.end += text.len() as u64;
        if start == 0 && text.starts_with(BOM) {
            text.drain(..BOM.len());
        }
        if text.is_empty() {
            return Ok(None);
        }
        // What is kept may be nothing, and nothing may follow.
        let is_last = self.is_over || (self.kept.is_empty() && self.is_at_end()?);
        Ok(Some(Block {
            text,
            end: self.end,
            is_last,
        }))
    }

    /// Whether the file has no more; a byte that it has is kept.
    fn is_at_end(&mut self) -> Result<bool, DataError> {
        let mut byte = Vec::new();
        let read = (&mut self.reader).take(1).read_to_end(&mut byte);
        read.map_err(|error| self.failed(error))?;
        self.is_over = byte.is_empty();
        self.kept = byte;
        Ok(self.is_over)
    }

    fn failed(&self, error: std::io::Error) -> DataError {
        if !self.is_gzip {
            return DataError::read(&self.path)(error);
        }
        let found = format!(
            "gzip data that end badly behind {} bytes of text ({error})",
            self.end
        );
        DataError::unusable(&self.path, found, "a whole file; get it again")
    }
}
