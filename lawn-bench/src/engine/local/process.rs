//! The process of one trial: started in a group of its own, asked to stop, killed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::memory;
use crate::Error;
use crate::engine::mark::Mark;
use crate::engine::work::Work;
use crate::process::spawn::this_command;
use crate::process::stop::{Stop, signal_group};
use crate::run::lease::Owner;
use crate::run::trial_dir::TrialDir;
use crate::run::{files, provenance};
use crate::trial::{Event, LAUNCHER, STOP_WITH_STDIN};

/// What a trial's process has to tell its launcher.
pub(super) enum News {
    Said(usize, Event),
    /// The process closed its output: it has ended, or is about to.
    Closed(usize),
}

/// A trial's process.
pub(super) struct Process {
    pub(super) index: usize,
    pub(super) child: Child,
    /// Closing it asks the process to stop.
    stdin: Option<ChildStdin>,
    since: Instant,
    asked: Option<Instant>,
    /// Whether its time was up.
    pub(super) timed_out: bool,
    /// Whether this launcher killed it.
    pub(super) killed: bool,
    /// Most memory that it was seen to hold, with the other ranks of its trial, bytes.
    pub(super) peak: u64,
    /// What it told that libtorch has had of its GPU in it, at the most, bytes.
    pub(super) reserved: u64,
    /// Bytes of its standard error file that are of earlier processes.
    said_before: u64,
    /// How far the trial was when it started.
    pub(super) before: Mark,
    /// Processes that the kernel had killed for memory when this one started.
    pub(super) oom_kills: u64,
}

impl Process {
    /// Starts the trial at `index` in slot `worker`.
    pub(super) fn start(
        work: &Work<'_>,
        launcher: &Owner,
        device: Option<&str>,
        worker: usize,
        index: usize,
        sender: mpsc::Sender<News>,
    ) -> Result<Self, Error> {
        let spawn_error = |source| Error::Spawn { source };
        let dir = work.run.trial(&work.plan.trials[index].id);
        std::fs::create_dir_all(dir.root()).map_err(Error::io("create", dir.root()))?;
        let stderr = files::open_own(&dir.stderr(), File::options().create(true).append(true))?;
        let said_before = stderr.metadata().map_or(0, |file| file.len());
        let before = Mark::of(&dir);
        let mut command = this_command().map_err(spawn_error)?;
        command
            .arg("trial")
            .arg(work.run.root())
            .arg("--index")
            .arg(index.to_string());
        if let Some(ranks) = work.plan.sweep.resources.told_ranks() {
            command.arg("--ranks").arg(ranks.to_string());
        }
        if let Some(root) = &work.data_root {
            command.arg("--data-root").arg(root);
        }
        // A launcher may be a task of a step; its trials are none.
        for variable in lawn_models::RANK_VARIABLES {
            command.env_remove(variable);
        }
        let threads = work.plan.sweep.resources.threads.to_string();
        command
            .env("OMP_NUM_THREADS", &threads)
            .env("MKL_NUM_THREADS", &threads)
            .env(provenance::BUILD, provenance::build())
            .env(STOP_WITH_STDIN, "1")
            .env(
                LAUNCHER,
                serde_json::to_string(launcher).unwrap_or_default(),
            );
        if work.workers > 1 && std::env::var_os("OMP_WAIT_POLICY").is_none() {
            // Threads that spin while they wait take the cores of the other workers.
            command.env("OMP_WAIT_POLICY", "passive");
        }
        if let Some(device) = device {
            command.env("CUDA_VISIBLE_DEVICES", device);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            // The terminal's Ctrl-C is for the launcher, which stops its trials in order.
            .process_group(0);
        let oom_kills = memory::oom_kills();
        let mut child = command.spawn().map_err(spawn_error)?;
        work.stop.add_group(child.id());
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    // What a library prints between the events is not for us.
                    if let Ok(event) = serde_json::from_str(&line) {
                        let _ = sender.send(News::Said(worker, event));
                    }
                }
                let _ = sender.send(News::Closed(worker));
            });
        }
        Ok(Self {
            index,
            child,
            stdin,
            since: Instant::now(),
            asked: None,
            timed_out: false,
            killed: false,
            peak: 0,
            reserved: 0,
            said_before,
            before,
            oom_kills,
        })
    }

    /// Asks the process to stop at its next step, with a checkpoint; kills its group once it
    /// has not done so within `grace`.
    pub(super) fn stop(&mut self, grace: Duration) {
        match self.asked {
            None => {
                self.asked = Some(Instant::now());
                self.stdin = None;
                signal_group(self.child.id(), Signal::TERM);
            }
            Some(asked) if asked.elapsed() > grace && !self.killed => {
                self.killed = true;
                signal_group(self.child.id(), Signal::KILL);
            }
            Some(_) => {}
        }
    }

    /// Stops the process once it has run for `limit`.
    pub(super) fn enforce(&mut self, limit: Duration, grace: Duration) {
        if self.since.elapsed() > limit {
            self.timed_out |= self.asked.is_none();
            self.stop(grace);
        }
    }

    /// Looks at the memory that the process holds, and the ranks that it has started; gives it in
    /// bytes.
    pub(super) fn sample_memory(&mut self) -> u64 {
        let seen = memory::resident_with_children(self.child.id());
        self.peak = self.peak.max(seen.peak);
        seen.now
    }

    /// What the process wrote to standard error.
    pub(super) fn said(&self, dir: &TrialDir) -> String {
        let bytes = std::fs::read(dir.stderr()).unwrap_or_default();
        let start = usize::try_from(self.said_before).map_or(bytes.len(), |at| at.min(bytes.len()));
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// Waits for the process, which has closed its output, and ends what it left of its group.
    ///
    /// One that closed its output and runs on all the same is killed after `grace`.
    pub(super) fn wait(&mut self, stop: &Stop, grace: Duration) -> Result<ExitStatus, Error> {
        let since = Instant::now();
        let status = loop {
            let ended = self.child.try_wait();
            if let Some(status) = ended.map_err(|source| Error::Spawn { source })? {
                break status;
            }
            if since.elapsed() > grace && !self.killed {
                self.killed = true;
                signal_group(self.child.id(), Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        stop.end_group(self.child.id());
        Ok(status)
    }
}

impl Drop for Process {
    /// A launcher that gives up on an error leaves no trial behind.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.stdin = None;
            signal_group(self.child.id(), Signal::TERM);
        }
    }
}
