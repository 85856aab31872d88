//! What becomes of trials whose jobs are over, and left no outcome.

use std::collections::BTreeSet;
use std::path::Path;

use lawn_analysis::records::Outcome;

use super::queue::Queue;
use super::script;
use super::submission::{self, JobExit, Submission};
use crate::Error;
use crate::count::count;
use crate::engine::failure::{self, Death};
use crate::engine::work::Work;
use crate::run::ending::Ending;
use crate::run::lease::{self, Claim, Terms};

/// What becomes of a trial that its jobs left without an outcome.
pub(super) enum Fate {
    /// Another job goes on with it.
    Again,
    /// It has its outcome now.
    Over,
    /// None of its jobs could begin. That says nothing about the trial, which gets as many jobs
    /// as before when it is asked for again.
    Refused(Error),
}

/// Exit code of `lawn trial` where a living process holds the trial.
const HELD: i32 = 4;

/// Exit code of a process that SIGKILL ended, as a shell gives it.
const KILLED: i32 = 137;

/// Says what became of the trials that one engine submitted.
pub(super) struct Inquest<'a> {
    pub(super) work: &'a Work<'a>,
    /// Jobs in a row that may end without an outcome.
    pub(super) attempts: usize,
}

impl Inquest<'_> {
    /// The trials of `submission` in the queue. Where there are none any more, notes
    /// which were lost.
    pub(super) fn settle(
        &self,
        submission: &mut Submission,
        queue: &Queue,
    ) -> Result<BTreeSet<usize>, Error> {
        if submission.is_next() || submission.record.lost.is_some() {
            return Ok(BTreeSet::new());
        }
        let live = submission.live_trials(queue);
        if !live.is_empty() {
            return Ok(live);
        }
        let mut lost = BTreeSet::new();
        // Without a number and without an entry in the queue it was never submitted.
        if submission.record.job.is_some() {
            for &index in &submission.record.trials {
                if self.was_lost(submission, index)? {
                    lost.insert(index);
                }
            }
        }
        submission.record.lost = Some(lost);
        submission.write()?;
        Ok(live)
    }

    /// Whether the job of `submission` left the trial without an outcome of its own.
    fn was_lost(&self, submission: &Submission, index: usize) -> Result<bool, Error> {
        match submission.exit(index) {
            Some(JobExit::Code { code: HELD, .. }) => return Ok(false),
            Some(JobExit::Stalled) => return Ok(true),
            _ => {}
        }
        let dir = self.work.run.trial(&self.work.plan.trial(index)?.id);
        if !dir.outcome().exists() {
            return Ok(true);
        }
        // A trial that was preempted by an earlier job still says so.
        Ok(dir.final_outcome()?.is_none()
            && modified(&dir.outcome())? < modified(&submission.dir.join("job.sh"))?)
    }

    pub(super) fn is_over(&self, index: usize) -> Result<bool, Error> {
        let dir = self.work.run.trial(&self.work.plan.trial(index)?.id);
        Ok(dir.final_outcome()?.is_some())
    }

    /// What becomes of a trial without an outcome. Writes that of one whose process died by
    /// itself, or that was lost too often.
    pub(super) fn give_up(
        &self,
        submissions: &mut [Submission],
        queue: &Queue,
        index: usize,
    ) -> Result<Fate, Error> {
        let dir = self.work.run.trial(&self.work.plan.trial(index)?.id);
        let lost = submission::that_lost(submissions, index);
        let times = lost.len();
        let jobs = count(times, "job");
        let first = lost.last().map(|submission| submission.dir.join("job.sh"));
        let has_begun = match first {
            Some(script) => dir.trial().exists() && modified(&dir.trial())? >= modified(&script)?,
            None => false,
        };
        let newest = submissions
            .iter_mut()
            .rev()
            .find(|submission| submission.record.trials.contains(&index));
        // A trial that was given up and is asked for again is retried.
        let Some(submission) = newest.filter(|it| !it.record.given_up.contains(&index)) else {
            return Ok(Fate::Again);
        };
        let stderr = || {
            let bytes = std::fs::read(dir.stderr()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let limit = self.work.plan.sweep.resources.timeout;
        let exit = submission.exit(index);
        // The whole job was killed for memory, so that nobody could write an exit code.
        let code = match &exit {
            None => submission.ran_out_of_memory(queue, index).then_some(KILLED),
            Some(exit) => exit.code(),
        };
        let is_stalled = exit == Some(JobExit::Stalled);
        let job = submission.record.job.unwrap_or_default();
        let refused = |said: String| {
            let id = self.work.plan.trials[index].id.clone();
            Some(Error::Refused { id, said })
        };
        let attempts = self.attempts;
        let (ending, refusal) = match (code, limit) {
            (Some(script::TIME_UP), Some(limit)) => {
                let detail = format!("stopped after {} s", limit.as_secs_f64());
                (Ending::failed(Outcome::Timeout, detail), None)
            }
            (Some(code), _) if !(code == HELD || failure::is_of_the_machine(code)) => {
                let stderr = stderr();
                let death = Death {
                    oom_kills: submission.ran_out_of_memory(queue, index),
                    ..Death::elsewhere(code, &stderr)
                };
                (death.outcome(), None)
            }
            _ if times < attempts && !is_stalled => return Ok(Fate::Again),
            _ => {
                let said = match code {
                    _ if is_stalled => refused(format!(
                        "{attempts} times in a row Slurm warned its job of its end before there was \
                         a new checkpoint, the last was job {job}; give it more time with \
                         engines.slurm.time"
                    )),
                    Some(code) => failure::of_the_machine(code, self.work.plan, index, &stderr()),
                    None if has_begun => None,
                    None => refused(format!(
                        "{jobs} in a row ended before it began, the last was Slurm's job \
                         {job}; the log is {}",
                        submission.task_log(index).display()
                    )),
                };
                let detail = format!(
                    "{jobs} in a row left no outcome, the last was Slurm's job {job}; {}",
                    failure::tail(stderr().trim())
                );
                (Ending::failed(Outcome::Crashed, detail), said)
            }
        };
        if let Some(error) = refusal {
            submission.record.given_up.insert(index);
            submission.write()?;
            return Ok(Fate::Refused(error));
        }
        // Whoever has the lease says how the trial ended.
        let terms = Terms::new(self.work.plan.sweep.resources.lease);
        let Claim::Taken(lease) = lease::ask(dir.root(), &terms)? else {
            return Ok(Fate::Again);
        };
        dir.settle(lease, &ending)?;
        submission.record.given_up.insert(index);
        submission.write()?;
        Ok(Fate::Over)
    }
}

fn modified(path: &Path) -> Result<std::time::SystemTime, Error> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .map_err(Error::io("look at", path))
}
