//! `--engine ray`: a job a trial, through the Jobs server of a Ray cluster.
//!
//! The launcher stays: it submits, watches, freezes, confirms and reports, as with trials of
//! its own. A launcher that dies leaves its jobs running. The next one finds them by their ids,
//! which are made of the run's id, the trial's, and the number of the attempt.

mod client;

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lawn_analysis::records::Outcome;

pub use client::{Client, Job, JobStatus, Submission, SubmitReply};

use super::command::{JobCommand, quoted};
use super::failure::{Death, of_the_machine, was_stopped};
use super::identity;
use super::mark::Mark;
use crate::Exit;
use crate::config::Resources;
use crate::count::count;
use crate::engine::work::{Completion, Engine, Watcher, Work};
use crate::error::EngineError;
use crate::run::ending::Ending;
use crate::run::lease::{self, Claim, Terms};
use crate::run::trial_dir::TrialDir;
use crate::trial::{Event, read_log};
use crate::{Error, config};

/// Time between two looks at a job.
const POLL: Duration = Duration::from_millis(500);

/// A server that is away for so long is given up.
const AWAY: Duration = Duration::from_secs(300);

/// Time before a trial that another process holds is tried again.
const HELD: Duration = Duration::from_secs(20);

/// Runs trials of one plan as jobs of Ray.
pub struct Ray<'a> {
    work: Work<'a>,
    settings: &'a config::Ray,
    client: Client,
    /// Whether the server has answered once.
    has_answered: Cell<bool>,
    command: JobCommand,
}

/// The job of a trial.
struct Running {
    index: usize,
    /// The run's id and the trial's.
    name: String,
    attempt: usize,
    /// Jobs in a row that left neither an outcome nor a new checkpoint.
    lost: usize,
    /// Whether one of these took the trial up.
    has_begun: bool,
    /// How far the trial was when its job was submitted.
    before: Mark,
    /// A new job is not submitted before.
    wait: Option<Instant>,
    /// Since when it was seen to run.
    since: Option<Instant>,
    timed_out: bool,
    asked_to_stop: bool,
    evaluations: usize,
}

impl Running {
    /// The id of the trial's job, which Ray accepts once.
    fn id(&self) -> String {
        format!("{}-{}", self.name, self.attempt)
    }
}

/// What becomes of a trial whose job is over.
enum Aftermath {
    Over(Box<Ending>),
    /// Another job goes on with it, once this time has passed.
    Again(Duration),
    Stopped,
}

impl<'a> Ray<'a> {
    /// The engine of `work`.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] where nothing says where the server is.
    pub fn new(work: Work<'a>, settings: &'a config::Ray) -> Result<Self, Error> {
        let client = Client::new(settings.address.as_deref())?;
        let lawn = settings.lawn.as_deref();
        Ok(Self {
            command: JobCommand::new(work.run, work.plan, work.data_root.as_deref(), lawn)?,
            settings,
            client,
            has_answered: Cell::new(false),
            work,
        })
    }

    fn dir(&self, index: usize) -> TrialDir {
        self.work.run.trial(&self.work.plan.trials[index].id)
    }

    fn trial(&self, run_id: &str, index: usize) -> Running {
        Running {
            index,
            name: format!("lawn-{run_id}-{}", self.work.plan.trials[index].id),
            attempt: 1,
            lost: 0,
            has_begun: false,
            before: Mark::of(&self.dir(index)),
            wait: Some(Instant::now()),
            since: None,
            timed_out: false,
            asked_to_stop: false,
            evaluations: 0,
        }
    }

    fn submission(&self, running: &Running) -> Submission {
        let trial = &self.work.plan.trials[running.index].id;
        let folder = quoted(&format!("{}/trials/{trial}", self.command.run()));
        let Resources { threads, ranks, .. } = self.work.plan.sweep.resources;
        let threads = (threads * ranks) as f64;
        Submission {
            submission_id: running.id(),
            entrypoint: format!(
                "mkdir -p {folder} && exec {} > /dev/null 2>> {folder}/stderr.log",
                self.command.trial(&running.index.to_string())
            ),
            entrypoint_num_cpus: self.settings.cpus.unwrap_or(threads),
            entrypoint_num_gpus: self.settings.gpus.map(|gpus| gpus * ranks as f64),
            entrypoint_memory: self.settings.memory_bytes,
        }
    }

    /// Submits the trial's next job, or finds the one that an earlier launcher left.
    fn submit(&self, running: &mut Running) -> Result<(), Error> {
        running.wait = None;
        running.since = None;
        running.asked_to_stop = false;
        running.before = Mark::of(&self.dir(running.index));
        loop {
            match self.client.submit(&self.submission(running))? {
                SubmitReply::There(job) if job.status.is_over() => running.attempt += 1,
                SubmitReply::New | SubmitReply::There(_) => return Ok(()),
            }
        }
    }

    /// One look at the trial's job; what becomes of it where it is over.
    fn look(
        &self,
        worker: usize,
        running: &mut Running,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<Aftermath>, Error> {
        let stopping = self.work.stop.is_requested();
        if let Some(wait) = running.wait {
            if stopping {
                return Ok(Some(Aftermath::Stopped));
            }
            if Instant::now() >= wait {
                self.submit(running)?;
            }
            return Ok(None);
        }
        self.report_evaluations(worker, running, watcher);
        let id = running.id();
        let Some(job) = self.client.job(&id)? else {
            // A server that was started anew has forgotten it.
            return self.after(running, None).map(Some);
        };
        if job.status == JobStatus::Running {
            let since = *running.since.get_or_insert_with(Instant::now);
            let limit = self.work.plan.sweep.resources.timeout;
            running.timed_out |= limit.is_some_and(|limit| since.elapsed() > limit);
        }
        if job.status.is_over() {
            return self.after(running, Some(&job)).map(Some);
        }
        if (stopping || running.timed_out) && !running.asked_to_stop {
            self.client.stop(&id)?;
            running.asked_to_stop = true;
        }
        Ok(None)
    }

    /// What becomes of a trial whose job is over, or gone.
    fn after(&self, running: &mut Running, job: Option<&Job>) -> Result<Aftermath, Error> {
        let dir = self.dir(running.index);
        if let Some(outcome) = dir.final_outcome()? {
            return Ok(Aftermath::Over(Box::new(outcome)));
        }
        if running.timed_out {
            let limit = self.work.plan.sweep.resources.timeout.unwrap_or_default();
            let detail = format!("stopped after {} s", limit.as_secs_f64());
            return self.settle(running, &Ending::failed(Outcome::Timeout, detail));
        }
        if self.work.stop.is_requested() {
            return Ok(Aftermath::Stopped);
        }
        // A process that a signal ended has its number, negative.
        let shell = |code: i32| if code < 0 { 128 - code } else { code };
        let code = job.and_then(|job| job.driver_exit_code).map(shell);
        if code == Some(Exit::Held.code().into()) {
            return Ok(Aftermath::Again(HELD));
        }
        let stderr = std::fs::read(dir.stderr()).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr);
        let refusal =
            code.and_then(|code| of_the_machine(code, self.work.plan, running.index, &stderr));
        if let Some(code) = code
            && refusal.is_none()
            && !was_stopped(code)
        {
            return self.settle(running, &Death::elsewhere(code, &stderr).outcome());
        }
        // What ended the job says nothing about the trial: the next may do better.
        let now = Mark::of(&dir);
        if now.got_further_than(running.before) {
            running.lost = 0;
            running.has_begun = false;
        } else {
            running.lost += 1;
            running.has_begun |= now.has_begun_since(running.before);
        }
        if running.lost < self.settings.attempts {
            return Ok(Aftermath::Again(Duration::ZERO));
        }
        let message = job.and_then(|job| job.message.as_deref());
        let detail = format!(
            "{} in a row left no outcome, the last was {}: {}",
            count(running.lost, "job"),
            running.id(),
            message.unwrap_or("Ray has forgotten it")
        );
        match refusal {
            Some(error) => Err(error),
            None if code.is_none() && running.has_begun => {
                self.settle(running, &Ending::failed(Outcome::Crashed, detail))
            }
            None => Err(Error::Refused {
                id: self.work.plan.trials[running.index].id.clone(),
                said: detail,
            }),
        }
    }

    /// Leaves the outcome of a trial that cannot leave its own, where nobody else has it.
    fn settle(&self, running: &Running, ending: &Ending) -> Result<Aftermath, Error> {
        let dir = self.dir(running.index);
        let terms = Terms::new(self.work.plan.sweep.resources.lease);
        let Claim::Taken(lease) = lease::ask(dir.root(), &terms)? else {
            return Ok(Aftermath::Again(HELD));
        };
        dir.settle(lease, ending)?;
        Ok(Aftermath::Over(Box::new(ending.clone())))
    }

    /// Tells the watcher of evaluations that the trial's log has gained.
    fn report_evaluations(&self, worker: usize, running: &mut Running, watcher: &mut dyn Watcher) {
        let log = self.dir(running.index).log();
        // A log that is not there yet, or is being made anew, is looked at again.
        let Ok(log) = read_log(&log) else { return };
        let records = log.records;
        for record in records.iter().skip(running.evaluations) {
            let record = Box::new(record.clone());
            watcher.event(worker, running.index, &Event::Evaluated { record });
        }
        running.evaluations = records.len();
    }
}

impl Engine for Ray<'_> {
    fn run(&self, indices: &[usize], watcher: &mut dyn Watcher) -> Result<Completion, Error> {
        // Once it has answered, its being away is waited for.
        if !self.has_answered.get() {
            self.client.greet()?;
            self.has_answered.set(true);
        }
        let run_id = identity::run_id(self.work.run)?;
        let mut queue: VecDeque<usize> = indices.iter().copied().collect();
        let mut slots: Vec<Option<Running>> = (0..self.work.workers).map(|_| None).collect();
        let mut away: Option<Instant> = None;
        loop {
            for (worker, slot) in slots.iter_mut().enumerate() {
                if slot.is_some() || self.work.stop.is_requested() {
                    continue;
                }
                if let Some(index) = queue.pop_front() {
                    *slot = Some(self.trial(&run_id, index));
                    watcher.began(worker, index);
                }
            }
            if slots.iter().all(Option::is_none) {
                return Ok(Completion::Through);
            }
            let mut has_ended = false;
            for (worker, slot) in slots.iter_mut().enumerate() {
                let Some(running) = slot else { continue };
                let index = running.index;
                let after = match self.look(worker, running, watcher) {
                    Err(Error::Engine(error @ EngineError::Unreachable { .. })) => {
                        // Its jobs go on without the server, or are found lost when it is back.
                        match away {
                            None => {
                                watcher.note(&format!("{error}; trying again"));
                                away = Some(Instant::now());
                            }
                            Some(since) if since.elapsed() > AWAY => return Err(error.into()),
                            Some(_) => {}
                        }
                        None
                    }
                    looked => {
                        away = None;
                        looked?
                    }
                };
                has_ended |= after.is_some();
                match after {
                    None => {}
                    Some(Aftermath::Again(wait)) => {
                        running.attempt += 1;
                        running.wait = Some(Instant::now() + wait);
                    }
                    Some(Aftermath::Over(ending)) => {
                        *slot = None;
                        watcher.ended(Some(worker), index, &ending);
                    }
                    Some(Aftermath::Stopped) => {
                        *slot = None;
                        watcher.stopped(worker, index);
                    }
                }
            }
            // What follows does not wait for what is there to be looked at again.
            if !has_ended {
                std::thread::sleep(POLL);
            }
        }
    }

    fn describe(&self, indices: &[usize]) -> Result<String, Error> {
        let known = identity::known_run_id(self.work.run)?;
        let run_id = known.unwrap_or_else(|| "00000000".into());
        let mut text = String::new();
        for &index in indices {
            let submission = self.submission(&self.trial(&run_id, index));
            let body = serde_json::to_string(&submission).unwrap_or_default();
            text += &format!("POST {}/api/jobs/ {body}\n", self.client.address());
        }
        Ok(text)
    }
}
