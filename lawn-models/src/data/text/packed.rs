//! Bytes of a file as they were before they were packed.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::read::MultiGzDecoder;

use crate::data::error::DataError;

/// What gzip begins a file with.
const GZIP: &[u8] = b"\x1f\x8b";

/// What files begin with that are no text, and what they are.
const NO_TEXT: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"BZh", "bzip2 data"),
    (b"PAR1", "a Parquet file"),
];

/// Bytes at the beginning of a file that it is known by.
const HEAD: usize = 4;

/// The path of a file, or of what gzip made of it, whichever is there; the first where neither is.
pub(in crate::data) fn packed_or_not(path: PathBuf) -> PathBuf {
    let mut packed = path.clone().into_os_string();
    packed.push(".gz");
    let packed = PathBuf::from(packed);
    if !path.is_file() && packed.is_file() {
        packed
    } else {
        path
    }
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

/// A file, unpacked while it is read.
pub(super) struct Unpacked {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    is_gzip: bool,
    /// Bytes that were read of the text.
    place: u64,
}

impl Unpacked {
    /// Opens a file `from` a place of its text. `read` counts bytes of the file, wherever it is
    /// begun.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Unusable`] where it is no text.
    pub(super) fn open(path: &Path, from: u64, read: Arc<AtomicU64>) -> Result<Self, DataError> {
        let failed = || DataError::read(path);
        let mut file = File::open(path).map_err(failed())?;
        let mut first = Vec::new();
        (&mut file)
            .take(HEAD as u64)
            .read_to_end(&mut first)
            .map_err(failed())?;
        for (magic, what) in NO_TEXT {
            if first.starts_with(magic) {
                return Err(DataError::unusable(path, what, "text, or gzip of it"));
            }
        }
        let is_gzip = first.starts_with(GZIP);
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
        let mut unpacked = Self {
            path: path.to_owned(),
            reader,
            is_gzip,
            place: start,
        };
        unpacked.skip(from - start)?;
        Ok(unpacked)
    }

    fn skip(&mut self, count: u64) -> Result<(), DataError> {
        let mut passed = (&mut self.reader).take(count);
        let skipped = std::io::copy(&mut passed, &mut std::io::sink());
        self.place += skipped.map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Adds as many bytes as are wanted, or as there are, and gives their number.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Unusable`] for gzip data that end badly.
    pub(super) fn read(&mut self, wanted: usize, into: &mut Vec<u8>) -> Result<usize, DataError> {
        let read = (&mut self.reader).take(wanted as u64).read_to_end(into);
        let read = read.map_err(|error| self.failed(error))?;
        self.place += read as u64;
        Ok(read)
    }

    /// Reads what a text begins with.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`DataError::Unusable`] for two bytes a character.
    pub(super) fn head(&mut self) -> Result<Vec<u8>, DataError> {
        let mut head = Vec::new();
        self.read(HEAD, &mut head)?;
        let is_marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
        let place = match is_marked {
            true => Some(0),
            false => head.iter().position(|&byte| byte == 0),
        };
        let Some(place) = place else {
            return Ok(head);
        };
        let found = format!(
            "the byte 0x{:02X} at byte {place}, as in UTF-16",
            head[place]
        );
        let expected = format!(
            "ASCII or UTF-8, which this makes of it: iconv -f UTF-16 -t UTF-8 {}",
            self.path.display()
        );
        Err(DataError::unusable(&self.path, found, expected))
    }

    fn failed(&self, error: std::io::Error) -> DataError {
        if !self.is_gzip {
            return DataError::read(&self.path)(error);
        }
        let found = format!(
            "gzip data that end badly behind {} bytes of text ({error})",
            self.place
        );
        DataError::unusable(&self.path, found, "a whole file; get it again")
    }
}
