//! What the queue knows beside the run's own records: pending, running, where, and why not.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::queue::{Job, Tasks};
use super::{client, submission};
use crate::Error;
use crate::engine::failure::tail;
use crate::plan::Plan;
use crate::run::run_dir::RunDir;

/// This run's part of the queue.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SlurmStatus {
    /// Trials that wait, by Slurm's reason.
    pub pending: BTreeMap<String, usize>,
    /// Trials that run, by node.
    pub running: BTreeMap<String, usize>,
    /// The trials in the queue.
    pub tasks: Vec<Task>,
    /// The job that goes on with the sweep after them.
    pub next: Option<u64>,
    /// How the newest such job failed, where it is over and none follows it.
    pub failed: Option<String>,
    /// Why the queue could not be read, where it could not.
    pub error: Option<String>,
}

/// A trial in the queue.
#[derive(Debug, Clone, Serialize)]
pub struct Task {
    /// Slurm's name for it, `ARRAY_TASK`.
    pub job: String,
    /// Index of the trial in the plan.
    pub index: usize,
    /// Id of the trial.
    pub trial: String,
    /// Slurm's state.
    pub state: String,
    /// Slurm's reason while it is pending.
    pub reason: String,
    /// Where it runs.
    pub nodes: String,
}

impl SlurmStatus {
    /// Asks the queue for the jobs of `run`; none where nothing of it was ever submitted.
    ///
    /// # Errors
    ///
    /// As [`crate::run::document::read`]. A Slurm that does not answer is [`SlurmStatus::error`].
    pub fn read(run: &RunDir, plan: &Plan) -> Result<Option<Self>, Error> {
        let submissions = submission::read(run)?;
        if submissions.is_empty() {
            return Ok(None);
        }
        let mut status = Self::default();
        let queue = match client::squeue() {
            Ok(queue) => queue,
            Err(error) => {
                status.error = Some(error.to_string());
                return Ok(Some(status));
            }
        };
        let live = queue.live();
        for submission in &submissions {
            for job in live
                .get(submission.record.name.as_str())
                .into_iter()
                .flatten()
            {
                if submission.is_next() {
                    status.next = Some(job.job);
                } else {
                    status.add(job, &submission.record.trials, plan)?;
                }
            }
        }
        let newest = submissions
            .iter()
            .rev()
            .find(|submission| submission.is_next());
        if let Some(newest) = newest.filter(|_| status.next.is_none()) {
            status.failed = failure(&newest.log())?;
        }
        Ok(Some(status))
    }

    fn add(&mut self, job: &Job, trials: &[usize], plan: &Plan) -> Result<(), Error> {
        let Tasks::Some(tasks) = &job.tasks else {
            return Ok(());
        };
        for &task in tasks {
            let Some(&index) = trials.get(task) else {
                continue;
            };
            let count = if job.is_running() {
                self.running.entry(job.nodes.clone())
            } else {
                self.pending.entry(job.reason.clone())
            };
            *count.or_default() += 1;
            self.tasks.push(Task {
                job: format!("{}_{task}", job.job),
                index,
                trial: plan.trial(index)?.id.clone(),
                state: job.state.clone(),
                reason: job.reason.clone(),
                nodes: job.nodes.clone(),
            });
        }
        Ok(())
    }

    /// The status as a line for people.
    #[must_use]
    pub fn render(&self) -> String {
        if let Some(error) = &self.error {
            return format!("slurm: {error}\n");
        }
        let counted = |counts: &BTreeMap<String, usize>, word: &str| {
            let total: usize = counts.values().sum();
            let parts: Vec<String> = counts
                .iter()
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            match parts.as_slice() {
                [] => format!("0 {word}"),
                parts => format!("{total} {word} ({})", parts.join(", ")),
            }
        };
        let next = match self.next {
            Some(job) => format!("job {job} goes on after them"),
            None => "no job goes on after them".into(),
        };
        let failed = self.failed.as_ref().map_or_else(String::new, |failed| {
            format!("  the last one failed: {failed}\n")
        });
        format!(
            "slurm: {}, {}; {next}\n{failed}",
            counted(&self.pending, "pending"),
            counted(&self.running, "running"),
        )
    }
}

/// The error that the log of a job ends with, and the path of the log; none where the log ends
/// otherwise.
fn failure(log: &Path) -> Result<Option<String>, Error> {
    let bytes = match std::fs::read(log) {
        Ok(bytes) => bytes,
        // It did not begin.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", log)(error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let error = text.trim_end().rsplit_once("error: ");
    Ok(error.map(|(_, said)| {
        // Errors with a place in a text begin with their heading alone on a line.
        let said = tail(said).replace('\n', "\n  ");
        format!("{said} (log: {})", log.display())
    }))
}
