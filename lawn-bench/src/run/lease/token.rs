//! The leases of a folder by number, and what each holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::owner::Owner;
use crate::Error;
use crate::run::files;

/// Schema of a lease.
pub const SCHEMA: u32 = 1;

const PREFIX: &str = "lease-";

/// For how long and for whom a lease is taken.
#[derive(Debug, Clone)]
pub struct Terms {
    /// A lease that was not touched for so long is free.
    pub expiry: Duration,
    /// The launcher that looks after the holder.
    pub launcher: Option<Owner>,
}

impl Terms {
    /// Terms of a process that nobody looks after.
    #[must_use]
    pub fn new(expiry: Duration) -> Self {
        Self {
            expiry,
            launcher: None,
        }
    }
}

/// The content of a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// The process that works in the folder.
    #[serde(flatten)]
    pub owner: Owner,
    /// The launcher that started it, and will say how it ended.
    pub launcher: Option<Owner>,
    /// Unlike that of any other lease.
    pub nonce: String,
    /// After so many seconds without a touch the lease is free.
    pub expiry_seconds: f64,
}

/// Removes the leases of a folder in which nothing is to be done any more.
///
/// # Errors
///
/// [`Error::Io`].
pub fn clear(folder: &Path) -> Result<(), Error> {
    for (_, path) in leases(folder)? {
        files::remove_if_there(&path)?;
    }
    Ok(())
}

/// The number of the folder's last lease; 0 where it never had one.
pub(super) fn highest(folder: &Path) -> Result<u64, Error> {
    Ok(leases(folder)?.map(|(token, _)| token).max().unwrap_or(0))
}

fn leases(folder: &Path) -> Result<impl Iterator<Item = (u64, PathBuf)>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let entries = entries.map_err(Error::io("read", folder))?;
    Ok(entries.into_iter().filter_map(|entry| {
        let name = entry.file_name();
        let token = name.to_str()?.strip_prefix(PREFIX)?.parse().ok()?;
        Some((token, entry.path()))
    }))
}

pub(super) fn path(folder: &Path, token: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{token}"))
}
