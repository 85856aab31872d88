//! `squeue --json`, in the shapes that Slurm has given it over the years.
//!
//! Slurm 22.05 writes `"job_state": "RUNNING"` and plain numbers that may be `null`; 23.11
//! and later write `"job_state": ["RUNNING"]` and `{"set": true, "infinite": false,
//! "number": 7}`. Both are read here, and keys that are not used may come and go.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// The jobs that Slurm knows of, also those just over.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Queue {
    /// One entry a job or array task, or all pending tasks of an array in one.
    pub(super) jobs: Vec<Job>,
}

/// A job, an array task, or the pending tasks of an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Job {
    /// Its name, from which this run's jobs are told.
    pub(super) name: String,
    /// Its number; that of the array for array tasks.
    pub(super) job: u64,
    /// The tasks of the array that the entry stands for; none where the job is no array.
    pub(super) tasks: Tasks,
    /// `RUNNING`, `PENDING`, …; several joined by `+`.
    pub(super) state: String,
    /// Why it is pending, or `None`.
    pub(super) reason: String,
    /// Where it runs.
    pub(super) nodes: String,
}

/// Which tasks of an array an entry of the queue stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tasks {
    /// The job is no array.
    None,
    /// These.
    Some(Vec<usize>),
    /// Slurm cut the list short: any that has no entry of its own.
    Unknown,
}

/// States in which a job will not run again by itself.
const OVER: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// States beside one of [`OVER`] with which it will.
const AGAIN: [&str; 4] = ["REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"];

impl Job {
    /// Whether the job is pending or running.
    #[must_use]
    pub(super) fn is_live(&self) -> bool {
        let has = |words: &[&str]| self.state.split('+').any(|word| words.contains(&word));
        !has(&OVER) || has(&AGAIN)
    }

    /// Whether the job is on a node now.
    #[must_use]
    pub(super) fn is_running(&self) -> bool {
        const RUNNING: [&str; 4] = ["RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED"];
        self.is_live() && self.state.split('+').any(|word| RUNNING.contains(&word))
    }
}

impl Queue {
    /// Reads the output of `squeue --json`.
    ///
    /// # Errors
    ///
    /// Where it is no JSON, or an entry has no number, name or state.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Answer {
            jobs: Vec<RawJob>,
        }
        let answer: Answer = serde_json::from_str(text)?;
        Ok(Self {
            jobs: answer.jobs.into_iter().map(Job::from).collect(),
        })
    }

    /// The live jobs by name: what each array task does now, `None` being a job that is no array.
    #[must_use]
    pub(super) fn live(&self) -> BTreeMap<&str, Vec<&Job>> {
        let mut live: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
        for job in self.jobs.iter().filter(|job| job.is_live()) {
            live.entry(&job.name).or_default().push(job);
        }
        live
    }
}

#[derive(Deserialize)]
struct RawJob {
    #[serde(deserialize_with = "number")]
    job_id: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    array_job_id: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    array_task_id: Option<u64>,
    #[serde(default, deserialize_with = "words")]
    array_task_string: String,
    #[serde(deserialize_with = "words")]
    name: String,
    #[serde(deserialize_with = "words")]
    job_state: String,
    #[serde(default, deserialize_with = "words")]
    state_reason: String,
    #[serde(default, deserialize_with = "words")]
    nodes: String,
}

impl From<RawJob> for Job {
    fn from(raw: RawJob) -> Self {
        let array = raw.array_job_id.filter(|&job| job != 0);
        let tasks = match (array, raw.array_task_id) {
            (None, _) => Tasks::None,
            (Some(_), Some(task)) => Tasks::Some(vec![usize::try_from(task).unwrap_or(usize::MAX)]),
            (Some(_), None) => tasks(&raw.array_task_string),
        };
        Self {
            name: raw.name,
            job: array.or(raw.job_id).unwrap_or_default(),
            tasks,
            state: raw.job_state,
            reason: raw.state_reason,
            nodes: raw.nodes,
        }
    }
}

/// The tasks of an expression like `0,3,5-9%2` or `0-8:4`.
fn tasks(expression: &str) -> Tasks {
    let list = expression.split('%').next().unwrap_or_default();
    let mut tasks = Vec::new();
    for part in list.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last), Ok(step)) = (
            first.parse::<usize>(),
            last.parse::<usize>(),
            step.parse::<usize>(),
        ) else {
            return Tasks::Unknown;
        };
        tasks.extend((first..=last).step_by(step.max(1)));
    }
    Tasks::Some(tasks)
}

/// A number, plain, in Slurm's wrapping, or absent.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Plain(u64),
        Wrapped { set: bool, number: u64 },
        None(()),
    }
    Ok(match Number::deserialize(deserializer)? {
        Number::Plain(number) => Some(number),
        Number::Wrapped { set, number } => set.then_some(number),
        Number::None(()) => None,
    })
}

/// A text, a list of texts, or absent.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
        None(()),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::One(word) => word,
        Words::Many(words) => words.join("+"),
        Words::None(()) => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Slurm 22.05 writes it.
    const OLD: &str = r#"{ "meta": {}, "errors": [], "jobs": [
        { "job_id": 8, "array_job_id": 7, "array_task_id": 0, "array_task_string": "",
          "job_state": "RUNNING", "state_reason": "None", "name": "a", "nodes": "n1" },
        { "job_id": 7, "array_job_id": 7, "array_task_id": null, "array_task_string": "2,4-6%2",
          "job_state": "PENDING", "state_reason": "JobArrayTaskLimit", "name": "a", "nodes": "" },
        { "job_id": 9, "array_job_id": 0, "array_task_id": null, "array_task_string": "",
          "job_state": "PENDING", "state_reason": "Dependency", "name": "b", "nodes": "" }
    ] }"#;

    /// The same as Slurm 23.11 and later write it.
    const NEW: &str = r#"{ "jobs": [
        { "job_id": 8, "array_job_id": { "set": true, "infinite": false, "number": 7 },
          "array_task_id": { "set": true, "infinite": false, "number": 0 },
          "array_task_string": "", "job_state": ["RUNNING"], "state_reason": "None",
          "name": "a", "nodes": "n1", "a_key_of_tomorrow": [1] },
        { "job_id": 7, "array_job_id": { "set": true, "infinite": false, "number": 7 },
          "array_task_id": { "set": false, "infinite": false, "number": 0 },
          "array_task_string": "2,4-6%2", "job_state": ["PENDING"],
          "state_reason": "JobArrayTaskLimit", "name": "a", "nodes": "" },
        { "job_id": 9, "array_job_id": { "set": true, "infinite": false, "number": 0 },
          "array_task_id": { "set": false, "infinite": false, "number": 0 },
          "job_state": ["PENDING"], "state_reason": "Dependency", "name": "b" }
    ], "last_update": { "set": true, "infinite": false, "number": 1 } }"#;

    #[test]
    fn both_shapes_say_the_same() {
        let queue = Queue::parse(OLD).expect("it is a queue");
        assert_eq!(queue, Queue::parse(NEW).expect("it is a queue"));
        let tasks: Vec<&Tasks> = queue.jobs.iter().map(|job| &job.tasks).collect();
        let expected = [
            &Tasks::Some(vec![0]),
            &Tasks::Some(vec![2, 4, 5, 6]),
            &Tasks::None,
        ];
        assert_eq!(tasks, expected);
        let numbers: Vec<u64> = queue.jobs.iter().map(|job| job.job).collect();
        assert_eq!(numbers, [7, 7, 9]);
        assert!(queue.jobs[0].is_running() && !queue.jobs[1].is_running());
    }

    #[test]
    fn a_job_lives_until_it_will_not_run_again() {
        let lives = |state: &str| {
            let job = Job {
                name: String::new(),
                job: 1,
                tasks: Tasks::None,
                state: state.into(),
                reason: String::new(),
                nodes: String::new(),
            };
            job.is_live()
        };
        for state in [
            "PENDING",
            "RUNNING",
            "COMPLETING",
            "PREEMPTED+REQUEUED",
            "SUSPENDED",
        ] {
            assert!(lives(state), "{state}");
        }
        for state in [
            "COMPLETED",
            "COMPLETED+COMPLETING",
            "TIMEOUT",
            "OUT_OF_MEMORY",
            "CANCELLED",
        ] {
            assert!(!lives(state), "{state}");
        }
    }

    #[test]
    fn expressions_of_tasks_are_read_or_said_to_be_cut_short() {
        assert_eq!(tasks("3"), Tasks::Some(vec![3]));
        assert_eq!(tasks("0-8:4%1"), Tasks::Some(vec![0, 4, 8]));
        for cut in ["1,3,5,...", "", "1-"] {
            assert_eq!(tasks(cut), Tasks::Unknown, "{cut}");
        }
    }

    #[test]
    fn what_is_no_queue_is_refused() {
        for text in ["", "{}", r#"{"jobs": [{"job_id": 1}]}"#, r#"{"jobs": 7}"#] {
            assert!(Queue::parse(text).is_err(), "{text}");
        }
    }
}
