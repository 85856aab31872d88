use std::path::PathBuf;

use serde::Serialize;

/// A file that cannot be read as an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and where.
    pub reason: String,
}
