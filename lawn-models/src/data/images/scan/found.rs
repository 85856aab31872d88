//! `SPLIT.found.json`: what a look at a folder found as it was packed, which its images do not tell.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::repeats::Repeats;
use super::report::Scan;
use crate::data::error::DataError;
use crate::data::images::reading::Part;

/// What was found of the folder of a split. Paths are below the folder of the data set, with the
/// name that the split has in a pack.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name of the folder.
    folder: String,
    repeated: Repeats,
    contradicting: Repeats,
    /// Test files that are train files too; of test alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_train: Option<Repeats>,
    /// Entries that were passed over, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over: Option<String>,
}

impl Found {
    /// Of the split `scan`; `train` is that of the train split, where this is another.
    pub(crate) fn of(part: Part, scan: &Scan, train: Option<&Scan>) -> Self {
        let below = |path: &Path| -> PathBuf {
            let name = |scan: &Scan| path.strip_prefix(&scan.folder).map(Path::to_owned).ok();
            match (name(scan), train.and_then(name)) {
                (Some(name), _) => Path::new(part.name()).join(name),
                (None, Some(name)) => Path::new(Part::Train.name()).join(name),
                (None, None) => path.to_owned(),
            }
        };
        let name = scan.folder.file_name().unwrap_or_default();
        Self {
            folder: name.to_string_lossy().into_owned(),
            repeated: scan.repeated.moved(below),
            contradicting: scan.contradicting.moved(below),
            in_train: train
                .and_then(|train| Repeats::between(train, scan))
                .map(|both| both.moved(below)),
            passed_over: (scan.ignored.count() > 0).then(|| scan.ignored.to_string()),
        }
    }

    /// Reads what [`bytes`](Self::bytes) wrote to `path`.
    pub(super) fn read(path: &Path) -> Result<Self, DataError> {
        let bytes = std::fs::read(path).map_err(DataError::read(path))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let expected = "the JSON of what was found of a split";
            DataError::unusable(path, error.to_string(), expected)
        })
    }

    /// As JSON.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Says it of the look at a pack in `folder`.
    pub(super) fn tell(self, part: Part, folder: &Path, scan: &mut Scan) {
        let within = |path: &Path| folder.join(path);
        scan.repeated = self.repeated.moved(within);
        scan.contradicting = self.contradicting.moved(within);
        scan.in_train = self.in_train.map(|both| both.moved(within));
        scan.lacks_repeats = false;
        if let Some(what) = self.passed_over {
            scan.notes
                .push(format!("as it was packed, passed over {what}"));
        }
        if part == Part::Test && self.folder == "val" {
            let note =
                "`val` of the folder is the test split; validation images are taken from train";
            scan.notes.push(note.to_owned());
        }
    }
}
