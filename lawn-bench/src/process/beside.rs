//! The command with libtorch, beside the one without.
//!
//! Loading libtorch takes longer than most of what a command line is asked. So `lawn` is linked
//! without it, and becomes `lawn-torch`, in the same process, where a verb needs it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The command without libtorch.
const LAWN: &str = "lawn";

/// The command with it.
const WITH_TORCH: &str = "lawn-torch";

/// Environment variable in which a process tells what it becomes its id and its build.
const FRONT: &str = "LAWN_FRONT";

/// Goes on as the command with libtorch, with the same arguments. It comes back only where that
/// fails, with the reason.
pub(crate) fn become_it(build: &str) -> Error {
    let path = match std::env::current_exe() {
        // The name of a file that was replaced has a note of the system at its end, its folder not.
        Ok(this) => this.with_file_name(WITH_TORCH),
        Err(source) => return Error::without_torch(Path::new(WITH_TORCH), source),
    };
    if let Some((id, _)) = told().as_deref().and_then(|told| told.split_once(':'))
        && id == std::process::id().to_string()
    {
        // It became itself: what lies there is another `lawn`.
        return Error::without_torch(
            &path,
            std::io::Error::other("it is the one without libtorch"),
        );
    }
    let mut words = std::env::args_os();
    let mut command = Command::new(&path);
    command
        .arg0(words.next().unwrap_or_else(|| LAWN.into()))
        .args(words)
        .env(FRONT, format!("{}:{build}", std::process::id()));
    Error::without_torch(&path, command.exec())
}

/// Whether this process was `lawn` before, or is a child of one that was: the process and its build.
fn told() -> Option<String> {
    std::env::var(FRONT).ok()
}

/// Leaves the variable out of what a command that this process starts is told: that is another process,
/// and perhaps the user's.
pub(crate) fn keep_to_ourselves(command: &mut Command) -> &mut Command {
    command.env_remove(FRONT)
}

/// Makes sure that this process became what it was before: `build` is the one that its first
/// command told. A process that was started as it is was told nothing.
///
/// # Errors
///
/// [`Error::OtherBuild`].
pub(crate) fn require_same(build: &str) -> Result<(), Error> {
    match told().as_deref().and_then(|told| told.split_once(':')) {
        // Children inherit the variable, and are other processes.
        Some((id, front)) if id == std::process::id().to_string() && front != build => {
            Err(Error::other_front(build, front))
        }
        _ => Ok(()),
    }
}

/// The file that people call: the command without libtorch beside the one with it, where it is
/// there.
#[must_use]
pub(crate) fn called(this: PathBuf) -> PathBuf {
    let front = this.with_file_name(LAWN);
    match this.file_name().is_some_and(|name| name == WITH_TORCH) && front.exists() {
        true => front,
        false => this,
    }
}
