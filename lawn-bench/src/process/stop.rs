//! A launcher's stop. The first signal asks for it in order, and the second ends all at once.
//!
//! A batch system warns with SIGUSR1 that the time is nearly up. That is not counted as
//! impatience: the SIGTERM that follows still stops in order. Signals that this process was
//! started to ignore stay ignored.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::Error;
use crate::Exit;
use crate::process::signals::heeded;
use crate::process::streams;

/// Whether to stop, and the process groups that must not outlive this process.
#[derive(Debug, Default)]
pub struct Stop {
    requested: AtomicBool,
    groups: Mutex<BTreeSet<u32>>,
}

/// Ends this process at the first signal to stop, with a line for people: for work of which
/// every moment is a good one to stop at.
///
/// # Errors
///
/// [`Error::Spawn`].
pub fn exit_on_signals() -> Result<(), Error> {
    let spawn = |source| Error::Spawn { source };
    let mut signals = Signals::new(heeded(&[SIGINT, SIGTERM, SIGHUP])).map_err(spawn)?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if signals.forever().next().is_some() {
                streams::say("\nstopped; the same command goes on");
                std::process::exit(Exit::Stopped.code().into());
            }
        })
        .map_err(spawn)?;
    Ok(())
}

impl Stop {
    /// A stop that SIGINT, SIGTERM, SIGHUP and SIGUSR1 request. The second of the first
    /// three kills the process groups and ends this process.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`].
    pub fn on_signals() -> Result<Arc<Self>, Error> {
        let stop = Arc::new(Self::default());
        let spawn = |source| Error::Spawn { source };
        let mut signals =
            Signals::new(heeded(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1])).map_err(spawn)?;
        let requested = stop.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                let mut asked = false;
                for signal in signals.forever() {
                    requested.request();
                    if signal != SIGUSR1 && std::mem::replace(&mut asked, true) {
                        requested.kill_groups();
                        std::process::exit(Exit::Stopped.code().into());
                    }
                }
            })
            .map_err(spawn)?;
        Ok(stop)
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Requests a stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Remembers the process group that `leader` leads.
    pub(crate) fn add_group(&self, leader: u32) {
        self.groups().insert(leader);
    }

    /// Forgets a process group whose leader is gone, and ends whatever it left behind.
    pub(crate) fn end_group(&self, leader: u32) {
        self.groups().remove(&leader);
        signal_group(leader, Signal::KILL);
    }

    fn kill_groups(&self) {
        for &leader in self.groups().iter() {
            signal_group(leader, Signal::KILL);
        }
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, BTreeSet<u32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signals a process group; one that is gone needs none.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(leader) = leader {
        let _ = kill_process_group(leader, signal);
    }
}
