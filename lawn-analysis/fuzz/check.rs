//! What holds of the readers of records and results whatever the bytes: for the fuzzers, and for
//! the bounded run in `tests/fuzz.rs`.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lawn_analysis::records::Results;
use lawn_analysis::{Error, Records};
use tempfile::TempDir;

/// The tables of records.
pub(crate) const TABLES: [&str; 4] = ["trials", "epochs", "units", "measurements"];

/// A folder with sound tables, of which one at a time is replaced.
fn folder() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is room");
        let none = Records::default();
        none.write(folder.path()).expect("it can be written");
        folder
    })
}

/// An error says which file is wrong.
fn names(error: &Error, path: &Path) {
    let said = error.to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    assert!(said.contains(&*name), "{name} is not in: {said}");
}

/// Whether a file says that it is of a version that had no checksum.
fn is_trusted(bytes: &[u8]) -> bool {
    let versions = [
        &b"lawn.schema_version\x18\x011"[..],
        b"lawn.schema_version\x18\x012",
    ];
    let found = |version: &&[u8]| bytes.windows(version.len()).any(|text| text == *version);
    versions.iter().any(found)
}

/// Reads `bytes` as one table of records; what is read can be written and read again.
///
/// Nothing is known of files of versions 1 and 2, whose pages are decoded as they are found.
pub(crate) fn records(table: &str, bytes: &[u8]) {
    if is_trusted(bytes) {
        return;
    }
    let folder = folder().path();
    let path = folder.join(format!("{table}.parquet"));
    let sound = fs::read(&path).expect("it is there");
    fs::write(&path, bytes).expect("there is room");
    match Records::load(folder) {
        Err(error) => names(&error, &path),
        Ok(records) => {
            let again = tempfile::tempdir().expect("there is room");
            records
                .write(again.path())
                .expect("what is read can be written");
            let again = Records::load(again.path()).expect("what is written can be read");
            // By their texts: no NaN equals another.
            assert_eq!(format!("{records:?}"), format!("{again:?}"));
        }
    }
    fs::write(&path, sound).expect("there is room");
}

/// Reads `bytes` as a file of results that were made elsewhere, of whatever kind they are.
pub(crate) fn results(bytes: &[u8]) {
    let path = folder().path().join("results.csv");
    fs::write(&path, bytes).expect("there is room");
    match Results::read(&path) {
        Err(error) => names(&error, &path),
        Ok(results) => assert!(!results.records.trials.is_empty()),
    }
}
