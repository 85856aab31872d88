//! From a sweep's TOML text to a checked [`Sweep`], once: later code never rechecks.
//!
//! `overlay` lays what was set over the text, `raw` is that as serde sees it, and `check` turns
//! it into [`Sweep`]. `source` places every error at its file, line and column.

mod arm;
mod arms;
mod budget;
mod check;
mod contrasts;
mod device;
mod draw;
mod earlier;
mod engine_name;
mod engines;
mod explain;
mod field;
mod file;
mod key_at;
mod limits;
mod one_of;
mod overlay;
mod overrides;
mod presets;
mod rate;
mod raw;
mod raw_arm;
mod reference;
mod repeatable;
mod schema;
mod sobol;
mod source;
mod space;
mod sweep;
mod tasks;
mod tuning;
mod values;

pub use crate::error::ConfigError;
pub use device::{DeviceChoice, Sharding};
pub use engine_name::EngineName;
pub use engines::{Engines, Ray, Slurm};
pub use file::SweepFile;
pub(crate) use raw::RANKS;
pub use reference::reference;
pub use schema::schema;
pub(crate) use schema::{Size, sizes};
pub use sweep::{
    Arm, Axis, Contrast, Domain, LEASE, NamedTask, Point, RateBatchSize, Resources, Rung, Scale,
    Scaling, Setting, Sweep,
};
pub(crate) use tasks::task_of;

use std::path::Path;

use toml::de::DeTable;

impl SweepFile {
    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with file, line, column, what was found and what is allowed. A value
    /// that was set has its place in what was set.
    pub fn sweep(&self) -> Result<Sweep, ConfigError> {
        check::sweep(self)
    }

    /// The name of the sweep, also where the rest of the file is wrong; none where that is, too.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let named = |text: &str| {
            let table = DeTable::parse(text).ok()?;
            let name = table.get_ref().get("name")?.get_ref().as_str()?;
            Some(name.to_owned())
        };
        let sets = self.sets.iter().rev();
        let mut sets = sets.filter_map(|set| named(&overrides::as_toml(set)));
        let set = sets.next().or_else(|| named(&self.text));
        let lines = || self.text.lines().take_while(|line| !line.starts_with('['));
        let name = set.or_else(|| lines().find_map(named))?;
        values::is_file_name(&name).then_some(name)
    }

    /// An error at the first of `places` that is in the file. A place is the keys that lead to
    /// it from the top. Where none of them is there, the error is at the table nearest to the
    /// last one.
    #[must_use]
    pub fn fault(&self, places: &[&[&str]], message: impl Into<String>) -> ConfigError {
        check::fault(self, places, message.into())
    }

    /// The resolved sweep as TOML, which is read as the same sweep. A value that nobody gave is
    /// marked as a default.
    ///
    /// # Errors
    ///
    /// As [`SweepFile::sweep`].
    pub fn explain(&self) -> Result<String, ConfigError> {
        Ok(explain::explain(&check::explained(self)?))
    }

    /// The keys and words of its tasks that have another name today, each with that name.
    ///
    /// # Errors
    ///
    /// As [`SweepFile::sweep`].
    pub fn notes(&self) -> Result<Vec<String>, ConfigError> {
        let renamed = check::explained(self)?.renamed;
        Ok(renamed.iter().map(ToString::to_string).collect())
    }

    /// The text with what is unset and set written into it; it is read as the same sweep.
    ///
    /// # Errors
    ///
    /// As [`SweepFile::sweep`].
    pub fn written(&self) -> Result<String, ConfigError> {
        self.sweep()?;
        if self.sets.is_empty() && self.unsets.is_empty() {
            return Ok(self.text.clone());
        }
        overrides::written(&self.text, &self.unsets, &self.sets).map_err(|error| {
            source::Source::new(&self.origin, &self.text).error(0..0, error.to_string(), None)
        })
    }
}

/// Reads and checks the sweep in the file `path`.
///
/// # Errors
///
/// [`ConfigError`] with file, line, column, what was found and what is allowed.
pub fn load(path: &Path) -> Result<Sweep, ConfigError> {
    SweepFile::read(path, &[])?.sweep()
}

/// Checks the sweep written in `text`; `origin` is the name that errors give it.
///
/// # Errors
///
/// As [`load`].
pub fn parse(origin: &str, text: &str) -> Result<Sweep, ConfigError> {
    let file = SweepFile {
        origin: origin.to_owned(),
        text: text.to_owned(),
        unsets: Vec::new(),
        sets: Vec::new(),
    };
    file.sweep()
}
