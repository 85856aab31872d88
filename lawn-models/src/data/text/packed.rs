//! Bytes of a file as they were before they were packed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::bufread::GzDecoder;

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

/// The text of gzip's members, one behind the other, with zeros behind them or not, as tapes and
/// block devices fill up files: gzip(1) passes over those as well.
struct Members<R: BufRead> {
    /// None behind the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    fn new(packed: R) -> Self {
        Self {
            member: Some(GzDecoder::new(packed)),
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            let packed = self.member.take().map(GzDecoder::into_inner);
            let mut packed = packed.expect("it was read");
            let is_more = pass_zeros(&mut packed)?;
            self.member = is_more.then(|| GzDecoder::new(packed));
        }
        Ok(0)
    }
}

/// Passes over zeros, and says whether anything else follows.
fn pass_zeros(packed: &mut impl BufRead) -> std::io::Result<bool> {
    loop {
        let ahead = packed.fill_buf()?;
        if ahead.is_empty() {
            return Ok(false);
        }
        let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
        let is_more = zeros < ahead.len();
        packed.consume(zeros);
        if is_more {
            return Ok(true);
        }
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
            true => Box::new(Members::new(BufReader::with_capacity(1 << 18, counted))),
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
        let mut passed = Vec::new();
        let end = self.place + count;
        while self.place < end {
            let wanted = (end - self.place).min(1 << 18) as usize;
            passed.clear();
            if self.read(wanted, &mut passed)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Adds as many bytes as are wanted, or as there are, and gives their number.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Unusable`] for gzip data that end badly.
    pub(super) fn read(&mut self, wanted: usize, into: &mut Vec<u8>) -> Result<usize, DataError> {
        let before = into.len();
        let read = (&mut self.reader).take(wanted as u64).read_to_end(into);
        // What came before an error is there.
        self.place += (into.len() - before) as u64;
        read.map_err(|error| self.failed(error))
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
