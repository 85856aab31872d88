//! Values of options, checked as they are read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use lawn_analysis::Width;
use lawn_analysis::records::{Outcome, Word};

use crate::config::{RANKS, Sweep, SweepFile};
use crate::error::{ConfigError, Error, allowed};
use crate::plan::Cell;

#[derive(Debug, Args)]
pub(super) struct DataRoot {
    /// Folder that holds the data sets.
    #[arg(long = "data-root", value_name = "DIR", env = VARIABLE, value_parser = OsStringValueParser::new().try_map(folder))]
    given: Option<PathBuf>,
}

/// Stands for `--data-root`.
const VARIABLE: &str = "LAWN_DATA";

/// A variable that is set to nothing is as if it were not set; an option names a folder.
fn folder(text: OsString) -> Result<PathBuf, &'static str> {
    let is_unset = || std::env::var_os(VARIABLE).is_some_and(|value| value.is_empty());
    if text.is_empty() && !is_unset() {
        return Err("a folder is expected");
    }
    Ok(text.into())
}

impl DataRoot {
    /// The folder, where there is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        let given = self.given.as_deref();
        given.filter(|folder| !folder.as_os_str().is_empty())
    }
}

#[derive(Debug, Args)]
pub(super) struct Sets {
    /// Set a value over the sweep file; any number of times. A run records what it was planned
    /// with. One unit replaces another: `budget.steps=300` replaces `budget.epochs`.
    #[arg(long = "set", value_name = "KEY.KEY=VALUE")]
    pub(super) sets: Vec<String>,
    /// Take a key or a table out of the sweep file, before anything is set; any number of times.
    /// A key that is left out has its default, as `lawn config explain` shows.
    #[arg(long = "unset", value_name = "KEY.KEY")]
    pub(super) unsets: Vec<String>,
}

impl Sets {
    /// Reads the sweep file with them.
    pub(super) fn read(&self, file: &Path) -> Result<SweepFile, ConfigError> {
        SweepFile::read(file, &self.sets).map(|file| file.without(&self.unsets))
    }
}

/// Which cells of a sweep file are meant.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// This task only; any number of times.
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
    /// This arm only; any number of times.
    #[arg(long = "arm", value_name = "ARM")]
    arms: Vec<String>,
}

impl Chosen {
    /// Makes sure that the sweep of `file` has the tasks and arms that are asked for.
    pub(super) fn require(&self, sweep: &Sweep, file: &Path) -> Result<(), Error> {
        let tasks: Vec<&str> = sweep.tasks.iter().map(|task| task.name.as_str()).collect();
        let arms: Vec<&str> = sweep.arms.iter().map(|arm| arm.name.as_str()).collect();
        for (what, asked, names) in [("task", &self.tasks, tasks), ("arm", &self.arms, arms)] {
            if let Some(name) = asked.iter().find(|name| !names.contains(&name.as_str())) {
                return Err(Error::not_in_sweep(file, what, name, names));
            }
        }
        Ok(())
    }

    pub(super) fn has_task(&self, name: &str) -> bool {
        self.tasks.is_empty() || self.tasks.iter().any(|task| task == name)
    }

    pub(super) fn has(&self, cell: &Cell) -> bool {
        let has_arm = self.arms.is_empty() || self.arms.contains(&cell.arm);
        has_arm && self.has_task(&cell.task)
    }
}

pub(super) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a whole number of 1 or more".into()),
        Ok(number) => Ok(number),
    }
}

/// Ranks of a trial, within the bounds of `resources.ranks`.
pub(super) fn ranks(text: &str) -> Result<usize, String> {
    let number: Option<usize> = text.parse().ok();
    let sound = number.filter(|ranks| (1..=RANKS).contains(ranks));
    sound.ok_or_else(|| format!("must be a whole number from 1 to {RANKS}"))
}

/// An outcome that a trial can be retried from.
pub(super) fn failure(text: &str) -> Result<Outcome, String> {
    let failures = || {
        Outcome::ALL
            .iter()
            .filter(|&&outcome| !matches!(outcome, Outcome::Ok | Outcome::Preempted))
    };
    failures()
        .copied()
        .find(|outcome| outcome.as_str() == text)
        .ok_or_else(|| allowed(failures().map(|outcome| outcome.as_str())))
}

/// Where a figure is printed.
pub(super) fn width(text: &str) -> Result<Width, String> {
    Width::parse(text).ok_or_else(|| allowed(Width::ALL.iter().map(|width| width.as_str())))
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
