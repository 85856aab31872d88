//! What runs trials.
//!
//! Every engine carries one command, `lawn trial DIR --index K`, and nothing else.
//! The command takes the trial's [lease](crate::run::lease) itself, so that it is safe under any engine
//! and beside any other: a trial is never trained twice at a time. The files of the
//! run stay the truth; an engine reports from them.
//!
//! # The contract
//!
//! An engine starts the command on some machine that sees the run directory. It
//! sets `OMP_NUM_THREADS` and `MKL_NUM_THREADS` to the sweep's threads, and
//! lets the trial see the devices that it may use and no others. The command
//!
//! - trains the trial from its checkpoint, or finds that it is over already;
//! - on SIGTERM, SIGINT, SIGHUP or SIGUSR1, and when a pipe that is its standard input closes,
//!   writes a checkpoint and leaves the outcome `preempted`. While libtorch is still being
//!   loaded it dies of the signal, which says the same;
//! - ends with one of these [exit codes](crate::Exit):
//!
//! ```text
//! 0, 3   the trial is over
//! 130    it was stopped
//! 4      another process holds the trial
//! 5      there is no room to write to
//! 2      the machine lacks what the plan asks for, such as data or a device; or another
//!        version wrote the trial's files
//! 1      something else kept it from training
//! ```
//!
//! 1, 2 and 5 say nothing about the trial. Nor do 125 to 127 and SIGILL, with which a machine
//! says that it cannot execute the command. The engine ends with that error, at once or after
//! trying elsewhere, and the trial stays one to be run.
//!
//! Any other exit code, or none, is a death of which the engine leaves the outcome, under
//! the trial's lease. An engine may start the command again at any time; one that is stopped
//! again and again before it has a new checkpoint ends the sweep, too.
//!
//! The command is told in [`crate::run::provenance::BUILD`] from which source the launcher was
//! built, and refuses to be another.
//!
//! A trial of several processes is that command started once a process, with `torchrun`'s variables
//! (`RANK`, `LOCAL_RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`) or `srun`'s around it; or once,
//! with `--ranks N` and none of them, where it starts the others itself on its machine. Slurm starts
//! it by `srun`, the others once; the local one takes out of its environment what says that the
//! launcher is a rank. Rank 0 holds the lease, writes the files and gives the exit code. Where it is lost
//! and no launcher stands in its lease, one of the others follows it there and writes the outcome.

mod command;
mod failure;
mod identity;
mod limit;
pub mod local;
mod mark;
pub mod max_failures;
pub mod ray;
mod settings;
pub mod slurm;
mod work;

pub use crate::config::EngineName;
pub use crate::error::EngineError;
use crate::{Error, config};
pub use identity::run_id;
pub use limit::Limit;
pub use settings::{settings, workers};
pub use work::{Completion, Engine, Watcher, Work};

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
