//! The local engine: a process a trial, a given number at a time.
//!
//! Any number of launchers, on this machine and on others that share the run
//! directory, may run it at once. Each takes the trials whose lease is free, and
//! waits for those that others hold until these are over, or free again because
//! the others died.

mod devices;
mod memory;
mod process;

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::command::JobCommand;
use super::failure::{Death, of_the_machine, shell_code, was_stopped};
use super::mark::Mark;
use crate::Error;
use crate::Exit;
use crate::engine::work::{Completion, Engine, Watcher, Work};
use crate::run::ending::Ending;
use crate::run::graph_attempt::GraphAttempt;
use crate::run::lease::{self, Claim, Owner, State, Terms};
use crate::run::trial_dir::TrialDir;
use crate::trial::Event;
use lawn_analysis::records::Outcome;
use lawn_models::{Notice, RanksError};
use memory::{Needs, OnDevices};
use process::{News, Process};

/// How long the loop waits for news before it looks at clocks and signals.
const TICK: Duration = Duration::from_millis(100);

/// Time between two looks at what others hold, and at memory.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A trial may be stopped by somebody else so often in a row before it has a new checkpoint.
const INTERRUPTIONS: usize = 3;

/// Runs trials of one plan on this machine.
pub struct Local<'a> {
    work: Work<'a>,
    launcher: Owner,
    devices: Vec<String>,
    /// What trials of earlier rounds were seen to need, of the machine and of a GPU; taken while a round
    /// runs.
    needs: Cell<[Needs; 2]>,
}

/// Where the trials of one stage are.
struct Stage {
    /// Not looked at yet, or to be run again.
    waiting: VecDeque<usize>,
    /// Held by other launchers when last looked at.
    elsewhere: Vec<usize>,
    slots: Vec<Option<Process>>,
    needs: Needs,
    /// What they need of a GPU.
    device_needs: Needs,
    looked: Instant,
    /// How often in a row trials were stopped by others before they got further.
    interrupted: BTreeMap<usize, usize>,
    /// Whether it was said that trials wait for memory.
    said: bool,
}

/// What became of a process that ended.
enum ProcessEnd {
    /// Its trial is over.
    Over(Box<Ending>),
    /// It was stopped by this launcher's stop.
    Stopped,
    /// It was stopped by something else, and can go on.
    Interrupted,
    /// Another launcher has the trial.
    Elsewhere,
}

impl<'a> Local<'a> {
    /// The engine for `work`.
    ///
    /// # Errors
    ///
    /// [`Error::Trial`] where there are not as many GPUs as ranks of a trial, or not the memory.
    pub fn new(work: Work<'a>) -> Result<Self, Error> {
        let resources = &work.plan.sweep.resources;
        let devices = devices::visible(resources.device);
        if resources.ranks > 1 && resources.device.here().is_cuda() {
            require_one_each(resources.ranks, devices.len())?;
        }
        lawn_models::require_memory_of_ranks(resources.ranks, None)?;
        Ok(Self {
            work,
            launcher: Owner::this_process(),
            devices,
            needs: Cell::default(),
        })
    }

    fn dir(&self, index: usize) -> TrialDir {
        self.work.run.trial(&self.work.plan.trials[index].id)
    }

    fn terms(&self) -> Terms {
        Terms {
            expiry: self.work.plan.sweep.resources.lease,
            launcher: Some(self.launcher.clone()),
        }
    }

    /// The next trial that this launcher can start.
    fn next(&self, stage: &mut Stage, watcher: &mut dyn Watcher) -> Result<Option<usize>, Error> {
        while let Some(index) = stage.waiting.pop_front() {
            let dir = self.dir(index);
            if let Some(outcome) = dir.final_outcome()? {
                watcher.ended(None, index, &outcome);
            } else if lease::look(dir.root(), Some(&self.launcher))? == State::Free {
                return Ok(Some(index));
            } else {
                stage.elsewhere.push(index);
            }
        }
        Ok(None)
    }

    fn fill(
        &self,
        stage: &mut Stage,
        sender: &mpsc::Sender<News>,
        watcher: &mut dyn Watcher,
    ) -> Result<(), Error> {
        while let Some(worker) = stage.slots.iter().position(Option::is_none) {
            let Some(index) = self.next(stage, watcher)? else {
                return Ok(());
            };
            if let Some(lack) = self.lack(stage, worker, index) {
                stage.waiting.push_front(index);
                if !std::mem::replace(&mut stage.said, true) {
                    watcher.note(&format!("waiting for memory: {lack}"));
                }
                return Ok(());
            }
            stage.said = false;
            let ranks = self.work.plan.sweep.resources.ranks;
            let device = devices::of_worker(&self.devices, worker, ranks);
            let sender = sender.clone();
            let process = Process::start(
                &self.work,
                &self.launcher,
                device.as_deref(),
                worker,
                index,
                sender,
            )?;
            stage.slots[worker] = Some(process);
            watcher.began(worker, index);
        }
        Ok(())
    }

    /// What there is too little memory for where `worker` is to run another trial, if there is.
    fn lack(&self, stage: &mut Stage, worker: usize, index: usize) -> Option<String> {
        let cell = |index: usize| &self.work.plan.trials[index].cell;
        let mut running = Vec::new();
        for process in stage.slots.iter_mut().flatten() {
            let held = process.sample_memory();
            stage.needs.saw(cell(process.index), process.peak);
            running.push((cell(process.index), held));
        }
        let own = cell(index);
        let expected = |needs: &Needs| needs.expected(own) >> 20;
        let fits = |available| stage.needs.fits(own, &running, available);
        if !memory::available().is_none_or(fits) {
            let expected = expected(&stage.needs);
            return Some(format!(
                "a trial of {own} is expected to need {expected} MiB"
            ));
        }
        let places = |worker| {
            let ranks = self.work.plan.sweep.resources.ranks;
            devices::places(self.devices.len(), worker, ranks)
        };
        let slots = stage.slots.iter().enumerate();
        let on_devices = slots.filter_map(|(worker, process)| {
            let process = process.as_ref()?;
            Some(OnDevices {
                cell: cell(process.index),
                places: places(worker),
                reserved: process.reserved,
            })
        });
        let on_devices: Vec<OnDevices<'_>> = on_devices.collect();
        let left = lawn_models::gpu_memory_left;
        let needs = &stage.device_needs;
        let full = memory::full_device(needs, own, &places(worker), &on_devices, left)?;
        Some(format!(
            "a trial of {own} is expected to need {} MiB of GPU {}",
            expected(needs),
            self.devices[full]
        ))
    }

    /// Now and then: what others hold, and how much memory trials take.
    fn look_around(&self, stage: &mut Stage, watcher: &mut dyn Watcher) -> Result<(), Error> {
        if stage.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        stage.looked = Instant::now();
        for process in stage.slots.iter_mut().flatten() {
            process.sample_memory();
        }
        for index in std::mem::take(&mut stage.elsewhere) {
            let dir = self.dir(index);
            if let Some(outcome) = dir.final_outcome()? {
                watcher.ended(None, index, &outcome);
            } else if lease::look(dir.root(), Some(&self.launcher))? == State::Free {
                stage.waiting.push_front(index);
            } else {
                stage.elsewhere.push(index);
            }
        }
        Ok(())
    }

    /// Waits for a process that closed its output, and makes sure that a trial that is over
    /// leaves an outcome.
    fn finish(&self, process: &mut Process) -> Result<ProcessEnd, Error> {
        let status = process.wait(self.work.stop, self.work.plan.sweep.resources.grace)?;
        let dir = self.dir(process.index);
        if let Some(outcome) = dir.final_outcome()? {
            return Ok(ProcessEnd::Over(Box::new(outcome)));
        }
        let code = shell_code(status);
        let refusal =
            |code| of_the_machine(code, self.work.plan, process.index, &process.said(&dir));
        if let Some(error) = code.and_then(refusal) {
            return Err(error);
        }
        match code {
            _ if status.code() == Some(Exit::Held.code().into()) => {
                return Ok(ProcessEnd::Elsewhere);
            }
            _ if self.work.stop.is_requested() => return Ok(ProcessEnd::Stopped),
            // Somebody else sent it a signal, perhaps before it was ready for one.
            Some(code) if was_stopped(code) && !process.timed_out => {
                return Ok(ProcessEnd::Interrupted);
            }
            // The next one tries no graphs.
            _ if !process.timed_out && GraphAttempt::new(self.work.run, &dir).is_under_way() => {
                return Ok(ProcessEnd::Interrupted);
            }
            _ => {}
        }
        // Whoever has the lease says how the trial ended.
        let Claim::Taken(lease) = lease::ask(dir.root(), &self.terms())? else {
            return Ok(ProcessEnd::Elsewhere);
        };
        let outcome = if process.timed_out {
            let limit = self.work.plan.sweep.resources.timeout.unwrap_or_default();
            let seconds = limit.as_secs_f64();
            Ending::failed(Outcome::Timeout, format!("stopped after {seconds} s"))
        } else {
            let death = Death {
                status,
                stderr: &process.said(&dir),
                killed_by_us: process.killed,
                oom_kills: memory::oom_kills() > process.oom_kills,
                peak: Some(process.peak),
            };
            death.outcome()
        };
        let outcome = outcome.of_first_rank(&self.work.plan.sweep.resources);
        dir.settle(lease, &outcome)?;
        Ok(dir
            .final_outcome()?
            .map_or(ProcessEnd::Elsewhere, |ending| {
                ProcessEnd::Over(Box::new(ending))
            }))
    }

    /// Whether a trial was stopped to go on with fewer samples in memory at once, which ends some time.
    fn goes_on_with_less(&self, index: usize) -> bool {
        let ending = self.dir(index).read_outcome().ok().flatten();
        let is_reduced = |notice: &Notice| matches!(notice, Notice::MicroBatchReduced { .. });
        ending.is_some_and(|ending| {
            let said = ending.detail.unwrap_or_default();
            said.starts_with(lawn_models::SHORTAGE) && ending.notices.iter().any(is_reduced)
        })
    }

    fn hear(&self, stage: &mut Stage, news: News, watcher: &mut dyn Watcher) -> Result<(), Error> {
        match news {
            News::Said(worker, event) => {
                if let Some(process) = &mut stage.slots[worker] {
                    if let Event::Reserved { bytes } = event {
                        process.reserved = bytes.max(process.reserved);
                        let cell = &self.work.plan.trials[process.index].cell;
                        stage.device_needs.saw(cell, process.reserved);
                    }
                    watcher.event(worker, process.index, &event);
                }
            }
            News::Closed(worker) => {
                let Some(mut process) = stage.slots[worker].take() else {
                    return Ok(());
                };
                let index = process.index;
                let ended = self.finish(&mut process)?;
                let cell = &self.work.plan.trials[index].cell;
                stage.needs.saw(cell, process.peak);
                match ended {
                    ProcessEnd::Over(outcome) => watcher.ended(Some(worker), index, &outcome),
                    ProcessEnd::Stopped => watcher.stopped(worker, index),
                    ProcessEnd::Interrupted => {
                        watcher.stopped(worker, index);
                        let times = stage.interrupted.entry(index).or_default();
                        *times += 1;
                        let is_smaller = self.goes_on_with_less(index);
                        if is_smaller || Mark::of(&self.dir(index)).got_further_than(process.before)
                        {
                            *times = 0;
                        }
                        if *times == INTERRUPTIONS {
                            return Err(Error::Refused {
                                id: self.work.plan.trials[index].id.clone(),
                                said: format!(
                                    "{INTERRUPTIONS} times in a row a signal of another process \
                                     stopped it before there was a new checkpoint"
                                ),
                            });
                        }
                        stage.waiting.push_back(index);
                    }
                    ProcessEnd::Elsewhere => {
                        watcher.stopped(worker, index);
                        stage.elsewhere.push(index);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Refuses ranks that would have to share a GPU.
fn require_one_each(ranks: usize, devices: usize) -> Result<(), RanksError> {
    match devices < ranks {
        true => Err(RanksError::TooFewDevices { ranks, devices }),
        false => Ok(()),
    }
}

impl Engine for Local<'_> {
    fn run(&self, indices: &[usize], watcher: &mut dyn Watcher) -> Result<Completion, Error> {
        let resources = &self.work.plan.sweep.resources;
        let [needs, device_needs] = self.needs.take();
        let mut stage = Stage {
            waiting: indices.iter().copied().collect(),
            elsewhere: Vec::new(),
            slots: (0..self.work.workers).map(|_| None).collect(),
            needs,
            device_needs,
            looked: Instant::now(),
            interrupted: BTreeMap::new(),
            said: false,
        };
        let (sender, news) = mpsc::channel();
        loop {
            let stopping = self.work.stop.is_requested();
            if stopping {
                for process in stage.slots.iter_mut().flatten() {
                    process.stop(resources.grace);
                }
            } else {
                self.fill(&mut stage, &sender, watcher)?;
            }
            let idle = stage.slots.iter().all(Option::is_none);
            let done = stage.waiting.is_empty() && stage.elsewhere.is_empty();
            if idle && (stopping || done) {
                self.needs.set([stage.needs, stage.device_needs]);
                return Ok(Completion::Through);
            }
            if let Ok(news) = news.recv_timeout(TICK) {
                self.hear(&mut stage, news, watcher)?;
            }
            if let Some(limit) = resources.timeout {
                for process in stage.slots.iter_mut().flatten() {
                    process.enforce(limit, resources.grace);
                }
            }
            self.look_around(&mut stage, watcher)?;
        }
    }

    fn describe(&self, indices: &[usize]) -> Result<String, Error> {
        let Work {
            run,
            plan,
            data_root,
            ..
        } = &self.work;
        let command = JobCommand::new(run, plan, data_root.as_deref(), None)?;
        let lines = indices
            .iter()
            .map(|index| command.trial(&index.to_string()) + "\n");
        Ok(lines.collect())
    }
}
