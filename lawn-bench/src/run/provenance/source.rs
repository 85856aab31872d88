//! The source that this command was built from.

use serde::{Deserialize, Serialize};

/// Uncommitted changes at build time; empty where there were none.
const UNCOMMITTED: &str = include_str!(concat!(env!("OUT_DIR"), "/uncommitted.diff"));

/// The lockfile at build time; empty where there was none.
const LOCKFILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/Cargo.lock"));

/// Environment variable in which a launcher tells a trial from which source it was built itself.
pub const BUILD: &str = "LAWN_BUILD";

/// Commit, uncommitted changes and lockfile of the command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Commit of the checkout; absent where it was built outside one.
    pub commit: Option<String>,
    /// Name of the file beside `provenance.json` that holds the uncommitted changes; it is
    /// named by their hash. Absent where there were none.
    pub uncommitted: Option<String>,
    /// BLAKE3 of the lockfile, which names every dependency with its checksum.
    pub lockfile: Option<String>,
}

impl Source {
    /// The source of this command.
    pub(super) fn of_this_command() -> Self {
        let commit = env!("LAWN_COMMIT");
        let named = |bytes: &[u8]| blake3::hash(bytes).to_hex();
        Self {
            commit: (!commit.is_empty()).then(|| commit.to_owned()),
            uncommitted: (!UNCOMMITTED.is_empty())
                .then(|| format!("uncommitted-{}.diff", &named(UNCOMMITTED.as_bytes())[..12])),
            lockfile: (!LOCKFILE.is_empty()).then(|| named(LOCKFILE).to_string()),
        }
    }

    /// Twelve hexadecimal digits that differ where anything of it does.
    pub(super) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.commit, &self.uncommitted, &self.lockfile] {
            hasher.update(part.as_deref().unwrap_or_default().as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize().to_hex()[..12].to_owned()
    }

    /// The uncommitted changes themselves.
    pub(super) fn diff() -> &'static str {
        UNCOMMITTED
    }

    /// For people: the commit, and whether the tree was as committed.
    pub(super) fn describe(&self) -> String {
        match (&self.commit, &self.uncommitted) {
            (None, _) => "unknown: built outside a git checkout".to_owned(),
            (Some(commit), None) => commit.clone(),
            (Some(commit), Some(file)) => format!("{commit} with changes, see {file}"),
        }
    }
}
