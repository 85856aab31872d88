//! Commands that only look like Slurm's, and a run that is swept with them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::SMALL;

/// A site: its commands, its queue, and the run that is swept on it.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    /// A site with an empty queue, and three trials with `further` lines of configuration.
    pub(crate) fn new(further: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        std::fs::create_dir(site.path("bin")).expect("a folder");
        let small = SMALL.replace("seeds = [1, 2]", "seeds = [1, 2, 3]");
        let text = format!("{small}\n[resources]\nworkers = 2\n{further}");
        std::fs::write(site.path("small.toml"), text).expect("a sweep");
        site.command(
            "scontrol",
            "echo \"$@\" >> scontrol.log\necho 'MaxArraySize            = 1001'",
        );
        site.command("squeue", "cat queue.json");
        site.command(
            "sbatch",
            "n=$(cat jobs 2>/dev/null || echo 100)\necho $((n + 1)) > jobs\necho \"$((n + 1));cluster\"",
        );
        site.queue(&json!([]));
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.path("run")
    }

    /// Makes a command that runs `body` in the site's folder.
    pub(crate) fn command(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        let body = format!(
            "#!/bin/bash\ncd '{}'\n{body}\n",
            self.folder.path().display()
        );
        std::fs::write(&path, body).expect("it can be written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("it is ours");
    }

    pub(crate) fn queue(&self, jobs: &Value) {
        let text = json!({ "jobs": jobs }).to_string();
        std::fs::write(self.path("queue.json"), text).expect("it can be written");
    }

    /// A queue in which the submission `number` waits, as Slurm 22.05 says it.
    pub(crate) fn queue_holds(&self, numbers: &[usize]) {
        let jobs: Vec<Value> = numbers
            .iter()
            .map(|&number| {
                let record = self.submission(number);
                let tasks = record["trials"].as_array().expect("a list").len();
                json!({
                    "job_id": 100 + number, "name": record["name"], "job_state": "PENDING",
                    "array_job_id": if tasks == 0 { 0 } else { 100 + number },
                    "array_task_id": null, "nodes": "", "state_reason": "Priority",
                    "array_task_string": if tasks == 0 { String::new() } else { format!("0-{}%2", tasks - 1) },
                })
            })
            .collect();
        self.queue(&json!(jobs));
    }

    pub(crate) fn lawn(&self, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(env!("CARGO_BIN_EXE_lawn"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env_remove("LAWN_DATA")
            .env_remove("SLURM_JOB_ID")
            .output()
            .expect("lawn starts")
    }

    pub(crate) fn sweep(&self, further: &[&str]) -> Output {
        let sweep = ["sweep", "small.toml", "--out", "run", "--engine", "slurm"];
        self.lawn(&[&sweep[..], further].concat())
    }

    /// A pass that must succeed.
    pub(crate) fn submits(&self) {
        let output = self.sweep(&[]);
        assert!(output.status.success(), "{}", said(&output));
    }

    pub(crate) fn submission_folder(&self, number: usize) -> PathBuf {
        self.run().join(format!("engine/slurm/{number:04}"))
    }

    pub(crate) fn submission(&self, number: usize) -> Value {
        read_json(&self.submission_folder(number).join("submission.json"))
    }

    pub(crate) fn submitted(&self) -> usize {
        let log = std::fs::read_to_string(self.path("jobs")).unwrap_or_default();
        log.trim().parse::<usize>().map_or(0, |last| last - 100)
    }

    pub(crate) fn trial_folder(&self, trial: usize) -> PathBuf {
        let lines = std::fs::read_to_string(self.run().join("trials.jsonl")).expect("a plan");
        let line = lines.lines().nth(trial).expect("the trial is planned");
        let planned: Value = serde_json::from_str(line).expect("it is JSON");
        let id = planned["id"].as_str().expect("an id");
        self.run().join("trials").join(id)
    }

    pub(crate) fn outcome(&self, trial: usize) -> Value {
        read_json(&self.trial_folder(trial).join("outcome.json"))
    }
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("it is JSON")
}

pub(crate) fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Asserts that the command failed with `code`, saying all of `words`.
pub(crate) fn fails(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
}
