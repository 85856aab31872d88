//! Keeps the log of a trial and tells its launcher.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lawn_analysis::records::Outcome;
use lawn_models::{Beginning, DeviceUse, EvaluationRecord, GraphUse, Notice, Observer, TrialInfo};

use super::event::{Event, emit};
use super::hparams::HyperParameters;
use crate::Error;
use crate::run::ending::Ending;
use crate::run::graph_attempt::GraphAttempt;
use crate::run::lease::Watch;
use crate::run::log::{self, Log};
use crate::run::pulse::Pulses;
use crate::run::trial_dir::TrialDir;
use crate::trial::tensorboard::{self, EventFile};

/// Least time between two progress events.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Writes the log and prints the events.
pub(super) struct Recorder {
    path: PathBuf,
    log: Option<Log>,
    /// Folder of the event files and what they say first, if there shall be any.
    events_folder: Option<(PathBuf, HyperParameters)>,
    events: Option<EventFile>,
    stop: Arc<AtomicBool>,
    lease: Watch,
    pulses: Pulses,
    progressed: Instant,
    /// The last step that was heard of.
    step: u64,
    /// Notices from before the log was open.
    unwritten: Vec<Notice>,
    /// Marks that the trial tries its first graph.
    pub(super) graph_attempt: GraphAttempt,
    /// How passes were computed, where the trial was to take graphs and is over.
    pub(super) graphs: Option<GraphUse>,
    /// What took the steps on CUDA, as far as it is known.
    pub(super) device: Option<DeviceUse>,
    /// The first failure of the log, which stops the trial.
    pub(super) failed: Option<Error>,
}

impl Recorder {
    pub(super) fn new(
        dir: &TrialDir,
        events_folder: Option<(PathBuf, HyperParameters)>,
        stop: Arc<AtomicBool>,
        lease: Watch,
        graph_attempt: GraphAttempt,
    ) -> Self {
        Self {
            path: dir.log(),
            log: None,
            events_folder,
            events: None,
            stop,
            lease,
            pulses: Pulses::new(dir),
            progressed: Instant::now(),
            step: 0,
            unwritten: Vec::new(),
            graph_attempt,
            graphs: None,
            device: None,
            failed: None,
        }
    }

    /// What the trial came through, earlier processes included. Where the log was
    /// never open, only what this one knows.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        let logged = self.log.take().and_then(|_| log::read(&self.path).ok());
        logged.map_or_else(
            || std::mem::take(&mut self.unwritten),
            |content| content.notices,
        )
    }

    /// Closes the event file with how the trial ended. That it cannot is no reason to lose a trial
    /// that is over.
    pub(super) fn ended(&mut self, ending: &Ending) {
        if let Some(events) = self.events.as_mut().filter(|_| ending.is_final()) {
            let summary = ending.summary.as_ref();
            let measured = summary.map_or(&[][..], |summary| &summary.measurements);
            let is_ok = ending.outcome == Outcome::Ok;
            let _ = events.ended(self.step, is_ok, measured);
        }
    }

    /// Writes a notice to the log, as soon as that is open.
    fn write(&mut self, notice: &Notice) {
        match &mut self.log {
            Some(log) => {
                let written = log.notice(notice);
                self.keep(written);
            }
            None => self.unwritten.push(notice.clone()),
        }
    }

    fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }
}

impl Observer for Recorder {
    fn started(&mut self, info: &TrialInfo) {
        self.log = None;
        let opened = Log::reopen(&self.path, info.resumed_step, info.recorded_step);
        self.log = self.keep(opened);
        for notice in std::mem::take(&mut self.unwritten) {
            self.write(&notice);
        }
        if let Some((folder, given)) = &self.events_folder {
            let step = info.resumed_step;
            let created = EventFile::create(folder, step).and_then(|mut events| {
                events.hyper_parameters(step, given)?;
                Ok(events)
            });
            self.events = self.keep(created);
        }
        emit(&Event::Started {
            resumed_step: info.resumed_step,
            steps: info.steps,
        });
    }

    fn reached(&mut self, beginning: Beginning) {
        emit(&Event::reached(beginning));
    }

    fn uses_device(&mut self, used: &DeviceUse) {
        let known = self.device.as_ref().and_then(|known| known.reserved);
        // Whoever starts other trials on the device wants to know.
        if let Some(bytes) = used.reserved.filter(|bytes| Some(*bytes) > known) {
            emit(&Event::Reserved { bytes });
        }
        self.device = Some(used.clone());
    }

    fn tries_graphs(&mut self, tries: bool) {
        let marked = match tries {
            true => self.graph_attempt.begin(),
            false => self.graph_attempt.end(),
        };
        self.keep(marked);
    }

    fn computed(&mut self, used: &GraphUse) {
        self.graphs = Some(*used);
    }

    fn progress(&mut self, step: u64, steps: u64) {
        self.step = step;
        self.pulses.beat(step, steps);
        if self.progressed.elapsed() >= PROGRESS_EVERY {
            self.progressed = Instant::now();
            emit(&Event::Progress { step, steps });
        }
    }

    fn evaluated(&mut self, record: &EvaluationRecord) {
        let written = self.log.as_mut().map(|log| log.record(record));
        self.keep(written.unwrap_or(Ok(())));
        let scalars = tensorboard::scalars(record);
        let events = self.events.as_mut();
        let written = events.map(|events| events.scalars(record.step, &scalars));
        self.keep(written.unwrap_or(Ok(())));
        emit(&Event::Evaluated {
            record: Box::new(record.clone()),
        });
    }

    fn notice(&mut self, notice: &Notice) {
        emit(&Event::Noticed {
            notice: notice.clone(),
        });
        self.write(notice);
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.is_some() || self.lease.is_lost()
    }

    fn may_save(&self) -> bool {
        self.lease.is_mine()
    }
}
