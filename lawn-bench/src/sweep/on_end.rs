//! `--on-end`: a command of the user's, once a sweep has come to its end.

use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{End, Request};
use crate::Error;
use crate::config::SweepFile;
use crate::exit::Exit;
use crate::plan::{Plan, outcomes};
use crate::process::{beside, streams};
use crate::report::render::count;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;

/// Time between two looks at the command.
const POLL: Duration = Duration::from_millis(20);

/// Seconds that the command may take where nothing else is said.
pub(crate) const SECONDS: u64 = 60;

/// What is called, and how long it may take.
#[derive(Debug, Clone)]
pub struct OnEnd {
    /// A line of shell.
    pub command: String,
    /// A command that takes longer is killed, with what it started.
    pub limit: Duration,
}

impl OnEnd {
    /// Calls the command. What becomes of it changes nothing about the sweep: it is said.
    pub fn call(&self, request: &Request, end: &Result<End, Error>, exit: Exit) {
        let said = match self.start(request, end, exit) {
            Err(error) => Some(format!("could not be started: {error}")),
            Ok(child) => self.wait(child),
        };
        if let Some(said) = said {
            streams::say(&format!("warning: the command of --on-end {said}"));
        }
    }

    fn start(
        &self,
        request: &Request,
        end: &Result<End, Error>,
        exit: Exit,
    ) -> std::io::Result<Child> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command);
        beside::keep_to_ourselves(&mut command);
        let (outcome, message) = told(end, exit);
        let run = request.run();
        let summary = match end {
            Ok(End::Finished { report, .. }) => report.summary.clone(),
            _ => PathBuf::new(),
        };
        command
            .env("LAWN_OUTCOME", outcome)
            .env("LAWN_EXIT_CODE", exit.code().to_string())
            .env("LAWN_RUN", run.as_deref().unwrap_or(Path::new("")))
            .env("LAWN_SUMMARY", summary)
            .env("LAWN_MESSAGE", message)
            .env("LAWN_LEFT", left(end, run.as_deref()))
            // Standard output is the report's, or the events'.
            .stdout(Stdio::from(std::io::stderr().as_fd().try_clone_to_owned()?))
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
    }

    /// Waits for the command; says what was wrong with it.
    fn wait(&self, mut child: Child) -> Option<String> {
        let since = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(status)) => return Some(format!("ended with {status}")),
                Err(error) => return Some(format!("is lost: {error}")),
                Ok(None) if since.elapsed() < self.limit => std::thread::sleep(POLL),
                Ok(None) => {
                    kill(&child);
                    let _ = child.wait();
                    let seconds = self.limit.as_secs();
                    return Some(format!("took longer than {seconds} s and was killed"));
                }
            }
        }
    }
}

/// Kills the command with what it started.
fn kill(child: &Child) {
    let group = i32::try_from(child.id()).ok();
    if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// How a sweep ended in a word, and in a sentence.
fn told(end: &Result<End, Error>, exit: Exit) -> (&'static str, String) {
    match end {
        Ok(End::Finished { failed, left, .. }) => {
            let (outcome, said) = match failed {
                0 if *left == 0 => ("finished", "every trial ended ok".to_owned()),
                0 => (
                    "finished",
                    "every trial that --only asked for ended ok".to_owned(),
                ),
                failed => {
                    let failed = count(*failed, "trial");
                    ("trials-failed", format!("{failed} failed"))
                }
            };
            let rest = match left {
                0 => String::new(),
                left => format!("; {} of the plan left to be run", count(*left, "trial")),
            };
            (outcome, said + &rest)
        }
        Ok(End::HandedOver { .. }) => ("handed-over", "a scheduler goes on".to_owned()),
        Ok(End::Stopped { .. }) => ("stopped", exit.meaning().to_owned()),
        Ok(End::Described(_)) => ("described", String::new()),
        Err(error) if exit == Exit::TooManyFailed => ("too-many-failed", error.to_string()),
        Err(error @ Error::OtherPlan(_)) => ("error", in_one_line(&error.to_string())),
        Err(error) => {
            let said = error.to_string();
            // The sweep file's errors bring their own heading.
            let said = said.strip_prefix("error: ").unwrap_or(&said);
            ("error", said.to_owned())
        }
    }
}

/// A list below a sentence as a part of it: whoever has room for one line, as the subject of a mail has,
/// is told all of it.
fn in_one_line(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    lines.join("; ").replace(":; ", ": ")
}

/// Trials of the plan that are left to be run; nothing where there is no plan that could be read.
fn left(end: &Result<End, Error>, run: Option<&Path>) -> String {
    let counted = || {
        let run = RunDir::new(run?);
        let plan = Plan::read(&run).ok()?;
        let endings = outcomes::read(&run, &plan).ok()?.endings;
        let is_left = |ending: &&Option<Ending>| !ending.as_ref().is_some_and(Ending::is_final);
        Some(endings.iter().filter(is_left).count())
    };
    let left = match end {
        Ok(End::Finished { left, .. }) => Some(*left),
        _ => counted(),
    };
    left.map_or_else(String::new, |left| left.to_string())
}

impl Request {
    /// The directory of the run, as far as it can be known: of a file that is wrong its name alone is
    /// needed, and one that is not there has none.
    fn run(&self) -> Option<PathBuf> {
        if self.target.is_dir() {
            return Some(self.target.clone());
        }
        self.out.clone().or_else(|| {
            let file = SweepFile::read(&self.target, &self.sets).ok()?;
            let name = file.without(&self.unsets).name()?;
            Some(PathBuf::from("runs").join(name))
        })
    }
}
