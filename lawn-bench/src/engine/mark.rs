//! What tells from its files whether a trial got further.

use std::path::Path;
use std::time::SystemTime;

use crate::run::trial_dir::TrialDir;

/// When a trial last began, and when its checkpoint was written, by the file system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    begun: Option<SystemTime>,
    saved: Option<SystemTime>,
}

impl Mark {
    /// As the files of the trial are now.
    pub(super) fn of(dir: &TrialDir) -> Self {
        let modified = |path: &Path| {
            std::fs::metadata(path)
                .and_then(|file| file.modified())
                .ok()
        };
        Self {
            begun: modified(&dir.trial()),
            saved: modified(&dir.checkpoint()),
        }
    }

    /// Whether a process took the trial up since `before`.
    pub(super) fn has_begun_since(self, before: Self) -> bool {
        self.begun != before.begun
    }

    /// Whether the trial has another checkpoint than it had at `before`.
    pub(super) fn got_further_than(self, before: Self) -> bool {
        self.saved != before.saved
    }
}
