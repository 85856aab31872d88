//! One trial of a plan, read without the others: every trial's process reads the plan, and a
//! plan may have a hundred thousand.
//!
//! The checksum is that of the whole file all the same. What is not parsed are the lines of
//! the other trials.

use std::collections::BTreeMap;
use std::path::Path;

use lawn_models::{OptimizerSettings, TrialConfig};
use serde::Deserialize;

use super::file::{self, Row};
use super::{Cell, KNOWN, Plan, SCHEMA, Trial, defaults, resolve};
use crate::Error;
use crate::config::{NamedTask, Sweep};
use crate::plan::choices::Choices;
use crate::run::files::{self, Document};
use crate::run::run_dir::RunDir;

/// What goes before the lines of the trials. A text of JSON holds no line feed, so that
/// this is in the file once.
const OPEN: &str = "\n  \"trials\": [";

/// What follows them.
const CLOSE: &str = "\n  ]\n}\n";

/// What a plan says of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt {
    /// What was asked.
    pub sweep: Sweep,
    /// By task, the checksum of the data set that it reads from files.
    pub data: BTreeMap<String, String>,
    /// Index of the trial in the plan.
    pub index: usize,
    /// The trial.
    pub trial: Trial,
    defaults: Vec<OptimizerSettings>,
    cells: Vec<Cell>,
    /// The lines of all trials.
    rows: Vec<u8>,
}

/// The plan without its trials.
#[derive(Deserialize)]
struct Head {
    sweep: Sweep,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default = "defaults::of_first_plans")]
    defaults: Vec<OptimizerSettings>,
    cells: Vec<Cell>,
}

impl Excerpt {
    /// Reads the trial at `index` of the plan of `run`.
    ///
    /// # Errors
    ///
    /// As [`Plan::read`], and [`Error::NoTrial`].
    pub fn read(run: &RunDir, index: usize) -> Result<Self, Error> {
        let path = run.plan();
        if !path.exists() {
            let dir = run.root().into();
            return Err(Error::NoRun { dir });
        }
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        Self::parse(&path, &bytes, index)
    }

    fn parse(path: &Path, bytes: &[u8], index: usize) -> Result<Self, Error> {
        let document = Document::open(path, bytes)?;
        let Some((head, rows)) = cut(document.text()) else {
            // Its line breaks are another's.
            let plan: Plan = document.parse(KNOWN)?;
            if index >= plan.trials.len() {
                let last = plan.trials.len().saturating_sub(1);
                return Err(Error::NoTrial { index, last });
            }
            let bytes = files::to_json_rows(path, SCHEMA, &plan)?;
            return Self::parse(path, &bytes, index);
        };
        let Head {
            sweep,
            data,
            defaults,
            cells,
        } = document.part(head).parse(KNOWN)?;
        let damaged = |detail| Error::Damaged {
            path: path.into(),
            detail,
        };
        file::check(&sweep, &cells).map_err(damaged)?;
        let Some(line) = lines(rows).nth(index) else {
            let last = lines(rows).count().saturating_sub(1);
            return Err(Error::NoTrial { index, last });
        };
        Ok(Self {
            trial: trial(line, index, &sweep, &cells).map_err(damaged)?,
            sweep,
            data,
            index,
            defaults,
            cells,
            rows: rows.to_vec(),
        })
    }

    /// All that the trial trains, and the index of its setting.
    ///
    /// # Errors
    ///
    /// [`Error::NotFrozen`] where its setting has not been chosen, or its cell had none to
    /// choose.
    pub fn resolve(&self, choices: &Choices) -> Result<(usize, TrialConfig), Error> {
        let index = self.index;
        resolve::resolve(&self.sweep, &self.defaults, &self.trial, choices)
            .ok_or(Error::NotFrozen { index })
    }

    /// The trial's task.
    #[must_use]
    pub fn task(&self) -> Option<&NamedTask> {
        let mut tasks = self.sweep.tasks.iter();
        tasks.find(|task| task.name == self.trial.cell.task)
    }

    /// The trial that trained `setting` in the rung before this one's.
    #[must_use]
    pub fn earlier_rung(&self, setting: usize, choices: &Choices) -> Option<Trial> {
        let rung = self.trial.rung.checked_sub(1)?;
        let is_it = |other: &Trial| {
            (other.stage, other.rung) == (self.trial.stage, rung)
                && other.cell == self.trial.cell
                && other.setting.or_else(|| choices.setting(other)) == Some(setting)
        };
        // All trials of a rung come before those of the next.
        lines(&self.rows)
            .take(self.index)
            .enumerate()
            .filter_map(|(index, line)| trial(line, index, &self.sweep, &self.cells).ok())
            .find(is_it)
    }
}

/// A plan without its trials, and the lines of those.
fn cut(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let open = text
        .windows(OPEN.len())
        .position(|at| at == OPEN.as_bytes())?;
    let (head, rows) = text.split_at(open + OPEN.len());
    let rows = rows.strip_suffix(CLOSE.as_bytes())?;
    // A trial is one line, and a line is one trial.
    let mut lines = lines(rows).peekable();
    lines.peek()?;
    while let Some(line) = lines.next() {
        let end: &[u8] = if lines.peek().is_some() { b"}," } else { b"}" };
        let inner = line.strip_prefix(b"    {")?.strip_suffix(end)?;
        if inner.iter().any(|byte| b"{}".contains(byte)) {
            return None;
        }
    }
    Some(([head, CLOSE.as_bytes()].concat(), rows))
}

fn lines(rows: &[u8]) -> impl Iterator<Item = &[u8]> {
    rows.split(|&byte| byte == b'\n').skip(1)
}

/// A line without what parts it from the next.
fn row(line: &[u8]) -> &[u8] {
    line.strip_suffix(b",").unwrap_or(line)
}

fn trial(line: &[u8], index: usize, sweep: &Sweep, cells: &[Cell]) -> Result<Trial, String> {
    let row: Row<String> = serde_json::from_slice(row(line))
        .map_err(|error| format!("trial {index} of the plan: {error}"))?;
    row.trial(index, sweep, cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn a_plan_as_it_is_written_is_cut_and_one_in_other_lines_is_not() {
        let text = include_str!("../../tests/sweeps/tiny.toml");
        let sweep = parse("tiny.toml", text).expect("the tiny sweep is right");
        let plan = Plan::new(sweep, BTreeMap::new());
        let path = Path::new("plan.json");
        let bytes = files::to_json_rows(path, SCHEMA, &plan).expect("it has a JSON form");
        let document = Document::open(path, &bytes).expect("it is sound");
        let (_, rows) = cut(document.text()).expect("it is as it was written");
        assert_eq!(lines(rows).count(), plan.trials.len());
        let text = std::str::from_utf8(document.text()).expect("it is text");
        let at = text.rfind("},\n    {").expect("it has two trials");
        for other in ["}, {", "}\n    ,{", "},\n\n    {", "},\n  {"] {
            let text = format!("{}{other}{}", &text[..at], &text[at + "},\n    {".len()..]);
            assert!(cut(text.as_bytes()).is_none(), "{other:?}");
        }
    }
}
