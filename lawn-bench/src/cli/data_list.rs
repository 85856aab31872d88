//! `lawn data list --json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Error, data};

/// A folder under the data root that holds a data set, or is refused as one.
#[derive(Debug, Serialize)]
pub(super) struct ListedFolder {
    /// What a task's `data` calls it.
    name: String,
    path: PathBuf,
    /// The kind of task that reads it.
    kind: Option<String>,
    /// How many of what it holds.
    counts: BTreeMap<String, u64>,
    /// Why it is no data set.
    refused: Option<String>,
}

/// The folders under `root`, those that people are not told of aside.
///
/// # Errors
///
/// [`Error::NoSuchDataRoot`].
pub(super) fn listed(root: &Path) -> Result<Vec<ListedFolder>, Error> {
    let of_folder = |folder: lawn_models::DataFolder| {
        let name = folder.path.file_name().unwrap_or_default();
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        let name = name.to_string_lossy().into_owned();
        let mut listed = ListedFolder {
            name,
            path: folder.path,
            kind: None,
            counts: BTreeMap::new(),
            refused: None,
        };
        match folder.set {
            Some(Ok(set)) => {
                listed.name = set.name;
                listed.kind = Some(set.kind);
                listed.counts = set.counts.into_iter().collect();
            }
            Some(Err(error)) => listed.refused = Some(error.to_string()),
            // What holds the data sets need not be one.
            None if listed.path == root || is_hidden => return None,
            None => listed.refused = Some(data::why_unread(&listed.path)),
        }
        Some(listed)
    };
    let folders = data::folders(root)?.into_iter();
    Ok(folders.filter_map(of_folder).collect())
}
