//! The files of a plan: `plan.json`, and `trials.jsonl` with a line a trial.
//!
//! ```text
//! plan.json     { "schema": 4, "samples": 2, "sweep": {…}, "data": {…}, "defaults": […],
//!                 "constraint_defaults": […], "cells": […], "trials": { "count": 32, "checksum": "0f3c…" }, "checksum": "91ab…" }
//! trials.jsonl  {"id":"e3308c1acbe8babe","cell":0,"stage":"tune","setting":0,"seed":7}
//!               …
//! ```
//!
//! A trial names its cell by index. `trials.jsonl` is written first, so that a folder with
//! `plan.json` holds a whole plan. `plan.json` has the checksum of all lines. A plan that was
//! extended has its `history`, and its trials are in `trials-2.jsonl`, `trials-3.jsonl` and so on.
//! So the rename of `plan.json` alone puts the new plan in the place of the old one. Schemas 2 and
//! 3 do not say of which samples they are, and are of the first. Schema 2 has the trials in
//! `plan.json`, as a list.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use lawn_models::{ConstraintDefaults, OptimizerSettings, Stage, TaskConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::defaults;
use super::trials::{Cell, Extension, KNOWN, Plan, SCHEMA, Trial};
use crate::Error;
use crate::config::Sweep;
use crate::run::document::{self, Document, Seal};
use crate::run::files;
use crate::run::run_dir::RunDir;

/// `plan.json`; `T` is what it says of the trials.
#[derive(Serialize)]
struct HeadRef<'a, T> {
    samples: u32,
    sweep: &'a Sweep,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<String, String>,
    defaults: &'a [OptimizerSettings],
    constraint_defaults: &'a [ConstraintDefaults],
    cells: &'a [&'a Cell],
    trials: T,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    history: &'a [Extension],
}

#[derive(Deserialize)]
struct Head<T> {
    #[serde(default = "first_samples")]
    samples: u32,
    sweep: Sweep,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default = "defaults::of_first_plans")]
    defaults: Vec<OptimizerSettings>,
    #[serde(default = "defaults::of_constraints_of_first_plans")]
    constraint_defaults: Vec<ConstraintDefaults>,
    cells: Vec<Cell>,
    trials: T,
    #[serde(default)]
    history: Vec<Extension>,
}

/// Of plans that do not say of which samples they are.
fn first_samples() -> u32 {
    1
}

/// What `plan.json` says of `trials.jsonl`.
#[derive(Serialize, Deserialize)]
struct Summary {
    count: usize,
    checksum: String,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row<S> {
    id: S,
    cell: usize,
    stage: Stage,
    #[serde(default, skip_serializing_if = "is_first")]
    rung: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    setting: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<usize>,
    seed: u64,
}

fn is_first(rung: &usize) -> bool {
    *rung == 0
}

/// The cells of a plan, each once, and its trials.
fn rows(plan: &Plan) -> (Vec<&Cell>, Vec<Row<&str>>) {
    let mut cells: Vec<&Cell> = Vec::new();
    let mut places: HashMap<&Cell, usize> = HashMap::new();
    let rows = plan.trials.iter().map(|trial| Row {
        id: trial.id.as_str(),
        cell: *places.entry(&trial.cell).or_insert_with(|| {
            cells.push(&trial.cell);
            cells.len() - 1
        }),
        stage: trial.stage,
        rung: trial.rung,
        setting: trial.setting,
        place: trial.place,
        seed: trial.seed,
    });
    let rows = rows.collect();
    (cells, rows)
}

impl Serialize for Plan {
    /// As one document, the form of schema 2.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (cells, trials) = rows(self);
        HeadRef {
            samples: self.samples,
            sweep: &self.sweep,
            data: &self.data,
            defaults: &self.defaults,
            constraint_defaults: &self.constraint_defaults,
            cells: &cells,
            trials,
            history: &self.history,
        }
        .serialize(serializer)
    }
}

/// Writes the files of `plan`.
///
/// # Errors
///
/// As [`document::write`].
pub(super) fn write(run: &RunDir, plan: &Plan) -> Result<(), Error> {
    let (cells, rows) = rows(plan);
    let mut lines = Vec::new();
    for row in &rows {
        serde_json::to_writer(&mut lines, row).expect("plain data has a JSON form");
        lines.push(b'\n');
    }
    let extensions = plan.history.len();
    files::write(&run.extended_trials(extensions), &lines)?;
    let content = HeadRef {
        samples: plan.samples,
        sweep: &plan.sweep,
        data: &plan.data,
        defaults: &plan.defaults,
        constraint_defaults: &plan.constraint_defaults,
        cells: &cells,
        trials: Summary {
            count: rows.len(),
            checksum: Seal::digits(&lines),
        },
        history: &plan.history,
    };
    document::write(&run.plan(), SCHEMA, &content)
}

/// A plan whose trials are read when they are asked for: every trial's process reads the plan,
/// and a plan may have a hundred thousand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listing {
    pub(super) samples: u32,
    pub(super) sweep: Sweep,
    pub(super) data: BTreeMap<String, String>,
    pub(super) defaults: Vec<OptimizerSettings>,
    pub(super) constraint_defaults: Vec<ConstraintDefaults>,
    cells: Vec<Cell>,
    history: Vec<Extension>,
    /// The file that lists the trials.
    path: PathBuf,
    trials: Trials,
    count: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Trials {
    /// The text of `trials.jsonl`.
    Lines(Vec<u8>),
    /// The list in a `plan.json` of schema 2.
    Rows(Vec<Row<String>>),
}

impl Listing {
    /// Reads the plan of `run`, its trials aside; that they are whole is known from their
    /// checksum.
    ///
    /// # Errors
    ///
    /// [`Error::NoRun`] where there is none, [`Error::PlanGone`] where there was one,
    /// [`Error::RunDamaged`] where a file of it is not the one that was written,
    /// [`Error::UnknownKind`], and as [`document::read`].
    pub(super) fn read(run: &RunDir) -> Result<Self, Error> {
        Self::open(run).map_err(Error::of_the_run)
    }

    fn open(run: &RunDir) -> Result<Self, Error> {
        let path = run.plan();
        if !path.exists() {
            return Err(run.without_plan());
        }
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let document = Document::open(&path, &bytes, KNOWN)?;
        let listing = if document.schema == 2 {
            let head: Head<Vec<Row<String>>> = content(&document)?;
            let count = head.trials.len();
            head.listing(path, Trials::Rows, count)
        } else {
            let head: Head<Summary> = content(&document)?;
            let path = run.extended_trials(head.history.len());
            let lines = lines(&path, &head.trials)?;
            let count = head.trials.count;
            head.listing(path, |_| Trials::Lines(lines), count)
        };
        check(&listing.sweep, &listing.cells).map_err(|found| Error::damaged(run.plan(), found))?;
        Ok(listing)
    }

    /// The trial at `index`.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrial`], and [`Error::RunDamaged`] where it does not fit the sweep or its cells.
    pub(super) fn trial(&self, index: usize) -> Result<Trial, Error> {
        let found = self.trials.row(index);
        let row = found.ok_or_else(|| Error::no_trial(index, self.count))?;
        self.fits(index, row)
    }

    /// All trials, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = Result<Trial, Error>> {
        let rows = self.trials.rows().enumerate();
        rows.map(|(index, row)| self.fits(index, row))
    }

    fn fits(&self, index: usize, row: Result<Row<String>, String>) -> Result<Trial, Error> {
        let trial = row.and_then(|row| row.trial(index, &self.sweep, &self.cells));
        trial.map_err(|found| self.damaged(index, found))
    }

    fn damaged(&self, index: usize, found: String) -> Error {
        let path = self.path.clone();
        let error = match self.trials {
            Trials::Lines(_) => Error::damaged_line(path, index + 1, found),
            Trials::Rows(_) => Error::damaged(path, found),
        };
        error.of_the_run()
    }

    /// The whole plan. One whose parts do not fit is refused, so that later code can rely on them.
    ///
    /// # Errors
    ///
    /// As [`Self::trial`].
    pub(super) fn plan(self) -> Result<Plan, Error> {
        let mut trials: Vec<Trial> = Vec::with_capacity(self.count);
        for (index, trial) in self.all().enumerate() {
            let trial = trial?;
            let before = trials.last().map(Trial::round);
            if before.is_some_and(|before| before > trial.round()) {
                let found = fault(index, "an earlier round than the trial before it");
                return Err(self.damaged(index, found));
            }
            trials.push(trial);
        }
        Ok(Plan {
            samples: self.samples,
            sweep: self.sweep,
            data: self.data,
            defaults: self.defaults,
            constraint_defaults: self.constraint_defaults,
            trials,
            history: self.history,
        })
    }
}

impl<T> Head<T> {
    fn listing(self, path: PathBuf, trials: impl FnOnce(T) -> Trials, count: usize) -> Listing {
        Listing {
            samples: self.samples,
            sweep: self.sweep,
            data: self.data,
            defaults: self.defaults,
            constraint_defaults: self.constraint_defaults,
            cells: self.cells,
            history: self.history,
            path,
            trials: trials(self.trials),
            count,
        }
    }
}

/// What `plan.json` holds. A kind of task that another version knows is named, since a run of
/// one is nothing that this version can go on with.
fn content<T: DeserializeOwned>(document: &Document<'_>) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Kinds {
        sweep: Tasks,
    }
    #[derive(Deserialize)]
    struct Tasks {
        tasks: Vec<Task>,
    }
    #[derive(Deserialize)]
    struct Task {
        name: String,
        config: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    document.content().map_err(|error| {
        let is_unknown = |task: &Task| !TaskConfig::KINDS.contains(&task.config.kind.as_str());
        let kinds: Option<Kinds> = document.content().ok();
        let tasks = kinds.map(|kinds| kinds.sweep.tasks).unwrap_or_default();
        match tasks.into_iter().find(is_unknown) {
            None => error,
            Some(task) => {
                let (path, known) = (document.path, TaskConfig::KINDS);
                Error::unknown_kind(path, &task.name, &task.config.kind, known)
            }
        }
    })
}

/// The text of `trials.jsonl`, which is that of `summary`.
fn lines(path: &Path, summary: &Summary) -> Result<Vec<u8>, Error> {
    let damaged = |found: String| Error::damaged(path, found);
    let lines = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged("it is gone, and plan.json counts on it".into()));
        }
        lines => lines.map_err(Error::io("read", path))?,
    };
    let found = lines.iter().filter(|&&byte| byte == b'\n').count();
    let count = summary.count;
    if found != count || !lines.ends_with(b"\n") && count > 0 {
        return Err(damaged(format!("it has {found} whole lines, not {count}")));
    }
    if Seal::digits(&lines) != summary.checksum {
        return Err(damaged("its checksum is not the one in plan.json".into()));
    }
    Ok(lines)
}

impl Trials {
    /// The trial at `index`, and no other.
    fn row(&self, index: usize) -> Option<Result<Row<String>, String>> {
        match self {
            Self::Lines(lines) => each(lines).nth(index).map(parse),
            Self::Rows(rows) => rows.get(index).cloned().map(Ok),
        }
    }

    /// All of them.
    fn rows(&self) -> impl Iterator<Item = Result<Row<String>, String>> {
        let (lines, rows): (&[u8], &[Row<String>]) = match self {
            Self::Lines(lines) => (lines, &[]),
            Self::Rows(rows) => (&[], rows),
        };
        each(lines).map(parse).chain(rows.iter().cloned().map(Ok))
    }
}

fn each(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split_inclusive(|&byte| byte == b'\n')
}

fn parse(line: &[u8]) -> Result<Row<String>, String> {
    serde_json::from_slice(line).map_err(|error| place(&error))
}

/// An error of one line, whose number is known from elsewhere.
fn place(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let end = said.rfind(" at line ").unwrap_or(said.len());
    format!("column {}: {}", error.column(), &said[..end])
}

/// Makes sure that the sweep is sound and has the cells.
fn check(sweep: &Sweep, cells: &[Cell]) -> Result<(), String> {
    sweep.check().map_err(|error| error.to_string())?;
    let is_known = |cell: &&Cell| {
        sweep.tasks.iter().any(|task| task.name == cell.task)
            && sweep.arms.iter().any(|arm| arm.name == cell.arm)
            && sweep.batch_sizes.contains(&cell.batch_size)
    };
    match cells.iter().find(|cell| !is_known(cell)) {
        None => Ok(()),
        Some(cell) => Err(format!("the sweep has no cell {cell}")),
    }
}

fn fault(index: usize, what: &str) -> String {
    format!("trial {index} of the plan has {what}")
}

impl Row<String> {
    /// The trial at `index` that this row is.
    ///
    /// # Errors
    ///
    /// In words, where it does not fit the sweep or its cells.
    fn trial(self, index: usize, sweep: &Sweep, cells: &[Cell]) -> Result<Trial, String> {
        let fault = |what| Err(fault(index, what));
        let Some(cell) = cells.get(self.cell) else {
            return fault("an unknown cell");
        };
        let settings = sweep.rungs[0].settings;
        if self.setting.is_some_and(|setting| setting >= settings) {
            return fault("an unknown setting");
        }
        if self.rung >= sweep.rungs.len() {
            return fault("an unknown rung");
        }
        let sound = |c: char| c.is_ascii_hexdigit();
        if self.id.len() != 16 || !self.id.chars().all(sound) {
            return fault("an id that is not 16 hexadecimal digits");
        }
        Ok(Trial {
            id: self.id,
            cell: cell.clone(),
            stage: self.stage,
            rung: self.rung,
            setting: self.setting,
            place: self.place,
            seed: self.seed,
        })
    }
}
