//! `--engine slurm`: job arrays, and a dependent job that goes on with the sweep.
//!
//! One pass submits the trials that can be trained now and are not in the queue yet, and a
//! job that runs `lawn sweep DIR --engine slurm` again once those are over. That pass
//! freezes and submits the next stage, or merges and reports. A pass may be repeated at any
//! time: what is in the queue is not submitted twice.

mod client;
mod lost;
mod queue;
mod script;
mod status;
mod submission;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use client::{max_array_size, version};
pub use status::{SlurmStatus, Task};

use self::lost::{Fate, Inquest};
use self::queue::Queue;
use self::submission::{JobExit, Record, Submission};
use super::command::{JobCommand, quoted};
use super::failure;
use super::identity;
use crate::count::{count, verb};
use crate::engine::work::{Completion, Engine, Watcher, Work};
use crate::error::EngineError;
use crate::run::files;
use crate::run::lease::{self, Claim, Lease, Terms};
use crate::{Error, config};

/// `MaxArraySize` of a Slurm that was not told another: for a dry run where there is no Slurm.
const USUAL_ARRAY_SIZE: usize = 1001;

/// How long a pass waits for another: one may submit many arrays.
const PATIENCE: Duration = Duration::from_secs(600);

/// Submits trials of one plan.
pub struct Slurm<'a> {
    work: Work<'a>,
    settings: &'a config::Slurm,
}

/// What is in the queue after a pass.
#[derive(Debug)]
pub struct QueueReport {
    /// Trials that this pass submitted.
    pub new: usize,
    /// Trials that were in the queue before.
    pub waiting: usize,
    /// The arrays of both.
    pub arrays: Vec<u64>,
    /// The job that goes on with the sweep.
    pub next: u64,
    /// Trials that Slurm would not take now, and why. The next pass tries again.
    pub refused: Option<(usize, EngineError)>,
}

impl<'a> Slurm<'a> {
    /// The engine of `work`.
    #[must_use]
    pub fn new(work: Work<'a>, settings: &'a config::Slurm) -> Self {
        Self { work, settings }
    }

    /// Sees to it that each of the trials `ready` is in the queue, and after them a job
    /// that goes on. None where no trial is left to wait for: those lost too often have
    /// been given an outcome.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] where a command of Slurm fails before anything is in the queue,
    /// [`Error::Refused`] and [`Error::NoRoom`] where that is what the machines say of a trial
    /// again and again, [`Error::Io`], and as [`document::read`](crate::run::document::read).
    pub fn submit(&self, ready: &[usize]) -> Result<Option<QueueReport>, Error> {
        let _held = self.exclusively()?;
        let inquest = Inquest {
            work: &self.work,
            attempts: self.settings.attempts,
        };
        let queue = client::squeue()?;
        let mut submissions = submission::read(self.work.run)?;
        let mut live = BTreeSet::new();
        for submission in &mut submissions {
            submission.adopt(&queue)?;
            live.extend(inquest.settle(submission, &queue)?);
        }
        let (mut fresh, mut waiting, mut refusal) = (Vec::new(), 0, None);
        for &index in ready {
            if live.contains(&index) {
                waiting += 1;
            } else if !inquest.is_over(index)? {
                match inquest.give_up(&mut submissions, &queue, index)? {
                    Fate::Again => fresh.push(index),
                    Fate::Over => {}
                    Fate::Refused(error) => refusal = refusal.or(Some(error)),
                }
            }
        }
        if let Some(error) = refusal {
            return Err(error);
        }
        if fresh.is_empty() && waiting == 0 {
            return Ok(None);
        }
        let mut arrays: Vec<u64> = submissions
            .iter()
            .filter(|submission| !submission.is_next() && submission.is_live(&queue, None))
            .filter_map(|submission| submission.record.job)
            .collect();
        let (new, refused) = self.submit_arrays(&submissions, &fresh, &mut arrays)?;
        let next = match going_on(&submissions, &queue) {
            Some(job) => job,
            None => self.submit_next(&arrays)?,
        };
        Ok(Some(QueueReport {
            new,
            waiting,
            arrays,
            next,
            refused,
        }))
    }

    /// The scripts that [`Slurm::submit`] would submit first, with their files; writes
    /// nothing. The numbers of jobs that are not there yet are 0.
    fn scripts(&self, ready: &[usize]) -> Result<Vec<(PathBuf, String)>, Error> {
        let size = self.array_size().unwrap_or(USUAL_ARRAY_SIZE);
        let command = self.command()?;
        let known = identity::known_run_id(self.work.run)?;
        let id = known.unwrap_or_else(|| "00000000".into());
        let mut number = submission::last_number(self.work.run)?;
        let mut scripts = Vec::new();
        for (place, trials) in ready.chunks(size).enumerate() {
            number += 1;
            let (name, dir) = self.place(&id, number)?;
            let after: &[u64] = if place == 0 { &[] } else { &[0] };
            let avoided = BTreeSet::new();
            let array = self.array(&name, &dir, trials.len(), after, &avoided);
            scripts.push((dir.join("job.sh"), array.script(&command)));
        }
        let (name, dir) = self.place(&id, number + 1)?;
        let next = script::next(&name, self.settings, &dir, &[0], &self.go_on(&command));
        scripts.push((dir.join("job.sh"), next));
        Ok(scripts)
    }

    /// One pass at a time: a second one waits, and then finds the queue filled.
    fn exclusively(&self) -> Result<Lease, Error> {
        let folder = submission::folder(self.work.run).join("pass");
        match lease::wait(&folder, &self.terms(), PATIENCE)? {
            Claim::Taken(lease) => Ok(lease),
            Claim::Refused(by) => Err(Error::Held {
                dir: folder,
                by: by.to_string(),
            }),
        }
    }

    fn terms(&self) -> Terms {
        Terms::new(self.work.plan.sweep.resources.lease)
    }

    /// Submits `fresh` in as many arrays as it takes, one after the other so that no more
    /// than `workers` run at a time. Adds the arrays to `arrays`.
    fn submit_arrays(
        &self,
        submissions: &[Submission],
        fresh: &[usize],
        arrays: &mut Vec<u64>,
    ) -> Result<(usize, Option<(usize, EngineError)>), Error> {
        if fresh.is_empty() {
            return Ok((0, None));
        }
        let command = self.command()?;
        let id = identity::run_id(self.work.run)?;
        let mut submitted = 0;
        let mut after: Vec<u64> = Vec::new();
        for trials in fresh.chunks(self.array_size()?) {
            let (name, dir) = self.place(&id, submission::last_number(self.work.run)? + 1)?;
            let script = |avoided: &BTreeSet<String>| {
                let array = self.array(&name, &dir, trials.len(), &after, avoided);
                array.script(&command)
            };
            let avoided = avoided(submissions, trials);
            let mut handed = self.hand_over(&name, &dir, trials, &script(&avoided));
            if matches!(handed, Err(Error::Engine(_))) && !avoided.is_empty() {
                // Slurm may have no others.
                handed = self.hand_over(&name, &dir, trials, &script(&BTreeSet::new()));
            }
            match handed {
                Ok(job) => {
                    submitted += trials.len();
                    arrays.push(job);
                    after = vec![job];
                }
                // What is in the queue already will go on with the rest.
                Err(Error::Engine(error)) if !arrays.is_empty() => {
                    return Ok((submitted, Some((fresh.len() - submitted, error))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((submitted, None))
    }

    fn submit_next(&self, after: &[u64]) -> Result<u64, Error> {
        let id = identity::run_id(self.work.run)?;
        let (name, dir) = self.place(&id, submission::last_number(self.work.run)? + 1)?;
        let command = self.go_on(&self.command()?);
        let script = script::next(&name, self.settings, &dir, after, &command);
        self.hand_over(&name, &dir, &[], &script)
    }

    /// Writes all that the job needs, submits it, and notes its number.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] where Slurm does not take it, and no other error of an engine.
    fn hand_over(
        &self,
        name: &str,
        dir: &Path,
        trials: &[usize],
        script: &str,
    ) -> Result<u64, Error> {
        std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let mut list = String::new();
        for &index in trials {
            list += &format!("{index} {}\n", self.work.plan.trial(index)?.id);
        }
        files::write(&dir.join("trials.txt"), list.as_bytes())?;
        let path = dir.join("job.sh");
        files::write(&path, script.as_bytes())?;
        let mut submission = Submission {
            dir: dir.to_owned(),
            record: Record {
                name: name.to_owned(),
                trials: trials.to_vec(),
                job: None,
                lost: None,
                given_up: BTreeSet::new(),
            },
        };
        submission.write()?;
        let job = client::sbatch(&path)?;
        submission.record.job = Some(job);
        submission.write()?;
        Ok(job)
    }

    /// Name and folder of the submission `number`.
    fn place(&self, id: &str, number: usize) -> Result<(String, PathBuf), Error> {
        let folder = submission::folder(self.work.run);
        let folder = std::path::absolute(&folder).map_err(Error::io("find", &folder))?;
        Ok((
            format!("lawn-{id}-{number:04}"),
            folder.join(format!("{number:04}")),
        ))
    }

    fn command(&self) -> Result<JobCommand, Error> {
        let lawn = self.settings.lawn.as_deref();
        JobCommand::new(
            self.work.run,
            self.work.plan,
            self.work.data_root.as_deref(),
            lawn,
        )
    }

    /// The command of the job that goes on.
    fn go_on(&self, command: &JobCommand) -> String {
        let mut options = format!("--engine slurm --workers {}", self.work.workers);
        if let Some(limit) = self.work.max_failures {
            options += &format!(" --max-failures {limit}");
        }
        for word in self.work.only.words() {
            options += &format!(" --only {}", quoted(&word));
        }
        let resources = &self.work.plan.sweep.resources;
        if resources.ranks_are_told {
            options += &format!(" --ranks {}", resources.ranks);
        }
        for word in &self.work.on_end {
            options += &format!(" {}", quoted(word));
        }
        command.sweep(&options)
    }

    fn array<'s>(
        &'s self,
        name: &'s str,
        dir: &'s Path,
        tasks: usize,
        after: &'s [u64],
        avoided: &'s BTreeSet<String>,
    ) -> script::Array<'s> {
        let resources = &self.work.plan.sweep.resources;
        script::Array {
            name,
            settings: self.settings,
            dir,
            tasks,
            workers: self.work.workers,
            threads: resources.threads,
            ranks: resources.ranks,
            timeout: resources.timeout,
            grace: resources.grace,
            after,
            avoided,
        }
    }

    fn array_size(&self) -> Result<usize, EngineError> {
        let site = client::max_array_size()?;
        Ok(self
            .settings
            .max_array_size
            .map_or(site, |own| own.min(site))
            .max(1))
    }
}

impl Engine for Slurm<'_> {
    fn run(&self, indices: &[usize], watcher: &mut dyn Watcher) -> Result<Completion, Error> {
        if indices.is_empty() {
            return Ok(Completion::Through);
        }
        let Some(submitted) = self.submit(indices)? else {
            return Ok(Completion::Through);
        };
        watcher.note(&submitted.to_string());
        Ok(Completion::HandedOver)
    }

    fn describe(&self, indices: &[usize]) -> Result<String, Error> {
        let mut text = String::new();
        for (path, script) in self.scripts(indices)? {
            text += &format!("==> sbatch --parsable {} <==\n{script}\n", path.display());
        }
        Ok(text)
    }
}

impl std::fmt::Display for QueueReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arrays: Vec<String> = self.arrays.iter().map(u64::to_string).collect();
        write!(
            f,
            "{} submitted to Slurm, {} {} in its queue; arrays {}; job {} goes on after them",
            count(self.new, "trial"),
            self.waiting,
            verb(self.waiting, "was", "were"),
            arrays.join(", "),
            self.next
        )?;
        if let Some((trials, error)) = &self.refused {
            let left = count(*trials, "trial");
            let are = verb(*trials, "is", "are");
            write!(f, "; {left} {are} left to that job: {error}")?;
        }
        Ok(())
    }
}

/// The nodes that lacked what jobs of `trials` need.
fn avoided(submissions: &[Submission], trials: &[usize]) -> BTreeSet<String> {
    let exits = trials.iter().flat_map(|&trial| {
        let lost = submission::that_lost(submissions, trial).into_iter();
        lost.filter_map(move |submission| submission.exit(trial))
    });
    let nodes = exits.filter_map(|exit| match exit {
        JobExit::Code { code, node } if failure::is_of_the_machine(code) => node,
        _ => None,
    });
    nodes.collect()
}

/// The job in the queue that goes on with the sweep, apart from the one that this process is.
fn going_on(submissions: &[Submission], queue: &Queue) -> Option<u64> {
    let own = std::env::var("SLURM_JOB_ID")
        .ok()
        .and_then(|job| job.parse().ok());
    submissions
        .iter()
        .find(|submission| submission.is_next() && submission.is_live(queue, own))?
        .record
        .job
}
