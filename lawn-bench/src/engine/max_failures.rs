//! `--max-failures`: a sweep of which too many trials fail is stopped before all of them have.

use lawn_analysis::records::Outcome;

use crate::Error;
use crate::engine::limit::Limit;
use crate::engine::work::Watcher;
use crate::plan::Plan;
use crate::process::stop::Stop;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::trial::Event;

/// Passes on what happens to the trials of an engine, and requests a stop once too many failed.
pub(crate) struct Failures<'a> {
    run: &'a RunDir,
    plan: &'a Plan,
    stop: &'a Stop,
    watcher: &'a mut dyn Watcher,
    allowed: Option<usize>,
    failed: usize,
    last: Option<(usize, Ending)>,
}

impl<'a> Failures<'a> {
    /// Begins with those trials that `endings` says have failed.
    pub(crate) fn new(
        (run, plan): (&'a RunDir, &'a Plan),
        stop: &'a Stop,
        limit: Option<Limit>,
        endings: &[Option<Ending>],
        watcher: &'a mut dyn Watcher,
    ) -> Self {
        let mut failures = Self {
            run,
            plan,
            stop,
            watcher,
            allowed: limit.map(|limit| limit.of(plan.trials.len())),
            failed: 0,
            last: None,
        };
        for (index, ending) in endings.iter().enumerate() {
            if let Some(ending) = ending {
                failures.count(index, ending);
            }
        }
        failures
    }

    fn count(&mut self, index: usize, ending: &Ending) {
        if is_failure(ending.outcome) {
            self.failed += 1;
            self.last = Some((index, ending.clone()));
        }
    }

    /// The error that ends the sweep, once too many trials failed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match (self.allowed, &self.last) {
            (Some(allowed), Some((index, ending))) if self.failed > allowed => {
                let detail = ending.detail.as_deref().unwrap_or_default();
                Err(Error::TooManyFailed {
                    dir: self.run.root().into(),
                    failed: self.failed,
                    trials: self.plan.trials.len(),
                    allowed,
                    id: self.plan.trials[*index].id.clone(),
                    outcome: ending.outcome,
                    reason: detail.lines().next().unwrap_or_default().to_owned(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a trial ended otherwise than by what it trains.
fn is_failure(outcome: Outcome) -> bool {
    use Outcome::{Crashed, OutOfMemory, Timeout};
    matches!(outcome, Crashed | OutOfMemory | Timeout)
}

impl Watcher for Failures<'_> {
    fn began(&mut self, worker: usize, index: usize) {
        self.watcher.began(worker, index);
    }

    fn event(&mut self, worker: usize, index: usize, event: &Event) {
        self.watcher.event(worker, index, event);
    }

    fn stopped(&mut self, worker: usize, index: usize) {
        self.watcher.stopped(worker, index);
    }

    fn ended(&mut self, worker: Option<usize>, index: usize, outcome: &Ending) {
        self.watcher.ended(worker, index, outcome);
        self.count(index, outcome);
        if self.check().is_err() {
            self.stop.request();
        }
    }

    fn note(&mut self, line: &str) {
        self.watcher.note(line);
    }
}
