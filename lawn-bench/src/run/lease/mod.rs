//! Leases: of all processes on all machines that share a folder, one works in it.
//!
//! ```text
//! lease-1  lease-2  lease-3 …    the highest number is the one that counts
//! ```
//!
//! Each is a JSON file ([`Holder`]), made whole under another name and then
//! given its own by link(2). Link fails where the name exists, on network file
//! systems too: of many that try for the next number, one gets it. The holder
//! touches its file every few seconds. A lease is free to be followed by the
//! next number when
//!
//! - it is empty: its holder gave it back;
//! - its holder ran on this machine and is dead, and so is the launcher that
//!   would otherwise say how the trial ended;
//! - it has not been touched for [`Terms::expiry`], by the clock of the file
//!   system, which is the same for everybody.
//!
//! The number is a fencing token. A holder that was stopped, or cut off from the
//! file system, may wake up when another has followed it: it asks
//! [`Lease::is_mine`] before it writes what counts, and stops where it is not.

mod owner;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
use serde::{Deserialize, Serialize};

pub use owner::{Life, Owner, host};

use crate::Error;
use crate::config::LEASE;
use crate::run::files;

/// Schema of a lease.
pub const SCHEMA: u32 = 1;

/// Touches within one expiry: some may be late or lost.
const BEATS: u32 = 8;

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

/// What is known of a folder's lease.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Nobody works in the folder.
    Free,
    /// Somebody does.
    Held {
        /// Who.
        holder: Box<Holder>,
        /// Time since the last touch.
        age: Duration,
    },
    /// A lease that cannot be read, and is not old enough to be passed over.
    Unreadable {
        /// What is wrong with it.
        detail: String,
    },
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Free => f.write_str("nobody"),
            Self::Held { holder, age } => {
                write!(f, "{}, seen {:.0} s ago", holder.owner, age.as_secs_f64())
            }
            Self::Unreadable { detail } => write!(f, "somebody whose lease says: {detail}"),
        }
    }
}

/// What comes of asking for a lease.
#[derive(Debug)]
pub enum Claim {
    /// It is ours.
    Taken(Lease),
    /// It is another's.
    Refused(State),
}

/// Says who works in `folder`, by its lease. To the launcher `asking`, a dead process
/// that it started itself is nobody.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Newer`]. A damaged lease is no error but a state.
pub fn look(folder: &Path, asking: Option<&Owner>) -> Result<State, Error> {
    match highest(folder)? {
        0 => Ok(State::Free),
        token => state(folder, token, asking),
    }
}

/// Takes the lease of `folder` where it is free.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Newer`].
pub fn ask(folder: &Path, terms: &Terms) -> Result<Claim, Error> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let token = highest(folder)?;
    let asking = terms.launcher.as_ref();
    if token > 0 {
        let state = state(folder, token, asking)?;
        if state != State::Free {
            return Ok(Claim::Refused(state));
        }
    }
    match Lease::make(folder, token + 1, terms)? {
        Some(lease) => Ok(Claim::Taken(lease)),
        None => Ok(Claim::Refused(look(folder, asking)?)),
    }
}

/// Takes the lease of `folder`, waiting up to `patience` for it to become free.
///
/// # Errors
///
/// As [`ask`].
pub fn wait(folder: &Path, terms: &Terms, patience: Duration) -> Result<Claim, Error> {
    let since = Instant::now();
    loop {
        let asked = ask(folder, terms)?;
        if matches!(asked, Claim::Taken(_)) || since.elapsed() >= patience {
            return Ok(asked);
        }
        std::thread::sleep(Duration::from_millis(100).min(patience));
    }
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
fn highest(folder: &Path) -> Result<u64, Error> {
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

fn path(folder: &Path, token: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{token}"))
}

/// The state of the folder that its lease `token` tells of.
fn state(folder: &Path, token: u64, asking: Option<&Owner>) -> Result<State, Error> {
    let path = path(folder, token);
    let mut bytes = Vec::new();
    // Opening asks a network file system for what is there now.
    let opened = File::open(&path).and_then(|mut file| {
        file.read_to_end(&mut bytes)?;
        file.metadata()?.modified()
    });
    let touched = match opened {
        Ok(touched) => touched,
        // Cleared meanwhile: whoever had it is done.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(State::Free),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    if bytes.is_empty() {
        return Ok(State::Free);
    }
    let holder: Holder = match files::parse_json(&path, &bytes, 1..=SCHEMA) {
        Ok(holder) => holder,
        Err(error @ Error::Newer { .. }) => return Err(error),
        Err(error) => {
            let age = age(folder, touched)?;
            return Ok(if age > LEASE {
                State::Free
            } else {
                State::Unreadable {
                    detail: error.to_string(),
                }
            });
        }
    };
    let unattended = holder
        .launcher
        .as_ref()
        .is_none_or(|launcher| Some(launcher) == asking || launcher.life() == Life::Dead);
    if holder.owner.life() == Life::Dead && unattended {
        return Ok(State::Free);
    }
    let age = age(folder, touched)?;
    if age.as_secs_f64() > holder.expiry_seconds {
        return Ok(State::Free);
    }
    Ok(State::Held {
        holder: Box::new(holder),
        age,
    })
}

/// Time since `touched` by the clock of the file system that `folder` is on: it gives
/// the times of all machines' touches, and the machines' own clocks may differ.
fn age(folder: &Path, touched: SystemTime) -> Result<Duration, Error> {
    let now = tempfile::Builder::new()
        .prefix(".clock-")
        .tempfile_in(folder)
        .and_then(|file| file.as_file().metadata()?.modified());
    let now = match now {
        Ok(now) => now,
        // Who may only read, as `lawn status` of another's run, has its own clock to go by.
        Err(_) => SystemTime::now(),
    };
    Ok(now.duration_since(touched).unwrap_or_default())
}

/// A lease that this process took. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    beat: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    token: u64,
    file: File,
    holder: Holder,
    expiry: Duration,
    lost: AtomicBool,
    /// When the lease was last seen to be ours.
    seen: Mutex<Instant>,
    over: Mutex<bool>,
    wake: Condvar,
}

impl Lease {
    /// The lease `token` of `folder`, if no other process was faster.
    fn make(folder: &Path, token: u64, terms: &Terms) -> Result<Option<Self>, Error> {
        let holder = Holder {
            owner: Owner::this_process(),
            launcher: terms.launcher.clone(),
            nonce: nonce(),
            expiry_seconds: terms.expiry.as_secs_f64(),
        };
        let bytes = files::to_json(&path(folder, token), SCHEMA, &holder)?;
        let mut draft = files::temporary(folder, ".lease-")?;
        draft
            .write_all(&bytes)
            .and_then(|()| draft.as_file().sync_data())
            .map_err(Error::io("write", draft.path()))?;
        let own = path(folder, token);
        match fs::hard_link(draft.path(), &own) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(Error::io("make", &own)(error)),
        }
        // The draft's name goes, its content stays under the lease's.
        let file = draft.into_file();
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            token,
            file,
            holder,
            expiry: terms.expiry,
            lost: AtomicBool::new(false),
            seen: Mutex::new(Instant::now()),
            over: Mutex::new(false),
            wake: Condvar::new(),
        });
        // Between the look and the link the folder may have been cleared and taken anew.
        if highest(folder)? > token {
            shared.give_back();
            return Ok(None);
        }
        let beating = shared.clone();
        let beat = std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || beating.beat())
            .map_err(|source| Error::Spawn { source })?;
        Ok(Some(Self {
            shared,
            beat: Some(beat),
        }))
    }

    /// The number of the lease: how many processes had it before, and one.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.shared.token
    }

    /// Looks whether the lease is still this process's.
    #[must_use]
    pub fn is_mine(&self) -> bool {
        self.shared.check()
    }

    /// A handle that says cheaply whether the lease was lost, for other threads.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(self.shared.clone())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *unpoisoned(self.shared.over.lock()) = true;
        self.shared.wake.notify_all();
        if let Some(beat) = self.beat.take() {
            let _ = beat.join();
        }
        self.shared.give_back();
    }
}

/// Says whether a lease was lost.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Shared>);

impl Watch {
    /// Whether the lease may be another's. Costs a look at the clock, and a look at the
    /// file only when the last one is so old that the lease may have expired: what a
    /// process finds that was stopped and wakes up.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let seen = *unpoisoned(self.0.seen.lock());
        self.0.lost.load(Ordering::Relaxed) || (seen.elapsed() > self.0.expiry && !self.0.check())
    }
}

impl Watch {
    /// Looks whether the lease is still this process's, as [`Lease::is_mine`] does.
    #[must_use]
    pub fn is_mine(&self) -> bool {
        self.0.check()
    }
}

impl Shared {
    /// Touches the lease until it is over or lost.
    fn beat(&self) {
        let mut over = unpoisoned(self.over.lock());
        while !*over {
            let waited = self.wake.wait_timeout(over, self.expiry / BEATS);
            over = unpoisoned(waited).0;
            if *over || !self.check() {
                return;
            }
            // Touching the open file never reaches a successor's. A touch that fails is
            // made up by the next, or the lease expires.
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            };
            let _ = rustix::fs::futimens(
                &self.file,
                &Timestamps {
                    last_access: now,
                    last_modification: now,
                },
            );
        }
    }

    /// Looks at the files: ours must be there, and none after it. Where they cannot be
    /// looked at, the lease is ours for as long as it cannot have expired.
    fn check(&self) -> bool {
        if self.lost.load(Ordering::Relaxed) {
            return false;
        }
        let looked = Instant::now();
        let (own, next) = (
            path(&self.folder, self.token),
            path(&self.folder, self.token + 1),
        );
        let mine = match (fs::read(&own), next.try_exists()) {
            (Ok(bytes), Ok(followed)) => {
                let holder = files::parse_json::<Holder>(&own, &bytes, 1..=SCHEMA);
                !followed && holder.is_ok_and(|holder| holder.nonce == self.holder.nonce)
            }
            (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => false,
            _ => return unpoisoned(self.seen.lock()).elapsed() <= self.expiry,
        };
        if mine {
            *unpoisoned(self.seen.lock()) = looked;
        } else {
            self.lost.store(true, Ordering::Relaxed);
        }
        mine
    }

    /// Empties the lease, which frees it; through the open file, so that it is ours.
    fn give_back(&self) {
        // A lease that cannot be emptied is free when its process ends, or expires.
        let _ = self.file.set_len(0);
    }
}

fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Text that no other process, and no other call, makes.
fn nonce() -> String {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if read.is_err() {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanoseconds = since.map_or(0, |since| since.as_nanos());
        bytes = nanoseconds.to_le_bytes();
        bytes[12..].copy_from_slice(&std::process::id().to_le_bytes());
    }
    u128::from_le_bytes(bytes).to_string()
}

#[cfg(test)]
mod tests;
