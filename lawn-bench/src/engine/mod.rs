//! What runs trials.
//!
//! Every engine carries one command, `lawn trial DIR --index K`, and nothing else.
//! The command takes the trial's [lease](crate::run::lease) itself, so that it is safe under any engine
//! and beside any other: a trial is never trained twice at a time. The files of the
//! run stay the truth; an engine reports from them.
//!
//! # The contract
//!
//! An engine starts the command on some machine that sees the run directory, with
//! `OMP_NUM_THREADS` and `MKL_NUM_THREADS` set to the sweep's threads, and with the devices
//! that the trial may use as the only visible ones. The command
//!
//! - trains the trial from its checkpoint, or finds that it is over already;
//! - on SIGTERM, SIGINT, SIGHUP or SIGUSR1, and when a pipe that is its standard input closes,
//!   writes a checkpoint and leaves the outcome `preempted`; while libtorch is still being
//!   loaded it dies of the signal, which says the same;
//! - ends with the [exit code](crate::Exit) 0 or 3 where the trial is over, 130 where it
//!   was stopped, 4 where another process holds the trial, 5 where there is no room to write
//!   to, 2 where the machine does not have what the plan asks for, such as its data or a
//!   device, or where another version wrote the trial's files, and 1 where something else
//!   kept it from training. 1, 2 and 5 say nothing about the trial, nor do 125 to 127 and
//!   SIGILL, with which a machine says that it cannot execute the command: the engine ends
//!   with that error, at once or after trying elsewhere, and the trial stays one to be run.
//!
//! Any other exit code, or none, is a death of which the engine leaves the outcome, under
//! the trial's lease. An engine may start the command again at any time; one that is stopped
//! again and again before it has a new checkpoint ends the sweep, too.
//!
//! The command is told in [`crate::run::provenance::BUILD`] from which source the launcher was
//! built, and refuses to be another.
//!
//! A trial of several processes will be that command started once a process, with
//! `torchrun`'s variables (`RANK`, `LOCAL_RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`)
//! around it; engines neither set nor clear them. Rank 0 will hold the lease and write the
//! files. Today a trial is one process.

mod command;
mod failure;
mod identity;
pub mod local;
mod mark;
pub mod max_failures;
pub mod ray;
mod settings;
pub mod slurm;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::max_failures::Limit;
pub use crate::error::EngineError;
use crate::plan::Plan;
use crate::process::stop::Stop;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::trial::Event;
use crate::{Error, config};
pub use identity::run_id;
pub use settings::{settings, workers};

/// The engines that `lawn sweep --engine NAME` knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// Processes on this machine.
    #[default]
    Local,
    /// Job arrays of a Slurm cluster.
    Slurm,
    /// Jobs of a Ray cluster.
    Ray,
}

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
    /// Once requested, running trials are stopped in order and no more are started.
    pub stop: &'a Stop,
}

/// Where the trials given to an engine are when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
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
    fn run(&self, indices: &[usize], watcher: &mut dyn Watcher) -> Result<Carried, Error>;

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

/// The engine called `name`, which asks for what `settings` says.
///
/// # Errors
///
/// Whatever the engine needs and does not find.
pub fn engine<'a>(
    name: EngineName,
    work: Work<'a>,
    settings: &'a config::Engines,
) -> Result<Box<dyn Engine + 'a>, Error> {
    Ok(match name {
        EngineName::Local => Box::new(local::Local::new(work)?),
        EngineName::Slurm => Box::new(slurm::Slurm::new(work, &settings.slurm)),
        EngineName::Ray => Box::new(ray::Ray::new(work, &settings.ray)?),
    })
}
