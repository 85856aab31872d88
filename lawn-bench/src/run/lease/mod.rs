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

mod held;
mod owner;
mod token;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

pub use held::{Lease, Watch};
pub use owner::{Life, Owner, host};
pub use token::{Holder, SCHEMA, Terms, clear};

use crate::Error;
use crate::config::LEASE;
use crate::run::document;
use token::{highest, path};

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

/// How long a holder that is said to be gone may take to end, and to say how its trial did.
const FAREWELL: Duration = Duration::from_secs(10);

/// Takes the lease of `folder` from the holder of `token`, which works together with this process and
/// is gone as far as this one can see, or `hangs`: its expiry is not waited for. None where another
/// has followed it, where it ends by itself, and where a launcher will say how it ended. Without a
/// token the lease is taken where it is free.
///
/// # Errors
///
/// As [`ask`].
pub fn succeed(
    folder: &Path,
    token: Option<u64>,
    hangs: bool,
    terms: &Terms,
) -> Result<Option<Lease>, Error> {
    let Some(token) = token else {
        return Ok(match ask(folder, terms)? {
            Claim::Taken(lease) => Some(lease),
            Claim::Refused(_) => None,
        });
    };
    let since = Instant::now();
    loop {
        if highest(folder)? != token {
            return Ok(None);
        }
        let own = path(folder, token);
        // It is empty where it was given back.
        let Ok(holder) = document::read::<Holder>(&own, 1..=SCHEMA) else {
            return Ok(None);
        };
        let launcher = holder.launcher.as_ref();
        if launcher.is_some_and(|launcher| launcher.life() != Life::Dead) {
            return Ok(None);
        }
        if hangs || holder.owner.life() != Life::Alive {
            // Of all that try, one makes the next.
            return Lease::make(folder, token + 1, terms);
        }
        if since.elapsed() > FAREWELL {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(100));
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
    let holder: Holder = match document::parse(&path, &bytes, 1..=SCHEMA) {
        Ok(holder) => holder,
        Err(error @ Error::Newer(_)) => return Err(error),
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
        // A reader without the right to write, as `lawn status` of another's run, uses its own
        // clock.
        Err(_) => SystemTime::now(),
    };
    Ok(now.duration_since(touched).unwrap_or_default())
}

#[cfg(test)]
mod tests;
