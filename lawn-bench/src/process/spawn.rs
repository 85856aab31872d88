//! Processes of this very command.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::beside;

/// The file that this process executes, on Linux: the same bytes after an installation has put
/// another file in its place.
const THIS: &str = "/proc/self/exe";

/// The name of the command.
const NAME: &str = "lawn";

/// A process of the command that this process is.
///
/// # Errors
///
/// Where the system does not say what this process executes.
pub(crate) fn this_command() -> io::Result<Command> {
    let mut command = match Path::new(THIS).exists() {
        true => Command::new(THIS),
        false => std::env::current_exe().map(Command::new)?,
    };
    beside::keep_to_ourselves(&mut command);
    if Path::new(THIS).exists() {
        command.arg0(NAME);
    }
    Ok(command)
}

/// Gives this process the command's name, where the system shows another: `exe` of one that was
/// started by way of [`this_command`], `lawn-torch` of one that `lawn` became.
pub(crate) fn take_name() {
    // Linux alone has the file; elsewhere the name is right.
    let _ = std::fs::write("/proc/self/comm", NAME);
}
