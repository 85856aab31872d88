//! Text files as bytes: packed by gzip or not, with a byte-order mark or without.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::data::error::DataError;

/// Bytes that lines are read in at once.
const BLOCK: usize = 16 << 20;

/// Bytes at the beginning of a file that its encoding is told by.
const HEAD: usize = 4_096;

/// What gzip begins a file with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What some editors begin UTF-8 with.
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The path of a file, or of what gzip made of it, whichever is there; the first where neither is.
pub(super) fn packed_or_not(path: PathBuf) -> PathBuf {
    let mut packed = path.clone().into_os_string();
    packed.push(".gz");
    let packed = PathBuf::from(packed);
    if !path.is_file() && packed.is_file() {
        packed
    } else {
        path
    }
}

/// The whole file, unpacked, without a byte-order mark.
///
/// # Errors
/// [`DataError::Read`], and [`DataError::Unusable`] for UTF-16.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let Blocks {
        mut source,
        rest: mut text,
        ..
    } = Blocks::open(path)?;
    source
        .read_to_end(&mut text)
        .map_err(DataError::read(path))?;
    Ok(text)
}

/// Lines of a file, many at once, each block to the end of a line.
pub(super) struct Blocks {
    path: PathBuf,
    source: Box<dyn Read + Send>,
    /// What was read and not given.
    rest: Vec<u8>,
    ended: bool,
}

impl Blocks {
    /// # Errors
    /// As [`read`].
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let open = || -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
            let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
            let is_packed = io::BufRead::fill_buf(&mut file)?.starts_with(&GZIP);
            let mut source: Box<dyn Read + Send> = if is_packed {
                Box::new(MultiGzDecoder::new(file))
            } else {
                Box::new(file)
            };
            let mut head = Vec::new();
            source.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
            Ok((head, source))
        };
        let (mut rest, source) = open().map_err(DataError::read(path))?;
        require_bytes(path, &rest)?;
        if rest.starts_with(&MARK) {
            rest.drain(..MARK.len());
        }
        Ok(Self {
            path: path.to_owned(),
            source,
            rest,
            ended: false,
        })
    }

    /// The first line, without its end, before anything else is read; none in an empty file.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn first_line(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        loop {
            let end = self.rest.iter().position(|&byte| byte == b'\n');
            if end.is_some() || self.ended {
                let line = &self.rest[..end.unwrap_or(self.rest.len())];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                return Ok((!self.rest.is_empty()).then_some(line));
            }
            let mut rest = std::mem::take(&mut self.rest);
            self.fill(&mut rest)?;
            self.rest = rest;
        }
    }

    /// The next lines; none at the end. A line end within double quotes is none in a text of
    /// columns with the separator `quoting`.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(super) fn next(&mut self, quoting: Option<u8>) -> Result<Option<Vec<u8>>, DataError> {
        let mut block = std::mem::take(&mut self.rest);
        loop {
            if !self.ended {
                self.fill(&mut block)?;
            }
            if self.ended {
                return Ok((!block.is_empty()).then_some(block));
            }
            if let Some(end) = last_line_end(&block, quoting) {
                self.rest = block.split_off(end);
                return Ok(Some(block));
            }
        }
    }

    fn fill(&mut self, block: &mut Vec<u8>) -> Result<(), DataError> {
        let wanted = BLOCK as u64;
        let found = self.source.by_ref().take(wanted).read_to_end(block);
        self.ended = (found.map_err(DataError::read(&self.path))? as u64) < wanted;
        Ok(())
    }
}

/// The place after the last line end that is not within quotes.
fn last_line_end(block: &[u8], quoting: Option<u8>) -> Option<usize> {
    if let Some(separator) = quoting.filter(|_| block.contains(&b'"')) {
        return quotes(block, separator).last_line_end;
    }
    let end = block.iter().rposition(|&byte| byte == b'\n');
    end.map(|end| end + 1)
}

/// What double quotes make of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quotes {
    /// The place after the last line end that is not within quotes.
    last_line_end: Option<usize>,
    /// The place of a quote that is not closed.
    pub(super) open: Option<usize>,
}

/// Where the quotes of fields are, as the crate `csv` takes them: they open at the start of a
/// field alone, and two within a field are one of its letters.
pub(super) fn quotes(block: &[u8], separator: u8) -> Quotes {
    enum At {
        FieldStart,
        Field,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    let (mut opened, mut last_line_end) = (0, None);
    for (place, &byte) in block.iter().enumerate() {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) | (At::QuoteInQuoted, b'"') => At::Quoted,
            (At::FieldStart, b'"') => {
                opened = place;
                At::Quoted
            }
            (_, b'\n') => {
                last_line_end = Some(place + 1);
                At::FieldStart
            }
            (_, b'\r') => At::FieldStart,
            (_, byte) if byte == separator => At::FieldStart,
            _ => At::Field,
        };
    }
    Quotes {
        last_line_end,
        open: matches!(at, At::Quoted).then_some(opened),
    }
}

/// Refuses what has two bytes a character.
fn require_bytes(path: &Path, head: &[u8]) -> Result<(), DataError> {
    let place = if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        Some(0)
    } else {
        head.iter().position(|&byte| byte == 0)
    };
    let Some(place) = place else {
        return Ok(());
    };
    let found = format!(
        "the byte 0x{:02X} at byte {place}, as in UTF-16",
        head[place]
    );
    let expected = format!(
        "ASCII or UTF-8, which this makes of it: iconv -f UTF-16 -t UTF-8 {}",
        path.display()
    );
    Err(DataError::unusable(path, found, expected))
}

/// The lines of a text, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let has_lines = !text.is_empty();
    let lines = text.split(|&byte| byte == b'\n').filter(move |_| has_lines);
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A whole number without a sign.
pub(super) fn whole(field: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for &byte in field {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    (!field.is_empty()).then_some(number)
}

/// A number with or without a sign, a point and an exponent; never infinite or NaN.
pub(super) fn finite(field: &[u8]) -> Option<f64> {
    if let &[digit @ b'0'..=b'9'] = field {
        return Some(f64::from(digit - b'0'));
    }
    let number: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Seconds since 1970.
pub(super) fn seconds(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, field),
    };
    let number = i64::try_from(whole(digits)?).ok()?;
    Some(if negative { -number } else { number })
}

/// A field as a message shows it: bytes that are no ASCII by their numbers.
pub(super) fn shown(field: &[u8]) -> String {
    const MOST: usize = 80;
    let mut shown = match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => field.escape_ascii().to_string(),
    };
    if shown.chars().count() > MOST {
        shown = shown.chars().take(MOST).collect();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

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

    #[test]
    fn packed_files_and_marks_are_seen_through() {
        let text = "1\t2\n".repeat(5_000);
        let marked = [&MARK[..], text.as_bytes()].concat();
        // Files of several members are what `cat a.gz b.gz` makes.
        let twice = [gzip(&marked), gzip(text.as_bytes())].concat();
        for (bytes, expected) in [
            (text.clone().into_bytes(), text.clone()),
            (marked.clone(), text.clone()),
            (gzip(&marked), text.clone()),
            (twice, text.repeat(2)),
            (Vec::new(), String::new()),
        ] {
            let (_kept, path) = file(&bytes);
            assert_eq!(read(&path).unwrap(), expected.as_bytes());
        }
    }

    #[test]
    fn two_bytes_a_character_are_named() {
        let utf16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        let marked = [vec![0xff, 0xfe], utf16("1\t2\n")].concat();
        for (bytes, place) in [
            (marked, "0xFF at byte 0"),
            (utf16("12\t3\n"), "0x00 at byte 1"),
        ] {
            let (_kept, path) = file(&bytes);
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains("iconv"), "{error}");
        }
    }

    #[test]
    fn a_cut_file_is_an_error_with_its_name() {
        let mut bytes = gzip("1\t2\n".repeat(50_000).as_bytes());
        bytes.truncate(bytes.len() / 2);
        let (_kept, path) = file(&bytes);
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read") && error.contains("x.csv"),
            "{error}"
        );
    }

    #[test]
    fn blocks_end_with_lines_and_not_within_quotes() {
        let comma = Some(b',');
        assert_eq!(last_line_end(b"a\nb\nc", None), Some(4));
        assert_eq!(last_line_end(b"a\n\"b\nc", comma), Some(2));
        assert_eq!(last_line_end(b"a\n\"b\nc\"\nd", comma), Some(8));
        assert_eq!(last_line_end(b"abc", comma), None);
        assert_eq!(last_line_end(b"a\n\"b\nc", None), Some(5));
        // A quote within a field opens nothing.
        assert_eq!(last_line_end(b"7\" single\nb\nc", comma), Some(12));
        assert_eq!(last_line_end(b"a,\"b\"\"\nc\"\nd", comma), Some(10));
        let open = |text: &[u8]| quotes(text, b',').open;
        assert_eq!(open(b"a,\"b\nc"), Some(2));
        assert_eq!(open(b"a,\"b\"\nc"), None);
        assert_eq!(open(b"a, \"b\nc"), None);
        assert_eq!(open(b"a,\"b\"\""), Some(2));
        assert_eq!(open(b"a,\"b\""), None);
    }

    #[test]
    fn numbers_are_read_as_they_stand() {
        assert_eq!(
            [whole(b"0"), whole(b"18446744073709551615")],
            [Some(0), Some(u64::MAX)]
        );
        for bad in [
            &b""[..],
            b"18446744073709551616",
            b"1.0",
            b"-1",
            b" 1",
            b"x",
        ] {
            assert_eq!(whole(bad), None, "{}", shown(bad));
        }
        assert_eq!(
            [finite(b"4"), finite(b"-3.5"), finite(b"1e3")],
            [Some(4.0), Some(-3.5), Some(1e3)]
        );
        assert_eq!(
            [finite(b"nan"), finite(b"inf"), finite(b"caf\xe9")],
            [None; 3]
        );
        assert_eq!(
            [seconds(b"-7"), seconds(b"1.5"), seconds(b"--1")],
            [Some(-7), None, None]
        );
    }

    #[test]
    fn line_ends_of_all_systems_are_no_part_of_lines() {
        let of = |text: &'static [u8]| lines(text).collect::<Vec<_>>();
        assert_eq!(of(b"a\r\nb\n"), [b"a", b"b"]);
        assert_eq!(of(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
        assert!(of(b"").is_empty() && of(b"\n").is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_by_number() {
        assert_eq!(shown(b"caf\xe9"), "caf\\xe9");
        assert_eq!(shown("café".as_bytes()), "café");
    }
}
