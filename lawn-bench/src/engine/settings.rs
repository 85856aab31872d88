//! What engines are asked for: from the sweep file when one is given, and kept in the run for
//! those who go on with it.

use crate::Error;
use crate::config::EngineName;
use crate::config::{Engines, Sweep};
use crate::run::document;
use crate::run::run_dir::RunDir;

/// Schema of `engine/settings.json`.
const SCHEMA: u32 = 1;

/// What the engines of `run` are asked for. `given` is a sweep file: what it says now holds, and
/// is kept in the run. Without one, what was kept last holds. Another partition does not make
/// another plan.
///
/// # Errors
///
/// As [`document::read`] and [`document::write`].
pub fn settings(run: &RunDir, planned: &Sweep, given: bool) -> Result<Engines, Error> {
    let folder = run.engine();
    let path = folder.join("settings.json");
    if given {
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        document::write(&path, SCHEMA, &planned.engines)?;
    } else if path.exists() {
        return document::read(&path, 1..=SCHEMA);
    }
    Ok(planned.engines.clone())
}

/// Trials at the same time: what the command line says, else the engine, else the resources.
#[must_use]
pub fn workers(
    name: EngineName,
    given: Option<usize>,
    settings: &Engines,
    planned: &Sweep,
) -> usize {
    let own = match name {
        EngineName::Local => None,
        EngineName::Slurm => settings.slurm.workers,
        EngineName::Ray => settings.ray.workers,
    };
    given.or(own).unwrap_or(planned.resources.workers)
}
