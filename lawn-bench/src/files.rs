//! Files that are whole or not there: written to a temporary name, flushed, renamed.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A JSON document of a run, with the version of its schema in front.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    schema: u32,
    #[serde(flatten)]
    content: T,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

/// Writes `bytes` to `path` so that a reader sees the old content or the new, never a part.
///
/// # Errors
///
/// [`Error::Io`]; the old content is then still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(Error::io("write in", folder))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::Io {
        action: "replace",
        path: path.into(),
        source: error.error,
    })?;
    // The rename itself must survive a power cut.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("flush", folder))
}

/// Writes `content` as JSON with its schema version, as [`write()`] does.
///
/// # Errors
///
/// As [`write()`].
pub fn write_json<T: Serialize>(path: &Path, schema: u32, content: &T) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(&Versioned { schema, content }).map_err(|error| {
        Error::Damaged {
            path: path.into(),
            detail: error.to_string(),
        }
    })?;
    bytes.push(b'\n');
    write(path, &bytes)
}

/// Reads what [`write_json`] wrote.
///
/// # Errors
///
/// [`Error::Io`] where the file cannot be read, [`Error::Newer`] where its schema
/// is above `known`, [`Error::Damaged`] with line and column where it is not valid.
pub fn read_json<T: DeserializeOwned>(path: &Path, known: u32) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let damaged = |error: serde_json::Error| Error::Damaged {
        path: path.into(),
        detail: error.to_string(),
    };
    // The version first: the rest of a newer file may mean something else.
    let SchemaOnly { schema } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if schema > known {
        return Err(Error::Newer {
            path: path.into(),
            found: schema,
            known,
        });
    }
    let versioned: Versioned<T> = serde_json::from_slice(&bytes).map_err(damaged)?;
    Ok(versioned.content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_newer_schemas_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.json");
        write_json(&path, 3, &std::collections::BTreeMap::from([("a", 1)]))
            .expect("it can be written");
        let read: std::collections::BTreeMap<String, u32> =
            read_json(&path, 3).expect("it can be read");
        assert_eq!(read["a"], 1);
        let refused = read_json::<serde_json::Value>(&path, 2).expect_err("3 is newer than 2");
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
        let error = read_json::<serde_json::Value>(&path, 1)
            .expect_err("this is not JSON")
            .to_string();
        assert!(
            error.contains("x.json is damaged") && error.contains("line 2"),
            "{error}"
        );
    }
}
