//! JSON documents of a run: each has the version of its schema and its checksum.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::ser::PrettyFormatter;

use crate::error::{Error, Fault, Place};
use crate::run::files;

/// A JSON document of a run, with the version of its schema in front.
#[derive(Serialize)]
struct Versioned<T> {
    schema: u32,
    #[serde(flatten)]
    content: T,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

/// The checksum of a JSON object, which stands last in it: the first 16
/// hexadecimal digits of the BLAKE3 hash of the text before it.
pub(crate) struct Seal {
    open: &'static str,
    close: &'static str,
    /// How the object ends without the checksum.
    end: &'static str,
}

impl Seal {
    /// Of an object on one line.
    pub(crate) const LINE: Self = Self {
        open: ",\"checksum\":\"",
        close: "\"}",
        end: "}",
    };

    /// Of a file that holds one object.
    const DOCUMENT: Self = Self {
        open: ",\n  \"checksum\": \"",
        close: "\"\n}\n",
        end: "\n}\n",
    };

    const DIGITS: usize = 16;

    /// The checksum of `bytes`.
    pub(crate) fn digits(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex()[..Self::DIGITS].to_owned()
    }

    /// Puts the checksum into an object, whose text is `bytes`.
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.truncate(bytes.len() - self.end.len());
        let digits = Self::digits(bytes);
        bytes.extend(self.open.as_bytes());
        bytes.extend(digits.as_bytes());
        bytes.extend(self.close.as_bytes());
    }

    /// The object without its checksum; none where it has no checksum.
    ///
    /// # Errors
    ///
    /// In words, where the text is not what was written.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let sealed = bytes.strip_suffix(self.close.as_bytes());
        let Some((text, found)) =
            sealed.and_then(|rest| rest.split_last_chunk::<{ Self::DIGITS }>())
        else {
            return Ok(None);
        };
        let Some(text) = text.strip_suffix(self.open.as_bytes()) else {
            return Ok(None);
        };
        if Self::digits(text).as_bytes() != found {
            return Err("its checksum is not that of its text".into());
        }
        Ok(Some([text, self.end.as_bytes()].concat()))
    }
}

/// Writes `content` as JSON with its schema version and a checksum, as [`files::write`] does.
///
/// # Errors
///
/// As [`files::write`].
pub fn write<T: Serialize>(path: &Path, schema: u32, content: &T) -> Result<(), Error> {
    files::write(path, &to_bytes(path, schema, content)?)
}

/// The bytes of a JSON document with its schema version, for the file `path`.
///
/// # Errors
///
/// [`Error::Damaged`] where `content` has no JSON form.
pub fn to_bytes<T: Serialize>(path: &Path, schema: u32, content: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    Versioned { schema, content }
        .serialize(&mut serializer)
        .map_err(|error| Error::damaged(path, error.to_string()))?;
    bytes.push(b'\n');
    Seal::DOCUMENT.put(&mut bytes);
    Ok(bytes)
}

/// Reads what [`write`] wrote, in one of the `known` versions of its schema.
///
/// # Errors
///
/// [`Error::Io`] where the file cannot be read, and as [`parse`].
pub fn read<T: DeserializeOwned>(path: &Path, known: RangeInclusive<u32>) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    parse(path, &bytes, known)
}

/// As [`read`], where the file is there.
///
/// # Errors
///
/// As [`read`].
pub fn read_if_there<T: DeserializeOwned>(
    path: &Path,
    known: RangeInclusive<u32>,
) -> Result<Option<T>, Error> {
    match path.exists() {
        true => read(path, known).map(Some),
        false => Ok(None),
    }
}

/// The content of a JSON document, `bytes`, that was read from `path`.
///
/// # Errors
///
/// [`Error::Newer`] and [`Error::Older`] where its schema is above or below `known`,
/// [`Error::Damaged`] with line and column where it is not valid, and where it is not what
/// was written; [`Error::Foreign`] where it is what was written, and no `T`. Documents of
/// schema 1 may have no checksum.
pub fn parse<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    known: RangeInclusive<u32>,
) -> Result<T, Error> {
    Document::open(path, bytes, known)?.content()
}

/// A JSON document whose checksum and version are those that they should be.
pub(crate) struct Document<'a> {
    /// The file.
    pub(crate) path: &'a Path,
    text: Cow<'a, [u8]>,
    /// Version of its schema.
    pub(crate) schema: u32,
    /// Whether a checksum says that it is what was written.
    is_sealed: bool,
}

impl<'a> Document<'a> {
    /// The document `bytes`, that was read from `path`.
    ///
    /// # Errors
    ///
    /// As [`parse`], what it holds aside.
    pub(crate) fn open(
        path: &'a Path,
        bytes: &'a [u8],
        known: RangeInclusive<u32>,
    ) -> Result<Self, Error> {
        let said = damaged(path);
        let sealed = Seal::DOCUMENT.check(bytes).map_err(&said)?;
        let is_sealed = sealed.is_some();
        let text = sealed.map_or(Cow::Borrowed(bytes), Cow::Owned);
        // The version first: the rest of a newer file may mean something else.
        let SchemaOnly { schema } =
            serde_json::from_slice(&text).map_err(|error| said(error.to_string()))?;
        if schema > *known.end() {
            return Err(Error::newer(path, schema, *known.end()));
        }
        if schema < *known.start() {
            let instead = "begin anew in another folder with --out";
            return Err(Error::older(path, schema, *known.start(), instead));
        }
        if schema > 1 && !is_sealed {
            return Err(said("it has no checksum".into()));
        }
        Ok(Self {
            path,
            text,
            schema,
            is_sealed,
        })
    }

    /// What it holds.
    ///
    /// # Errors
    ///
    /// Where that is no `T`: [`Error::Foreign`] if it is what was written, [`Error::Damaged`]
    /// if nothing says so, both with line and column.
    pub(crate) fn content<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // Not by way of `Versioned`: serde holds all that it flattens in memory at once.
        serde_json::from_slice(&self.text).map_err(|error| {
            let place = Place::file(self.path);
            match self.is_sealed {
                true => Error::Foreign(Box::new(Fault::new(place, error.to_string()))),
                false => Error::damaged(self.path, error.to_string()),
            }
        })
    }
}

fn damaged(path: &Path) -> impl Fn(String) -> Error {
    move |found| Error::damaged(path, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_schemas_are_refused_by_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.json");
        write(&path, 3, &std::collections::BTreeMap::from([("a", 1)])).expect("it can be written");
        let there: std::collections::BTreeMap<String, u32> =
            read(&path, 1..=3).expect("it can be read");
        assert_eq!(there["a"], 1);
        let refused = read::<serde_json::Value>(&path, 4..=5).expect_err("3 is too old");
        let said = refused.to_string();
        assert!(matches!(refused, Error::Older(_)), "{said}");
        for part in ["x.json has schema 3; allowed: from 4 on; ", "--out"] {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
        let refused = read::<serde_json::Value>(&path, 1..=2).expect_err("3 is newer than 2");
        assert!(matches!(refused, Error::Newer(_)), "{refused}");
        let said = "x.json has schema 3; allowed: up to 2; use a newer lawn";
        assert!(refused.to_string().ends_with(said), "{refused}");
    }

    #[test]
    fn damage_names_the_file_and_the_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.json");
        files::write(&path, b"{ \"schema\": 1,\n \"a\" }").expect("it can be written");
        let error = read::<serde_json::Value>(&path, 1..=1)
            .expect_err("this is not JSON")
            .to_string();
        assert!(
            error.contains("x.json is damaged") && error.contains("line 2"),
            "{error}"
        );
    }
}
