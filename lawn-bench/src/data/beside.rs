//! Where a data set is written before it is renamed into its place.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::process::streams;
use crate::run::files;

/// A folder beside the place of a data set, locked while its process lives.
pub(super) struct Beside {
    folder: tempfile::TempDir,
    _lock: File,
}

/// The file within that is locked.
const LOCK: &str = ".lock";

impl Beside {
    /// Makes one in `parent`, by a name that begins with `prefix`. What calls that were killed left
    /// there by such names is removed, and said.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where nothing can be written there.
    pub(super) fn new(parent: &Path, prefix: &str) -> Result<Self, Error> {
        for left in abandoned(parent, prefix) {
            if std::fs::remove_dir_all(&left).is_ok() {
                streams::say(&format!(
                    "removed {}, which a call that was killed left",
                    left.display()
                ));
            }
        }
        let failed = || Error::io("write in", parent);
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent);
        let folder = folder.map_err(|error| failed()(files::of_the_system(error)))?;
        let lock = File::create(folder.path().join(LOCK)).map_err(failed())?;
        // Where locks are not known, nothing is ever taken for abandoned.
        let _ = lock.try_lock();
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where the data set of this name is written.
    pub(super) fn path(&self, out: &Path) -> PathBuf {
        self.folder.path().join(out.file_name().unwrap_or_default())
    }
}

/// Folders of such names whose processes are gone.
fn abandoned(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let is_abandoned = |path: &PathBuf| {
        let is_ours = files::name(path).starts_with(prefix);
        let lock = || File::open(path.join(LOCK));
        is_ours && lock().is_ok_and(|lock| lock.try_lock().is_ok())
    };
    entries
        .map(|entry| entry.path())
        .filter(is_abandoned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_call_left_is_removed_and_what_another_writes_is_not() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let prefix = ".lawn-pack-";
        let living = Beside::new(parent.path(), prefix).expect("there is room");
        let killed = parent.path().join(".lawn-pack-killed");
        std::fs::create_dir_all(killed.join("pk")).expect("there is room");
        std::fs::write(killed.join(LOCK), "").expect("there is room");
        let other = parent.path().join(".lawn-make-killed");
        std::fs::create_dir(&other).expect("there is room");
        let next = Beside::new(parent.path(), prefix).expect("there is room");
        assert!(living.folder.path().exists() && next.folder.path().exists() && other.exists());
        assert!(!killed.exists());
    }
}
