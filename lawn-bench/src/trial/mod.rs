//! `lawn trial DIR --index K`: one trial in a process of its own.
//!
//! The process writes its files and prints one JSON [`Event`] a line. A signal stops it at the
//! next step: it writes a checkpoint and leaves `preempted`. The end of its standard input does
//! the same where [`STOP_WITH_STDIN`] is set, since a launcher that dies closes it.

mod event;
mod follower;
pub mod hparams;
mod message;
mod ranks;
mod recorder;
mod stop;
pub mod tensorboard;
mod train;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use lawn_models::{Beginning, Notice, RankMembership, RanksError, TrialContext, TrialError};

use crate::plan::Excerpt;
use crate::plan::choices::Choices;
use crate::process::streams;
use crate::run::ending::{Ending, RankRecord};
use crate::run::graph_attempt::GraphAttempt;
use crate::run::lease::{self, Claim, Lease, Terms};
use crate::run::micro_batches::Fit;
use crate::run::run_dir::RunDir;
use crate::run::trial_dir::TrialDir;
use crate::run::{files, provenance};
use crate::{Error, data};
use event::emit;
use follower::Follower;
use hparams::HyperParameters;
use lawn_analysis::records::Outcome;
use ranks::{Company, Start};
use recorder::Recorder;

pub use crate::run::launchers::LAUNCHER;
pub use crate::run::log::{Content as LogContent, read as read_log};
pub use crate::run::trial_file::{SCHEMA, TrialFile};
pub use event::Event;
pub use stop::STOP_WITH_STDIN;

/// Trains the trial at `index` of the run, from its checkpoint where it has one; on as many `ranks`
/// as torchrun or srun has started, or else as are given here, or by the sweep.
///
/// # Errors
///
/// Whatever kept the trial from starting. What happens to it in training is an
/// outcome, not an error.
pub fn run(
    run: &RunDir,
    index: usize,
    ranks: Option<usize>,
    data_root: Option<PathBuf>,
) -> Result<Outcome, Error> {
    let begun = SystemTime::now();
    let stop = stop::flag()?;
    provenance::require_build()?;
    // The default hook holds a lock while it gathers a backtrace, and a failed allocation
    // asks for the same one before it aborts: without memory it would wait for ever.
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.to_string();
        // A want of memory is nothing that broke: the trial says what it does about it.
        streams::say(&lawn_models::memory_shortage(&said).unwrap_or(said));
    }));
    let plan = Excerpt::read(run, index)?;
    plan.require_samples(run)?;
    let (sweep, trial) = (plan.sweep(), &plan.trial);
    let choices = match trial.setting {
        Some(_) => Choices::default(),
        None => Choices::read(run, sweep)?,
    };
    let (setting, mut config) = plan.resolve(&choices)?;
    let dir = run.trial(&trial.id);
    let start = Start {
        run,
        index,
        data_root: &data_root,
        ranks: ranks.unwrap_or(sweep.resources.ranks),
        told_by: match ranks {
            Some(_) => ranks::OPTION,
            None => "resources.ranks",
        },
        resources: &sweep.resources,
    };
    // Ranks wait for each other: one whose launcher is gone is not to wait longer.
    stop::with_stdin(stop.clone(), sweep.resources.grace);
    let company = match Company::meet(&start, &dir, &stop) {
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(Outcome::Preempted),
        Err(Error::Trial(TrialError::Ranks(lost @ RanksError::Gone { .. })))
            if RankMembership::of_this_process()?.is_none_or(|own| own.rank == 0) =>
        {
            return lost_in_meeting(&dir, &lost, &start);
        }
        company => company?,
    };
    let ranks = &company.ranks;
    let device = company.device(&sweep.resources);
    let fit = Fit::here(&trial.cell.task, trial.cell.batch_size, device);
    let limits = [config.micro_batch_size, fit.found(run)];
    config.micro_batch_size = limits.into_iter().flatten().min();
    let mut left_out = Vec::new();
    // Once on each machine: ranks read the same files.
    let of_machine = ranks.group().map(|group| group.membership().local_rank);
    if let Some(task) = plan.task().filter(|_| of_machine.unwrap_or(0) == 0) {
        let planned = plan.data().get(&task.name).map(String::as_str);
        left_out = data::require(run, task, planned, data_root.as_deref(), trial.stage)?;
    }
    let resources = &sweep.resources;
    lawn_models::set_threads(u32::try_from(resources.threads).unwrap_or(u32::MAX));
    let mut context = TrialContext {
        device,
        data_root: data_root.clone(),
        checkpoint: dir.checkpoint(),
        checkpoint_every: resources.checkpoint_every,
        keep_weights: resources.keep_weights,
        deterministic: resources.is_deterministic(trial.stage),
        graphs: resources.graphs,
    };
    if let Some(group) = ranks.group().filter(|_| !ranks.is_first()) {
        let follower = Follower {
            company: &company,
            dir: &dir,
            device,
            resources,
        };
        return follower.run(group, &config, &context, stop);
    }
    let lease = take(&dir, sweep.resources.lease)?;
    match dir.read_outcome() {
        Ok(Some(there)) if there.is_final() => {
            if let Some(group) = ranks.group() {
                group.tell(&there.outcome.to_string())?;
                group.finish()?;
            }
            return Ok(there.outcome);
        }
        // Training again gives it again.
        Err(Error::Damaged(_)) => drop(files::set_aside(&dir.outcome())?),
        there => drop(there?),
    }
    let file = TrialFile {
        id: trial.id.clone(),
        setting,
        rule: Some(config.optimizer.rule_config()),
        config: config.clone(),
        adopted_from: None,
    };
    file.require_same(&dir)?;
    file.write(&dir)?;

    if let Some(before) = plan.earlier_rung(setting, &choices) {
        carry_on(&run.trial(&before.id), &dir)?;
    }
    if let Some(group) = ranks.group() {
        follower::tell_to_go(group, &lease)?;
    }
    let graphs = GraphAttempt::new(run, &dir);
    if context.graphs
        && device.is_cuda()
        && let Some(reason) = graphs.refusal()?
    {
        context.graphs = false;
        left_out.push(Notice::NotCaptured { reason });
    }
    let events = resources.tensorboard.then(|| {
        let given = HyperParameters::new(trial, setting, &config.optimizer);
        (
            tensorboard::folder(&run.tensorboard(), trial, setting),
            given,
        )
    });
    emit(&Event::reached_at(Beginning::Process, begun));
    let recorder = || {
        let (events, stop) = (events.clone(), stop.clone());
        Recorder::new(&dir, events, stop, lease.watch(), graphs.clone())
    };
    let mut ending = train::train(&dir, ranks, &config, &context, recorder)?;
    left_out.append(&mut ending.notices);
    ending.notices = left_out;
    ending.ranks = company.record(device);
    fit.learn(run, &ending.notices)?;
    dir.settle(lease, &ending)?;
    let outcome = ending.outcome;
    let goes_no_further = match outcome {
        // A longer trial goes on from one that was to stop early.
        Outcome::Ok => config.stop_after.is_none(),
        outcome => outcome == Outcome::Diverged,
    };
    if goes_no_further && !resources.keep_checkpoints {
        lawn_models::remove_checkpoints(&dir.checkpoint())
            .map_err(Error::io("remove", &dir.checkpoint()))?;
    }
    emit(&Event::Ended { outcome });
    Ok(outcome)
}

/// Leaves the outcome of a trial that has lost a rank before there was a group.
fn lost_in_meeting(dir: &TrialDir, lost: &RanksError, start: &Start<'_>) -> Result<Outcome, Error> {
    let lease = take(dir, start.resources.lease)?;
    if let Some(there) = dir.final_outcome()? {
        return Ok(there.outcome);
    }
    streams::say(&format!("rank 0 ends: {lost}"));
    let mut ending = Ending::failed(Outcome::Crashed, lost.to_string());
    let ranks = u32::try_from(start.ranks).unwrap_or(u32::MAX);
    let device = start.resources.device.here();
    ending.ranks = Some(RankRecord::of(ranks, ranks, device));
    dir.settle(lease, &ending)?;
    let outcome = ending.outcome;
    emit(&Event::Ended { outcome });
    Ok(outcome)
}

/// Goes on from where the rung before left its setting: schedules are those of the whole
/// budget, so that the numbers are those of training through.
fn carry_on(before: &TrialDir, dir: &TrialDir) -> Result<(), Error> {
    let ended = before.final_outcome()?;
    let is_there = before.checkpoint().exists() && before.log().exists();
    if !is_there
        || dir.checkpoint().exists()
        || ended.is_none_or(|ending| ending.outcome != Outcome::Ok)
    {
        return Ok(());
    }
    // The checkpoint last: without it the trial begins anew, and its log with it.
    for (from, to) in [
        (before.log(), dir.log()),
        (before.checkpoint(), dir.checkpoint()),
    ] {
        let bytes = std::fs::read(&from).map_err(Error::io("read", &from))?;
        files::write(&to, &bytes)?;
    }
    Ok(())
}

/// The lease of the trial in `dir`, for as long as this process lives.
///
/// A launcher has looked before, and goes on with another trial where one is held. By
/// itself this waits for one expiry: a holder that died on another machine is free by
/// then, and one that still lives is no passing matter.
fn take(dir: &TrialDir, expiry: Duration) -> Result<Lease, Error> {
    let launcher = std::env::var(LAUNCHER).ok();
    let launcher = launcher.and_then(|launcher| serde_json::from_str(&launcher).ok());
    let patience = if launcher.is_some() {
        Duration::ZERO
    } else {
        expiry
    };
    match lease::wait(dir.root(), &Terms { expiry, launcher }, patience)? {
        Claim::Taken(lease) => Ok(lease),
        Claim::Refused(by) => Err(Error::Held {
            dir: dir.root().into(),
            by: by.to_string(),
        }),
    }
}
