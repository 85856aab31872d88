//! What stops a trial in order: signals, and a launcher that is gone.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::Error;

/// Set by a launcher that keeps the trial's standard input open as long as it
/// wants the trial to go on. Nobody else promises that: batch systems and scripts
/// start programs with an input that is empty or closed.
pub const STOP_WITH_STDIN: &str = "LAWN_STOP_WITH_STDIN";

/// The exit code of a process that was told to stop.
const EXIT_STOPPED: i32 = 130;

/// A flag that SIGINT, SIGTERM and SIGUSR1 (a batch system's warning) set, and the
/// end of standard input where [`STOP_WITH_STDIN`] says so. A second SIGINT ends
/// the process at once.
///
/// Nobody is left then who would kill a trial that hangs: after `grace` it aborts itself.
pub(super) fn flag(grace: Duration) -> Result<Arc<AtomicBool>, Error> {
    let spawn = |source| Error::Spawn { source };
    let stop = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, EXIT_STOPPED, stop.clone()).map_err(spawn)?;
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
        flag::register(signal, stop.clone()).map_err(spawn)?;
    }
    if std::env::var_os(STOP_WITH_STDIN).is_some() {
        let flag = stop.clone();
        std::thread::spawn(move || {
            // Nothing is ever sent: the read ends when the launcher does.
            let mut stdin = std::io::stdin().lock();
            while stdin.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
            flag.store(true, Ordering::Relaxed);
            std::thread::sleep(grace);
            signal_hook::low_level::abort();
        });
    }
    Ok(stop)
}
