//! What tells the jobs of one run from those of another.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::run::run_dir::RunDir;
use crate::run::{document, files};

/// Schema of `engine/run.json`.
const SCHEMA: u32 = 1;

/// The content of `engine/run.json`.
#[derive(Serialize, Deserialize)]
struct Identity {
    id: String,
}

/// The id of `run`, eight hexadecimal digits, made when it is first asked for. Two runs of
/// one sweep have different ids.
///
/// # Errors
///
/// As [`files::create`] and [`document::read`].
pub fn run_id(run: &RunDir) -> Result<String, Error> {
    if let Some(id) = known_run_id(run)? {
        return Ok(id);
    }
    let folder = run.engine();
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.as_nanos());
    let seed = format!(
        "{} {} {nanoseconds}",
        crate::run::lease::host(),
        std::process::id()
    );
    let hash = blake3::hash(seed.as_bytes()).to_hex();
    let path = folder.join("run.json");
    let id = hash[..8].to_owned();
    // Of two launchers that begin at once, the first one's stays.
    files::create(&path, &document::to_bytes(&path, SCHEMA, &Identity { id })?)?;
    document::read::<Identity>(&path, 1..=SCHEMA).map(|identity| identity.id)
}

/// The id of `run` where it has one.
pub(super) fn known_run_id(run: &RunDir) -> Result<Option<String>, Error> {
    let path = run.engine().join("run.json");
    if !path.exists() {
        return Ok(None);
    }
    document::read::<Identity>(&path, 1..=SCHEMA).map(|identity| Some(identity.id))
}
