//! What was submitted, kept in the run.
//!
//! ```text
//! engine/slurm/0001/
//!   job.sh            the script, for the eye too
//!   trials.txt        line K+1: index and id of the trial that array task K trains
//!   submission.json   this module's
//!   log.txt           what the job that goes on with the sweep wrote
//!   log-K.txt         what the job itself wrote; the trial's standard error is in its folder
//!   exit-K            exit code of a trial's process that left no outcome, and its node
//!   stalled-K         a line a job that was warned of its end before its trial got further
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::queue::{Queue, Tasks};
use super::script;
use crate::Error;
use crate::run::document;
use crate::run::run_dir::RunDir;

/// Schema of `submission.json`.
pub(super) const SCHEMA: u32 = 1;

/// One call of `sbatch`.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    /// Its folder.
    pub(super) dir: PathBuf,
    /// The content of `submission.json`.
    pub(super) record: Record,
}

/// The content of `submission.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Name of the job: the run's id and the submission's number.
    pub(super) name: String,
    /// Indices of the trials, by array task; none for the job that goes on with the sweep.
    pub(super) trials: Vec<usize>,
    /// Slurm's number of the job, written after `sbatch` came back. Where it is missing, the name
    /// of the job is looked up in the queue.
    pub(super) job: Option<u64>,
    /// Once no task is in the queue: the trials that the job left without an outcome.
    pub(super) lost: Option<BTreeSet<usize>>,
    /// Trials whose outcome was written for them, and trials that no job could begin. What was
    /// lost before does not count against them any more.
    pub(super) given_up: BTreeSet<usize>,
}

/// The folder of all submissions of `run`.
#[must_use]
pub(super) fn folder(run: &RunDir) -> PathBuf {
    run.engine().join("slurm")
}

/// The submissions of `run`, the oldest first. A folder that a kill left without its
/// record was not submitted.
///
/// # Errors
///
/// As [`document::read`].
pub(super) fn read(run: &RunDir) -> Result<Vec<Submission>, Error> {
    let mut submissions = Vec::new();
    for number in 1..=last_number(run)? {
        let dir = folder(run).join(format!("{number:04}"));
        let path = record_path(&dir);
        if path.exists() {
            let record = document::read(&path, 1..=SCHEMA)?;
            submissions.push(Submission { dir, record });
        }
    }
    Ok(submissions)
}

/// The highest number of a submission's folder; 0 where there is none.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn last_number(run: &RunDir) -> Result<usize, Error> {
    let folder = folder(run);
    if !folder.exists() {
        return Ok(0);
    }
    let mut last = 0;
    for entry in std::fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
        let entry = entry.map_err(Error::io("list", &folder))?;
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

fn record_path(dir: &Path) -> PathBuf {
    dir.join("submission.json")
}

impl Submission {
    /// Writes the record.
    ///
    /// # Errors
    ///
    /// As [`document::write`].
    pub(super) fn write(&self) -> Result<(), Error> {
        document::write(&record_path(&self.dir), SCHEMA, &self.record)
    }

    /// Where the job that goes on with the sweep writes what it says.
    #[must_use]
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("log.txt")
    }

    /// Whether this is the job that goes on with the sweep.
    #[must_use]
    pub(super) fn is_next(&self) -> bool {
        self.record.trials.is_empty()
    }

    /// The trials whose tasks are pending or running in `queue`.
    #[must_use]
    pub(super) fn live_trials(&self, queue: &Queue) -> BTreeSet<usize> {
        let trials = &self.record.trials;
        let mut named: BTreeSet<usize> = BTreeSet::new();
        let mut over: BTreeSet<usize> = (0..trials.len()).collect();
        let mut cut_short = false;
        for job in queue.jobs.iter().filter(|job| job.name == self.record.name) {
            match &job.tasks {
                Tasks::Some(tasks) => {
                    named.extend(tasks);
                    if job.is_live() {
                        over.retain(|task| !tasks.contains(task));
                    }
                }
                Tasks::Unknown => cut_short |= job.is_live(),
                Tasks::None => {}
            }
        }
        if cut_short {
            over.retain(|task| named.contains(task));
        }
        (0..trials.len())
            .filter(|task| !over.contains(task))
            .map(|task| trials[task])
            .collect()
    }

    /// Whether any of the job is pending or running in `queue`, apart from the job `own`.
    #[must_use]
    pub(super) fn is_live(&self, queue: &Queue, own: Option<u64>) -> bool {
        queue
            .jobs
            .iter()
            .any(|job| job.name == self.record.name && job.is_live() && Some(job.job) != own)
    }

    /// How the job of `trial` ended, where it left no outcome.
    #[must_use]
    pub(super) fn exit(&self, trial: usize) -> Option<JobExit> {
        let task = self.task(trial)?;
        let text = std::fs::read_to_string(self.dir.join(format!("exit-{task}"))).ok()?;
        JobExit::parse(&text)
    }

    /// Where the job of `trial` writes what it says itself.
    #[must_use]
    pub(super) fn task_log(&self, trial: usize) -> PathBuf {
        let task = self.task(trial).unwrap_or_default();
        self.dir.join(format!("log-{task}.txt"))
    }

    fn task(&self, trial: usize) -> Option<usize> {
        let mut trials = self.record.trials.iter();
        trials.position(|&index| index == trial)
    }

    /// Whether `queue` says that the task of `trial` was ended for memory. A Slurm forgets
    /// its jobs some minutes after their end.
    #[must_use]
    pub(super) fn ran_out_of_memory(&self, queue: &Queue, trial: usize) -> bool {
        let task = self.task(trial);
        let is_it = |tasks: &Tasks| match (tasks, task) {
            (Tasks::Some(tasks), Some(task)) => tasks.contains(&task),
            _ => false,
        };
        queue.jobs.iter().any(|job| {
            job.name == self.record.name
                && is_it(&job.tasks)
                && job.state.split('+').any(|word| word == "OUT_OF_MEMORY")
        })
    }

    /// Takes the job's number from `queue`, where a kill came between `sbatch` and the record.
    ///
    /// # Errors
    ///
    /// As [`document::write`].
    pub(super) fn adopt(&mut self, queue: &Queue) -> Result<(), Error> {
        if self.record.job.is_none()
            && let Some(job) = queue.jobs.iter().find(|job| job.name == self.record.name)
        {
            self.record.job = Some(job.job);
            self.write()?;
        }
        Ok(())
    }
}

/// How a job says that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JobExit {
    /// The trial's process did, with this code.
    Code {
        /// As a shell gives it.
        code: i32,
        /// Where it ran.
        node: Option<String>,
    },
    /// The job was warned of its end before its trial got further, and so were the jobs before
    /// it.
    Stalled,
}

impl JobExit {
    /// Reads what the script wrote.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let first = words.next()?;
        if first == script::STALLED {
            return Some(Self::Stalled);
        }
        Some(Self::Code {
            code: first.parse().ok()?,
            node: words.next().map(str::to_owned),
        })
    }

    /// The code, where there is one.
    #[must_use]
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Self::Code { code, .. } => Some(*code),
            Self::Stalled => None,
        }
    }
}

/// The submissions in a row, from the newest back, whose jobs lost `trial`.
#[must_use]
pub(super) fn that_lost(submissions: &[Submission], trial: usize) -> Vec<&Submission> {
    let newest_first = submissions.iter().rev();
    newest_first
        .filter(|submission| submission.record.trials.contains(&trial))
        .take_while(|Submission { record, .. }| {
            let lost = record.lost.as_ref();
            lost.is_some_and(|lost| lost.contains(&trial)) && !record.given_up.contains(&trial)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::queue::Job;
    use super::*;

    fn submission(trials: &[usize], lost: &[usize]) -> Submission {
        Submission {
            dir: PathBuf::new(),
            record: Record {
                name: "a".into(),
                trials: trials.to_vec(),
                job: Some(7),
                lost: Some(lost.iter().copied().collect()),
                given_up: BTreeSet::new(),
            },
        }
    }

    fn queue(entries: &[(Tasks, &str)]) -> Queue {
        let jobs = entries.iter().map(|(tasks, state)| Job {
            name: "a".into(),
            job: 7,
            tasks: tasks.clone(),
            state: (*state).into(),
            reason: String::new(),
            nodes: String::new(),
        });
        Queue {
            jobs: jobs.collect(),
        }
    }

    #[test]
    fn tasks_in_the_queue_are_told_from_those_that_are_over() {
        let submission = submission(&[10, 11, 12, 13], &[]);
        let live = |entries: &[(Tasks, &str)]| {
            let live = submission.live_trials(&queue(entries));
            live.into_iter().collect::<Vec<_>>()
        };
        let one = |task| Tasks::Some(vec![task]);
        assert_eq!(live(&[]), [0; 0]);
        assert_eq!(live(&[(one(0), "COMPLETED"), (one(1), "RUNNING")]), [11]);
        assert_eq!(
            live(&[(one(1), "RUNNING"), (Tasks::Some(vec![2, 3]), "PENDING")]),
            [11, 12, 13]
        );
        // A list that was cut short stands for every task that has no entry of its own.
        assert_eq!(
            live(&[(one(0), "FAILED"), (Tasks::Unknown, "PENDING")]),
            [11, 12, 13]
        );
    }

    #[test]
    fn the_queue_tells_which_task_ran_out_of_memory() {
        let submission = submission(&[10, 11, 12], &[]);
        let queue = queue(&[
            (Tasks::Some(vec![0]), "FAILED"),
            (Tasks::Some(vec![1]), "OUT_OF_MEMORY"),
        ]);
        let told = [10, 11, 12, 13].map(|trial| submission.ran_out_of_memory(&queue, trial));
        assert_eq!(told, [false, true, false, false]);
    }

    #[test]
    fn only_losses_in_a_row_count() {
        let mut all = vec![
            submission(&[1, 2], &[1]),
            submission(&[1], &[]),
            submission(&[2], &[2]),
            submission(&[1], &[1]),
            submission(&[1, 3], &[1]),
        ];
        let lost = |all: &[Submission]| [1, 2, 3].map(|trial| that_lost(all, trial).len());
        assert_eq!(lost(&all), [2, 1, 0]);
        all[4].record.given_up.insert(1);
        assert_eq!(lost(&all), [0, 1, 0]);
    }

    #[test]
    fn how_a_job_ended_is_read_with_its_node() {
        let code = |code, node: Option<&str>| {
            let node = node.map(str::to_owned);
            Some(JobExit::Code { code, node })
        };
        assert_eq!(JobExit::parse("17\n"), code(17, None));
        assert_eq!(JobExit::parse("127 node7\n"), code(127, Some("node7")));
        assert_eq!(JobExit::parse("stalled\n"), Some(JobExit::Stalled));
        assert_eq!(JobExit::parse(""), None);
    }
}
