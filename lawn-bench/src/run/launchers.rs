//! The launchers at work on a run, each in a folder of its own that its lease keeps alive.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::EngineName;
use crate::count::count;
use crate::run::document;
use crate::run::lease::{self, Claim, Lease, Owner, State, Terms};
use crate::run::run_dir::RunDir;

/// Schema of `launcher.json`.
pub const SCHEMA: u32 = 1;

/// Environment variable that tells a trial who looks after it: an [`Owner`] as JSON.
pub const LAUNCHER: &str = "LAWN_LAUNCHER";

/// The content of `launcher.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launcher {
    /// Its process.
    #[serde(flatten)]
    pub owner: Owner,
    /// What it runs trials with.
    pub engine: EngineName,
    /// Trials that it runs at the same time.
    pub workers: usize,
    /// When it began, in seconds since 1970-01-01 00:00 UTC.
    pub unix_seconds: u64,
}

impl std::fmt::Display for Launcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {}", self.owner, count(self.workers, "worker"))
    }
}

/// This launcher's entry, which goes when it is dropped.
#[derive(Debug)]
pub struct Presence {
    lease: Option<Lease>,
    folder: PathBuf,
}

/// Enters this process among the launchers of `run`.
///
/// # Errors
///
/// [`Error::Io`].
pub fn announce(
    run: &RunDir,
    terms: &Terms,
    engine: EngineName,
    workers: usize,
) -> Result<Presence, Error> {
    let owner = Owner::this_process();
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let started = owner.started.unwrap_or_default();
    let name = format!("{}-{}-{started}", owner.host, owner.pid);
    let folder = run.launchers().join(name);
    let lease = match lease::ask(&folder, terms)? {
        Claim::Taken(lease) => Some(lease),
        Claim::Refused(by) => {
            return Err(Error::Held {
                dir: folder,
                by: by.to_string(),
            });
        }
    };
    let launcher = Launcher {
        owner,
        engine,
        workers,
        unix_seconds: since.map_or(0, |since| since.as_secs()),
    };
    document::write(&folder.join("launcher.json"), SCHEMA, &launcher)?;
    Ok(Presence { lease, folder })
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.lease = None;
        // What cannot be removed now is passed over later: its lease is free.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The launchers at work on `run` now.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Newer`].
pub fn present(run: &RunDir) -> Result<Vec<Launcher>, Error> {
    let folder = run.launchers();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", &folder)(error)),
    };
    let mut present = Vec::new();
    for entry in entries {
        let folder = entry.map_err(Error::io("read", &folder))?.path();
        if matches!(lease::look(&folder, None)?, State::Held { .. }) {
            let path = folder.join("launcher.json");
            // One that enters or leaves at this moment has no file.
            if path.exists() {
                present.push(document::read(&path, 1..=SCHEMA)?);
            }
        }
    }
    present.sort_by_key(|launcher: &Launcher| launcher.unix_seconds);
    Ok(present)
}
