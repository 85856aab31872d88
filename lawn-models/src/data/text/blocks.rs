//! The text of a file in blocks of whole lines.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::packed::Unpacked;
use super::quotes::last_line_end;
use super::shown::shown;
use crate::data::error::DataError;

/// Bytes of a block, usually, and of a line at most.
pub(in crate::data) const BLOCK: usize = 16 << 20;

/// Bytes that are looked at together for a first line.
const FIRST: usize = 1 << 16;

/// What a file in UTF-8 may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A place in a text where a line begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::data) struct Place {
    /// Bytes before it, unpacked.
    pub(in crate::data) byte: u64,
    /// Lines before it.
    pub(in crate::data) lines: u64,
}

/// Blocks of the text of a file.
pub(in crate::data) struct Blocks {
    path: PathBuf,
    text: Unpacked,
    /// What was read and not given.
    kept: Vec<u8>,
    /// Behind the last block.
    place: Place,
    size: usize,
    /// Whether the file has no more than what is kept.
    is_read: bool,
}

/// Lines that follow each other, the last of a file with an end or without.
#[derive(Debug)]
pub(in crate::data) struct Block {
    pub(in crate::data) text: Vec<u8>,
    /// Where it begins.
    pub(in crate::data) start: Place,
    /// The place in the text behind it.
    pub(in crate::data) end: u64,
    /// Whether nothing follows it.
    pub(in crate::data) is_last: bool,
}

impl Blocks {
    /// Opens a file at its beginning, for blocks of the usual size.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub(in crate::data) fn open(path: &Path) -> Result<Self, DataError> {
        Self::at(path, Place::default(), BLOCK, Arc::default())
    }

    /// Opens a file at a place of its text. Blocks have up to `size` bytes; `read` counts those
    /// of the file, wherever it is begun.
    ///
    /// # Errors
    /// [`DataError::Read`], and [`DataError::Unusable`] where it is no text.
    pub(in crate::data) fn at(
        path: &Path,
        place: Place,
        size: usize,
        read: Arc<AtomicU64>,
    ) -> Result<Self, DataError> {
        let mut text = Unpacked::open(path, place.byte, read)?;
        let kept = match place.byte {
            0 => text.head()?,
            _ => Vec::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            text,
            kept,
            place,
            size,
            is_read: false,
        })
    }

    /// The first line, without its end, before anything else is read; none in an empty file.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(in crate::data) fn first_line(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        loop {
            let end = memchr::memchr(b'\n', &self.kept);
            if end.is_some() || self.is_read {
                let text = self.kept.strip_prefix(MARK).unwrap_or(&self.kept);
                let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                return Ok((!text.is_empty()).then_some(line));
            }
            if self.kept.len() >= self.size {
                return Err(self.too_long(&self.kept));
            }
            let mut kept = std::mem::take(&mut self.kept);
            let wanted = (2 * kept.len()).clamp(FIRST.min(self.size), self.size);
            self.fill(&mut kept, wanted)?;
            self.kept = kept;
        }
    }

    /// The next block, if there is one. A line end within double quotes is none in a text of
    /// columns with the separator `quoting`.
    ///
    /// # Errors
    /// [`DataError`] naming the file: it cannot be read, is cut short, or has a line, which is
    /// named, that is longer than a block.
    pub(in crate::data) fn next(
        &mut self,
        quoting: Option<u8>,
    ) -> Result<Option<Block>, DataError> {
        let start = self.place;
        let mut text = std::mem::take(&mut self.kept);
        if !self.is_read {
            text.reserve((self.size + 1).saturating_sub(text.len()));
            self.fill(&mut text, self.size)?;
        }
        if !self.is_read {
            let Some(end) = last_line_end(&text, quoting) else {
                return Err(self.too_long(&text));
            };
            self.kept = text.split_off(end);
        }
        self.place.byte += text.len() as u64;
        self.place.lines += ends(&text);
        if start.byte == 0 && text.starts_with(MARK) {
            text.drain(..MARK.len());
        }
        if text.is_empty() {
            return Ok(None);
        }
        // What is kept may be nothing, and nothing may follow.
        if !self.is_read && self.kept.is_empty() {
            let mut kept = Vec::new();
            self.is_read = self.text.read(1, &mut kept)? == 0;
            self.kept = kept;
        }
        Ok(Some(Block {
            text,
            start,
            end: self.place.byte,
            is_last: self.is_read && self.kept.is_empty(),
        }))
    }

    /// Reads until there are `wanted` bytes, one more at least, or no more.
    fn fill(&mut self, text: &mut Vec<u8>, wanted: usize) -> Result<(), DataError> {
        let wanted = wanted.saturating_sub(text.len()).max(1);
        self.is_read = self.text.read(wanted, text)? < wanted;
        Ok(())
    }

    fn too_long(&self, text: &[u8]) -> DataError {
        let first = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
        let has_ends = first.len() < text.len();
        DataError::Field {
            path: self.path.clone(),
            line: self.place.lines as usize + 1,
            field: "line",
            value: shown(first),
            allowed: match has_ends {
                false => format!("up to {} bytes", self.size),
                true => format!(
                    "a double quote that opens a field and another that closes it within {} bytes",
                    self.size
                ),
            },
        }
    }
}

/// Line ends of a text.
fn ends(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn blocks(bytes: &[u8], size: usize) -> Result<Vec<Block>, String> {
        let (_kept, path) = file(bytes);
        let all = || -> Result<Vec<Block>, DataError> {
            let mut blocks = Blocks::at(&path, Place::default(), size, Arc::default())?;
            let mut all = Vec::new();
            while let Some(block) = blocks.next(Some(b','))? {
                all.push(block);
            }
            Ok(all)
        };
        all().map_err(|error| error.to_string())
    }

    fn text(bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
        Ok(blocks(bytes, size)?
            .into_iter()
            .flat_map(|block| block.text)
            .collect())
    }

    #[test]
    fn packed_files_and_marks_are_seen_through() {
        let plain = "1\t2\n".repeat(5_000);
        let marked = [MARK, plain.as_bytes()].concat();
        // Files of several members are what `cat a.gz b.gz` makes.
        let twice = [gzip(&marked), gzip(plain.as_bytes())].concat();
        for (bytes, expected) in [
            (plain.clone().into_bytes(), plain.clone()),
            (marked.clone(), plain.clone()),
            (gzip(&marked), plain.clone()),
            (twice, plain.repeat(2)),
            (Vec::new(), String::new()),
            (MARK.to_vec(), String::new()),
        ] {
            assert_eq!(text(&bytes, BLOCK).unwrap(), expected.as_bytes());
            assert_eq!(text(&bytes, 50).unwrap(), expected.as_bytes());
        }
    }

    #[test]
    fn two_bytes_a_character_and_other_formats_are_named() {
        let utf16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        let marked = [vec![0xff, 0xfe], utf16("1\t2\n")].concat();
        for (bytes, parts) in [
            (marked.clone(), ["0xFF at byte 0", "iconv"]),
            (gzip(&marked), ["0xFF at byte 0", "iconv"]),
            (utf16("12\t3\n"), ["0x00 at byte 1", "iconv"]),
            (b"PK\x03\x04rest".to_vec(), ["a zip archive", "gzip"]),
            (b"PAR1rest".to_vec(), ["a Parquet file", "gzip"]),
        ] {
            let error = text(&bytes, BLOCK).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn a_cut_file_is_an_error_with_its_name() {
        let mut bytes = gzip("1\t2\n".repeat(50_000).as_bytes());
        bytes.truncate(bytes.len() / 2);
        let error = text(&bytes, BLOCK).unwrap_err();
        assert!(
            error.contains("x.csv: found gzip data that end badly"),
            "{error}"
        );
    }

    /// The bytes of text that come out before the error: all but the last few of them.
    #[test]
    fn a_cut_file_is_known_by_what_it_still_has() {
        let plain: String = (0..400_000)
            .map(|row| format!("{row}\t{}\n", row * 7))
            .collect();
        let whole = gzip(plain.as_bytes());
        for (kept, size) in [
            (whole.len() - 3, BLOCK),
            (whole.len() - 3, 1 << 16),
            (whole.len() / 2, BLOCK),
        ] {
            let error = text(&whole[..kept], size).unwrap_err();
            let (_, place) = error.split_once("end badly behind ").unwrap();
            let place = place.split(' ').next().unwrap();
            let place: f64 = place.parse().unwrap();
            let expected = (plain.len() * kept) as f64 / whole.len() as f64;
            assert!(
                (place / expected - 1.0).abs() < 0.1,
                "{error}, not {expected}"
            );
        }
    }

    #[test]
    fn zeros_behind_gzip_data_are_nothing_and_other_bytes_are_named() {
        let plain = "1\t2\n".repeat(5_000);
        let packed = gzip(plain.as_bytes());
        let zeros = vec![0; 512];
        let padded = [&packed[..], &zeros].concat();
        let twice = [&padded[..], &packed, &vec![0; 1 << 19]].concat();
        assert_eq!(text(&padded, BLOCK).unwrap(), plain.as_bytes());
        assert_eq!(text(&twice, 50).unwrap(), plain.repeat(2).as_bytes());
        let error = text(&[&padded[..], b"rest"].concat(), BLOCK).unwrap_err();
        assert!(
            error.contains("end badly behind 20000 bytes of text"),
            "{error}"
        );
    }

    #[test]
    fn blocks_know_their_places_and_which_is_the_last() {
        for (bytes, size) in [
            (&b"ab\ncd\nef\ngh\n"[..], 6),
            (b"ab\ncd\nef\ngh\n", 7),
            (b"ab\ncd\nef\ngh", 6),
            (b"ab\ncd\nef\ngh", 100),
        ] {
            let all = blocks(bytes, size).unwrap();
            let (mut byte, mut lines) = (0, 0);
            for block in &all {
                assert_eq!(block.start, Place { byte, lines });
                byte += block.text.len() as u64;
                lines += ends(&block.text);
                assert_eq!(block.end, byte);
            }
            assert_eq!(byte, bytes.len() as u64);
            let last: Vec<bool> = all.iter().map(|block| block.is_last).collect();
            assert_eq!(last.iter().filter(|&&last| last).count(), 1, "{last:?}");
            assert_eq!(last.last(), Some(&true));
        }
        let quoted = blocks(b"a,b\n\"c\nd\",e\nf,g\n", 10).unwrap();
        assert_eq!(quoted[0].text, b"a,b\n");
        assert_eq!(quoted[1].text, b"\"c\nd\",e\n");
        assert_eq!(quoted[2].start.lines, 3);
    }

    #[test]
    fn a_line_that_is_longer_than_a_block_is_named() {
        let long = "5".repeat(200);
        let error = blocks(format!("1,2\n3,4\n{long}\n").as_bytes(), 100).unwrap_err();
        assert!(error.contains("x.csv:3: line is \"555"), "{error}");
        assert!(error.contains("allowed is up to 100 bytes"), "{error}");
        assert!(error.len() < 250, "{error}");
        let open = format!("1,2\n3,\"4\n{}", "5,6\n".repeat(50));
        let error = blocks(open.as_bytes(), 100).unwrap_err();
        assert!(error.contains("x.csv:2: line is \"3,\"4\""), "{error}");
        assert!(error.contains("closes it within 100 bytes"), "{error}");
        // The first line, which is looked at before the others.
        let (_kept, path) = file(long.as_bytes());
        let mut first = Blocks::at(&path, Place::default(), 100, Arc::default()).unwrap();
        let error = first.first_line().unwrap_err().to_string();
        assert!(error.contains("x.csv:1: line is"), "{error}");
    }

    /// Sixty-four mebibytes of a single line, packed to a thousandth.
    #[test]
    fn what_unpacks_to_a_line_without_an_end_is_refused_after_a_block() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![b'0'; 1 << 20];
        for _ in 0..64 {
            packer.write_all(&zeros).unwrap();
        }
        let (_kept, path) = file(&packer.finish().unwrap());
        let mut blocks = Blocks::open(&path).unwrap();
        assert!(blocks.next(None).is_err());
        assert!(blocks.kept.capacity() <= 2 * BLOCK);
        assert!(Blocks::open(&path).unwrap().first_line().is_err());
    }

    #[test]
    fn the_first_line_is_seen_before_the_others() {
        for (bytes, expected) in [
            (&b"a,b\r\n1,2\n"[..], Some(&b"a,b"[..])),
            (b"\xef\xbb\xbfa,b\n", Some(b"a,b")),
            (b"a", Some(b"a")),
            (b"", None),
            (b"\xef\xbb\xbf", None),
        ] {
            let (_kept, path) = file(bytes);
            let mut blocks = Blocks::open(&path).unwrap();
            assert_eq!(blocks.first_line().unwrap().as_deref(), expected);
            let whole = blocks.next(None).unwrap().map(|block| block.text);
            let without = bytes.strip_prefix(MARK).unwrap_or(bytes);
            assert_eq!(whole.unwrap_or_default(), without);
        }
    }
}
