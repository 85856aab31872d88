//! The local engine: a process a trial, a given number at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Error;
use crate::ending::Ending;
use crate::plan::Plan;
use crate::run_dir::RunDir;
use crate::trial::Event;
use lawn_analysis::records::Outcome;

/// How long the loop waits for news before it looks at clocks and signals.
const TICK: Duration = Duration::from_millis(100);

/// Bytes of a crashed trial's standard error that its outcome quotes.
const QUOTED: usize = 2000;

/// Runs trials of one plan on this machine.
pub struct Local<'a> {
    /// The run.
    pub run: &'a RunDir,
    /// Its plan.
    pub plan: &'a Plan,
    /// Trials trained at the same time.
    pub workers: usize,
    /// Where data sets are, for the trials' `--data-root`.
    pub data_root: Option<PathBuf>,
    /// Once true, running trials are stopped in order and no more are started.
    pub stop: &'a AtomicBool,
}

/// Hears what happens to the trials of an engine.
pub trait Watcher {
    /// The trial at `index` runs now, in slot `worker`.
    fn began(&mut self, worker: usize, index: usize);
    /// A running trial says something.
    fn event(&mut self, worker: usize, index: usize, event: &Event);
    /// The trial at `index` is over; without an outcome it was stopped, and will go on later.
    fn ended(&mut self, worker: usize, index: usize, outcome: Option<&Ending>);
}

/// A trial's process.
struct Running {
    index: usize,
    child: Child,
    /// Closing it asks the process to stop.
    stdin: Option<ChildStdin>,
    since: Instant,
    timed_out: bool,
}

enum News {
    Said(usize, Event),
    Closed(usize),
}

impl Local<'_> {
    /// Runs the trials `indices`, in this order, each until it has a final outcome.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::Io`]. The trials then running are stopped in order.
    pub fn run(&self, indices: &[usize], watcher: &mut dyn Watcher) -> Result<(), Error> {
        let mut queue: VecDeque<usize> = indices.iter().copied().collect();
        let mut slots: Vec<Option<Running>> = (0..self.workers).map(|_| None).collect();
        let (sender, news) = mpsc::channel();
        loop {
            let stopping = self.stop.load(Ordering::Relaxed);
            for (worker, slot) in slots.iter_mut().enumerate() {
                if stopping {
                    if let Some(running) = slot {
                        running.stdin = None;
                    }
                } else if slot.is_none()
                    && let Some(index) = queue.pop_front()
                {
                    *slot = Some(self.spawn(worker, index, sender.clone())?);
                    watcher.began(worker, index);
                }
            }
            if slots.iter().all(Option::is_none) {
                return Ok(());
            }
            match news.recv_timeout(TICK) {
                Ok(News::Said(worker, event)) => {
                    if let Some(running) = &slots[worker] {
                        watcher.event(worker, running.index, &event);
                    }
                }
                Ok(News::Closed(worker)) => {
                    if let Some(running) = slots[worker].take() {
                        let index = running.index;
                        let outcome = self.finish(running)?;
                        watcher.ended(worker, index, outcome.as_ref());
                    }
                }
                Err(_) => {}
            }
            self.enforce_timeout(&mut slots);
        }
    }

    fn spawn(
        &self,
        worker: usize,
        index: usize,
        sender: mpsc::Sender<News>,
    ) -> Result<Running, Error> {
        let spawn_error = |source| Error::Spawn { source };
        let dir = self.run.trial(&self.plan.trials[index].id);
        std::fs::create_dir_all(dir.root()).map_err(Error::io("create", dir.root()))?;
        let stderr = File::create(dir.stderr()).map_err(Error::io("create", &dir.stderr()))?;
        let mut command = Command::new(std::env::current_exe().map_err(spawn_error)?);
        command
            .arg("trial")
            .arg(self.run.root())
            .arg("--index")
            .arg(index.to_string());
        if let Some(root) = &self.data_root {
            command.arg("--data-root").arg(root);
        }
        let threads = self.plan.sweep.resources.threads.to_string();
        command
            .env("OMP_NUM_THREADS", &threads)
            .env("MKL_NUM_THREADS", &threads);
        if self.workers > 1 && std::env::var_os("OMP_WAIT_POLICY").is_none() {
            // Threads that spin while they wait take the cores of the other workers.
            command.env("OMP_WAIT_POLICY", "passive");
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().map_err(spawn_error)?;
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
        Ok(Running {
            index,
            child,
            stdin,
            since: Instant::now(),
            timed_out: false,
        })
    }

    /// Waits for a process that closed its output, and makes sure that it leaves an outcome.
    fn finish(&self, mut running: Running) -> Result<Option<Ending>, Error> {
        let status = running
            .child
            .wait()
            .map_err(|source| Error::Spawn { source })?;
        let dir = self.run.trial(&self.plan.trials[running.index].id);
        let stopped = self.stop.load(Ordering::Relaxed);
        match dir.read_outcome()? {
            Some(outcome) if outcome.is_final() => return Ok(Some(outcome)),
            // Signalled by somebody else, or by the terminal that signalled us too.
            Some(_) => return Ok(None),
            None if stopped => return Ok(None),
            None => {}
        }
        let outcome = if running.timed_out {
            let limit = self.plan.sweep.resources.timeout.unwrap_or_default();
            Ending::failed(
                Outcome::Timeout,
                format!("stopped after {} s", limit.as_secs_f64()),
            )
        } else {
            let said = std::fs::read_to_string(dir.stderr()).unwrap_or_default();
            Ending::failed(
                Outcome::Crashed,
                format!("{}; {}", ending(status), tail(said.trim())),
            )
        };
        dir.write_outcome(&outcome)?;
        Ok(Some(outcome))
    }

    fn enforce_timeout(&self, slots: &mut [Option<Running>]) {
        let Some(limit) = self.plan.sweep.resources.timeout else {
            return;
        };
        for running in slots.iter_mut().flatten() {
            if running.since.elapsed() > limit && !running.timed_out {
                running.timed_out = true;
                // An error means that it has just ended by itself.
                let _ = running.child.kill();
            }
        }
    }
}

/// "exit code 17" or "signal 9".
fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(QUOTED);
    let start = (start..text.len())
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(text.len());
    if text.is_empty() {
        "nothing on standard error"
    } else {
        &text[start..]
    }
}
