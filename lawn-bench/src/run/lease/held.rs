//! A lease that this process has: it is touched until it is given back or lost.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use super::owner::Owner;
use super::token::{Holder, SCHEMA, Terms, highest, path};
use crate::Error;
use crate::run::{document, files};

/// Touches within one expiry: some may be late or lost.
const BEATS: u32 = 8;

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
    pub(super) fn make(folder: &Path, token: u64, terms: &Terms) -> Result<Option<Self>, Error> {
        let holder = Holder {
            owner: Owner::this_process(),
            launcher: terms.launcher.clone(),
            nonce: nonce(),
            expiry_seconds: terms.expiry.as_secs_f64(),
        };
        let bytes = document::to_bytes(&path(folder, token), SCHEMA, &holder)?;
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
    /// Whether the lease may be another's. This reads the clock. It looks at the file only when
    /// the last look is so old that the lease may have expired, as in a process that was stopped
    /// and wakes up.
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
            // A touch of the open file never reaches a successor's file. After a touch that fails
            // the next one follows, or the lease expires.
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
                let holder = document::parse::<Holder>(&own, &bytes, 1..=SCHEMA);
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nonces_differ() {
        let nonces: BTreeSet<String> = (0..100).map(|_| nonce()).collect();
        assert_eq!(nonces.len(), 100);
    }
}
