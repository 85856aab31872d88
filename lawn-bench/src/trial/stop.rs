//! What stops a trial in order: signals, and a launcher that is gone.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::Error;
use crate::process::signals::heeded;

/// Set by a launcher that keeps the trial's standard input open as long as it
/// wants the trial to go on. Nobody else promises that: batch systems and scripts
/// start programs with an input that is empty or closed.
pub const STOP_WITH_STDIN: &str = "LAWN_STOP_WITH_STDIN";

/// The exit code of a process that was told to stop.
const EXIT_STOPPED: i32 = 130;

/// A flag that SIGINT, SIGTERM, SIGHUP and SIGUSR1 (a batch system's warning) set, those aside
/// that this process was started to ignore. A second SIGINT ends the process at once.
///
/// To be asked for before anything that takes time: without it these signals end the process.
pub(super) fn flag() -> Result<Arc<AtomicBool>, Error> {
    let spawn = |source| Error::Spawn { source };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in heeded(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1]) {
        if signal == SIGINT {
            flag::register_conditional_shutdown(SIGINT, EXIT_STOPPED, stop.clone())
                .map_err(spawn)?;
        }
        flag::register(signal, stop.clone()).map_err(spawn)?;
    }
    Ok(stop)
}

/// Sets `stop` at the end of standard input, where [`STOP_WITH_STDIN`] says so.
///
/// Nobody is left then who would kill a trial that hangs: after `grace` it aborts itself.
pub(super) fn with_stdin(stop: Arc<AtomicBool>, grace: Duration) {
    if std::env::var_os(STOP_WITH_STDIN).is_none() {
        return;
    }
    std::thread::spawn(move || {
        // Nothing is ever sent: the read ends when the launcher does.
        let mut stdin = std::io::stdin().lock();
        while stdin.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
        stop.store(true, Ordering::Relaxed);
        std::thread::sleep(grace);
        signal_hook::low_level::abort();
    });
}
