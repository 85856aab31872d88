//! From a sweep's TOML text to a checked [`Sweep`], once: later code never rechecks.
//!
//! [`raw`] is the text as serde sees it, [`check`] turns it into [`Sweep`], and
//! [`source`] places every error at its file, line and column.

mod arm;
mod budget;
mod check;
mod contrasts;
mod engines;
mod raw;
#[cfg_attr(not(test), expect(dead_code, reason = "ranges will use it"))]
mod sobol;
mod source;
mod sweep;
mod tasks;
mod values;

pub use engines::{Engines, Ray, Slurm};
pub use source::ConfigError;
pub use sweep::{Arm, Contrast, DeviceChoice, NamedTask, Resources, Scaling, Setting, Sweep};

use std::path::Path;

/// Reads and checks the sweep in the file `path`.
///
/// # Errors
///
/// [`ConfigError`] with file, line, column, what was found and what is allowed.
pub fn load(path: &Path) -> Result<Sweep, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::read(path, &error))?;
    parse(&path.display().to_string(), &text)
}

/// Checks the sweep written in `text`; `origin` is the name that errors give it.
///
/// # Errors
///
/// As [`load`].
pub fn parse(origin: &str, text: &str) -> Result<Sweep, ConfigError> {
    check::sweep(&source::Source::new(origin, text))
}
