//! What an engine is given, what it does, and who hears of it.

use std::path::PathBuf;

use super::limit::Limit;
use crate::Error;
use crate::plan::{Only, Plan};
use crate::process::stop::Stop;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::trial::Event;

/// What an engine works with.
#[derive(Debug, Clone)]
pub struct Work<'a> {
    /// The run.
    pub run: &'a RunDir,
    /// Its plan.
    pub plan: &'a Plan,
    /// Trials trained at the same time by this launcher.
    pub workers: usize,
    /// Where data sets are, for the trials' `--data-root`.
    pub data_root: Option<PathBuf>,
    /// Trials that may fail, for launchers that go on later.
    pub max_failures: Option<Limit>,
    /// The part of the sweep that is run, for launchers that go on later.
    pub only: &'a Only,
    /// What launchers that go on later call at the end, as words of their command line.
    pub on_end: Vec<String>,
    /// Once requested, running trials are stopped in order and no more are started.
    pub stop: &'a Stop,
}

/// Where the trials given to an engine are when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Each has a final outcome, or a stop was requested.
    Through,
    /// A scheduler has them, and goes on without this process.
    HandedOver,
}

/// Runs trials.
pub trait Engine {
    /// Runs the trials `indices`, all of one stage, each until it has a final outcome.
    /// Other launchers may run some of them at the same time.
    ///
    /// # Errors
    ///
    /// Whatever keeps the engine from going on; trials that run on this machine are
    /// then stopped in order. A trial that fails is an outcome, not an error.
    fn run(&self, indices: &[usize], watcher: &mut dyn Watcher) -> Result<Completion, Error>;

    /// What [`Engine::run`] would ask for the trials `indices`, as text. Starts nothing and
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// Whatever keeps the engine from saying.
    fn describe(&self, indices: &[usize]) -> Result<String, Error>;
}

/// Hears what happens to the trials of an engine. `worker` counts from 0.
pub trait Watcher {
    /// The trial at `index` runs now, in slot `worker`.
    fn began(&mut self, worker: usize, index: usize);
    /// A running trial says something.
    fn event(&mut self, worker: usize, index: usize, event: &Event);
    /// The trial in slot `worker` was stopped before its end, and will go on later.
    fn stopped(&mut self, worker: usize, index: usize);
    /// The trial at `index` is over; without a worker another launcher ran it.
    fn ended(&mut self, worker: Option<usize>, index: usize, outcome: &Ending);
    /// Something that a reader should know, as one line.
    fn note(&mut self, line: &str);
}
