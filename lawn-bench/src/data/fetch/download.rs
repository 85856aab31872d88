//! What is in its place when a download is over.

use std::path::PathBuf;

use serde::Serialize;

/// A file of a data set that is in its place.
#[derive(Debug, Clone, Serialize)]
pub struct KeptFile {
    /// Its name in the catalogue.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Where it came from; none where it was there.
    pub source: Option<String>,
    /// What its SHA-256 was held against, or what else is known of it.
    pub checked: &'static str,
}

/// A data set that is in its place.
#[derive(Debug, Clone)]
pub struct Download {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<KeptFile>,
    /// What its reader counts in it; nothing where no reader knows its format.
    pub counts: Vec<(String, u64)>,
}
