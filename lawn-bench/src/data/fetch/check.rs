//! What a file is, compared with what it should be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::catalogue::{PublicFile, SUMS};
use crate::Error;
use crate::run::files;

/// What was measured of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeasure {
    /// Its size.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

impl FileMeasure {
    /// Reads the file at `path`.
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let (mut hasher, mut bytes, mut lines, mut last) = (Sha256::new(), 0, 0, b'\n');
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer).map_err(Error::io("read", path))?;
            let Some(&end) = buffer[..count].last() else {
                break;
            };
            hasher.update(&buffer[..count]);
            bytes += count as u64;
            lines += buffer[..count]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count() as u64;
            last = end;
        }
        let digits = hasher
            .finalize()
            .into_iter()
            .map(|byte| format!("{byte:02x}"));
        Ok(Self {
            bytes,
            // A last line may lack its end.
            lines: lines + u64::from(last != b'\n'),
            sha256: digits.collect(),
        })
    }

    /// The first difference to `file`, whose SHA-256 was `recorded` at an earlier time.
    pub(super) fn difference(
        &self,
        file: &PublicFile,
        recorded: Option<&String>,
    ) -> Option<Difference> {
        let number = |what, expected: Option<u64>, found: u64| {
            expected
                .filter(|&expected| expected != found)
                .map(|expected| Difference {
                    what,
                    expected: expected.to_string(),
                    found: found.to_string(),
                })
        };
        let digest = |expected: &String| {
            (!expected.eq_ignore_ascii_case(&self.sha256)).then(|| Difference {
                what: "SHA-256",
                expected: expected.clone(),
                found: self.sha256.clone(),
            })
        };
        number("size in bytes", file.bytes, self.bytes)
            .or_else(|| number("number of lines", file.lines, self.lines))
            .or_else(|| file.sha256.as_ref().or(recorded).and_then(digest))
    }
}

/// How a file differs from what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: &'static str,
    pub(super) expected: String,
    pub(super) found: String,
}

/// The SHA-256 recorded in `folder`, by file; none where nothing was recorded.
pub(super) fn recorded(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    let path = folder.join(SUMS);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let entry = |line: &str| {
        let (digits, name) = line.split_once(char::is_whitespace)?;
        // An asterisk marks what was read as bytes, as all is here.
        let name = name.trim_start().trim_start_matches('*');
        Some((name.to_owned(), digits.to_owned()))
    };
    Ok(text.lines().filter_map(entry).collect())
}

/// Records the SHA-256 of the files of `folder`, and says whether it did: a file of that name
/// that somebody else wrote, as publishers do, stays as it is.
pub(super) fn record(folder: &Path, sums: &BTreeMap<String, String>) -> Result<bool, Error> {
    let path = folder.join(SUMS);
    if std::fs::symlink_metadata(&path).is_ok() {
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        if there != text(&recorded(folder)?) {
            return Ok(false);
        }
    }
    files::write(&path, text(sums).as_bytes()).map(|()| true)
}

/// The file as [`record`] writes it: by name, and nothing else in it.
fn text(sums: &BTreeMap<String, String>) -> String {
    let line = |(name, digits): (&String, &String)| format!("{digits}  {name}\n");
    sums.iter().map(line).collect()
}
