//! Files that are whole or not there: written to a temporary name, flushed, renamed.

use std::borrow::Cow;
use std::fs::{File, Permissions};
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::ser::PrettyFormatter;

use crate::Error;

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

/// Writes `bytes` to `path` so that a reader sees the old content or the new, never a part.
///
/// # Errors
///
/// [`Error::Io`]; the old content is then still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    draft(path, bytes)?
        .persist(path)
        .map_err(|error| Error::io("replace", path)(error.error))?;
    flush(folder)
}

/// Gives `path` the content `bytes` if there is no such file; says whether it did.
/// Of many that try, on this machine or others, one succeeds.
///
/// # Errors
///
/// [`Error::Io`].
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let draft = draft(path, bytes)?;
    // link(2) is exclusive on network file systems too, where other ways are not.
    match std::fs::hard_link(draft.path(), path) {
        Ok(()) => flush(folder).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("create", path)(error)),
    }
}

/// Gives `path` the content `bytes`, whole for every reader but not flushed: for what is of
/// no use after a power cut.
///
/// # Errors
///
/// [`Error::Io`].
pub fn replace_unflushed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = temporary(folder, ".tmp")?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.persist(path)
        .map_err(|error| Error::io("replace", path)(error.error))?;
    Ok(())
}

/// A file beside `path` that holds `bytes`, flushed; its name goes when it is dropped.
fn draft(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = temporary(folder, ".tmp")?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(Error::io("write", path))?;
    Ok(file)
}

/// An empty file in `folder` that will be given another name: as open as the user's umask has
/// files be, where one that stays temporary is the user's alone.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> Result<tempfile::NamedTempFile, Error> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(Error::io("write in", folder))
}

/// Opens a file that this program alone writes to, as `options` say, creating it where they do.
///
/// A link that somebody put in its place is not followed, and a file that has another name
/// too is not written to.
///
/// # Errors
///
/// [`Error::NotAFile`] for those and for anything that is no file, [`Error::Io`].
pub(crate) fn open_own(path: &Path, options: &mut std::fs::OpenOptions) -> Result<File, Error> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    // Without blocking: a pipe would wait for its reader.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let not_a_file = |found| Error::NotAFile {
        path: path.into(),
        found,
    };
    let is_link = || std::fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink());
    let file = match options.custom_flags(flags.bits() as i32).open(path) {
        Err(_) if is_link() => return Err(not_a_file("a link")),
        file => file.map_err(Error::io("open", path))?,
    };
    let about = file.metadata().map_err(Error::io("read", path))?;
    if !about.is_file() {
        return Err(not_a_file("no regular file"));
    }
    if about.nlink() > 1 {
        return Err(not_a_file("a file with another name too"));
    }
    Ok(file)
}

/// The name of an entry of `folder`, the first in order; none where it is empty or not there.
///
/// # Errors
///
/// [`Error::Io`].
pub(crate) fn entry_of(folder: &Path) -> Result<Option<String>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", folder)(error)),
    };
    let names = entries.map(|entry| Ok(name(&entry?.path())));
    let names: std::io::Result<Vec<String>> = names.collect();
    Ok(names.map_err(Error::io("read", folder))?.into_iter().min())
}

/// Makes a rename or link in `folder` survive a power cut.
pub(crate) fn flush(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("flush", folder))
}

/// Renames a damaged file to the first name that is free, `NAME.damaged`,
/// `NAME.damaged-2` and so on, and gives that.
///
/// # Errors
///
/// [`Error::Io`].
pub fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    lawn_models::set_aside(path).map_err(Error::io("rename", path))
}

/// The last part of a path, as text.
pub(crate) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether an error of the system, `code`, says that this machine does not reach the file, or
/// may not: nothing that the trial did.
pub(crate) fn is_of_the_machine(code: i32) -> bool {
    use rustix::io::Errno;
    const ERRORS: [Errno; 8] = [
        Errno::ACCESS,
        Errno::HOSTDOWN,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOTCONN,
        Errno::PERM,
        Errno::STALE,
    ];
    ERRORS.iter().any(|error| error.raw_os_error() == code)
}

/// Removes the file `path` where it is.
///
/// # Errors
///
/// [`Error::Io`].
pub fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The folder `lawn` in the user's cache, for what can be made again.
pub(crate) fn cache() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(set("HOME")?).join(".cache"));
    let folder = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(folder.join("lawn"))
}

/// Writes `content` as JSON with its schema version and a checksum, as [`write()`] does.
///
/// # Errors
///
/// As [`write()`].
pub fn write_json<T: Serialize>(path: &Path, schema: u32, content: &T) -> Result<(), Error> {
    write(path, &to_json(path, schema, content)?)
}

/// The bytes of a JSON document with its schema version, for the file `path`.
///
/// # Errors
///
/// [`Error::Damaged`] where `content` has no JSON form.
pub fn to_json<T: Serialize>(path: &Path, schema: u32, content: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    Versioned { schema, content }
        .serialize(&mut serializer)
        .map_err(|error| Error::Damaged {
            path: path.into(),
            detail: error.to_string(),
        })?;
    bytes.push(b'\n');
    Seal::DOCUMENT.put(&mut bytes);
    Ok(bytes)
}

/// Reads what [`write_json`] wrote, in one of the `known` versions of its schema.
///
/// # Errors
///
/// [`Error::Io`] where the file cannot be read, and as [`parse_json`].
pub fn read_json<T: DeserializeOwned>(path: &Path, known: RangeInclusive<u32>) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    parse_json(path, &bytes, known)
}

/// As [`read_json`], where the file is there.
///
/// # Errors
///
/// As [`read_json`].
pub fn read_json_if_there<T: DeserializeOwned>(
    path: &Path,
    known: RangeInclusive<u32>,
) -> Result<Option<T>, Error> {
    match path.exists() {
        true => read_json(path, known).map(Some),
        false => Ok(None),
    }
}

/// The content of a JSON document, `bytes`, that was read from `path`.
///
/// # Errors
///
/// [`Error::Newer`] and [`Error::Older`] where its schema is above or below `known`,
/// [`Error::Damaged`] with line and column where it is not valid, and where it is not what
/// was written. Documents of schema 1 may have no checksum.
pub fn parse_json<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    known: RangeInclusive<u32>,
) -> Result<T, Error> {
    Document::open(path, bytes, known)?.content()
}

/// A JSON document whose checksum and version are those that they should be.
pub(crate) struct Document<'a> {
    path: &'a Path,
    text: Cow<'a, [u8]>,
    /// Version of its schema.
    pub(crate) schema: u32,
}

impl<'a> Document<'a> {
    /// The document `bytes`, that was read from `path`.
    ///
    /// # Errors
    ///
    /// As [`parse_json`], what it holds aside.
    pub(crate) fn open(
        path: &'a Path,
        bytes: &'a [u8],
        known: RangeInclusive<u32>,
    ) -> Result<Self, Error> {
        let said = damaged(path);
        let sealed = Seal::DOCUMENT.check(bytes).map_err(&said)?;
        let has_checksum = sealed.is_some();
        let text = sealed.map_or(Cow::Borrowed(bytes), Cow::Owned);
        // The version first: the rest of a newer file may mean something else.
        let SchemaOnly { schema } =
            serde_json::from_slice(&text).map_err(|error| said(error.to_string()))?;
        if schema > *known.end() {
            return Err(Error::Newer {
                path: path.into(),
                found: schema,
                known: *known.end(),
            });
        }
        if schema < *known.start() {
            return Err(Error::Older {
                path: path.into(),
                found: schema,
                oldest: *known.start(),
                instead: "begin anew in another folder with --out",
            });
        }
        if schema > 1 && !has_checksum {
            return Err(said("it has no checksum".into()));
        }
        Ok(Self { path, text, schema })
    }

    /// What it holds.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] with line and column where that is not a `T`.
    pub(crate) fn content<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // Not by way of `Versioned`: serde holds all that it flattens in memory at once.
        serde_json::from_slice(&self.text).map_err(|error| damaged(self.path)(error.to_string()))
    }
}

fn damaged(path: &Path) -> impl Fn(String) -> Error {
    move |detail| Error::Damaged {
        path: path.into(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_schemas_are_refused_by_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.json");
        write_json(&path, 3, &std::collections::BTreeMap::from([("a", 1)]))
            .expect("it can be written");
        let read: std::collections::BTreeMap<String, u32> =
            read_json(&path, 1..=3).expect("it can be read");
        assert_eq!(read["a"], 1);
        let refused = read_json::<serde_json::Value>(&path, 4..=5).expect_err("3 is too old");
        let said = refused.to_string();
        assert!(
            matches!(
                refused,
                Error::Older {
                    found: 3,
                    oldest: 4,
                    ..
                }
            ),
            "{said}"
        );
        for part in ["x.json has schema 3", "reads from 4 on", "--out"] {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
        let refused = read_json::<serde_json::Value>(&path, 1..=2).expect_err("3 is newer than 2");
        assert!(
            matches!(
                refused,
                Error::Newer {
                    found: 3,
                    known: 2,
                    ..
                }
            ),
            "{refused}"
        );
    }

    #[test]
    fn damage_names_the_file_and_the_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.json");
        write(&path, b"{ \"schema\": 1,\n \"a\" }").expect("it can be written");
        let error = read_json::<serde_json::Value>(&path, 1..=1)
            .expect_err("this is not JSON")
            .to_string();
        assert!(
            error.contains("x.json is damaged") && error.contains("line 2"),
            "{error}"
        );
    }
}
