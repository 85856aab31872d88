//! What a sweep shows while it runs: bars on a terminal, lines elsewhere, events for programs.

mod bars;
mod events;
mod lines;
mod tally;
#[cfg(test)]
mod tests;

use crate::duration::humantime;
use std::time::{Duration, Instant};

use indicatif::ProgressDrawTarget;
use lawn_models::Stage;

use crate::engine::Watcher;
use crate::plan::Plan;
use crate::process::streams::Stream;
use crate::report::render;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::trial::Event;
pub(crate) use events::end as print_end;
use lawn_analysis::records::Outcome;
use tally::Tally;

/// How a sweep shows what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Bars where standard error is a terminal, a line a trial elsewhere.
    People,
    /// An event a line on standard output, as the README of this crate lists them.
    Events,
    /// Nothing.
    Nothing,
}

/// One way of showing. What a view has no use for it ignores.
trait View {
    /// A line for people.
    fn say(&mut self, line: &str);
    /// A trial begins.
    fn began(&mut self, _tally: &Tally<'_>, _worker: usize) {}
    /// A running trial says something.
    fn event(&mut self, _tally: &Tally<'_>, _worker: usize, _event: &Event) {}
    /// The trial at `index` was stopped before its end.
    fn stopped(&mut self, _tally: &Tally<'_>, _worker: usize, _index: usize) {}
    /// A trial is over.
    fn ended(&mut self, _tally: &Tally<'_>, _ended: &FinishedTrial<'_>) {}
    /// The sweep is over, or was stopped.
    fn finish(&mut self) {}
}

/// A trial that is over.
struct FinishedTrial<'a> {
    /// The worker that ran it; none where another launcher did.
    worker: Option<usize>,
    index: usize,
    outcome: &'a Ending,
    /// Whether its validation metric is the best of its cell so far.
    is_best: bool,
    /// The folder of its files.
    folder: std::path::PathBuf,
}

impl FinishedTrial<'_> {
    fn failed(&self) -> bool {
        self.outcome.outcome != Outcome::Ok
    }

    /// The first line of what went wrong, and where to read more.
    fn reason(&self) -> String {
        let detail = self.outcome.detail.as_deref().unwrap_or_default();
        let first = detail.lines().next().unwrap_or_default();
        format!("{first} (files: {})", self.folder.display())
    }
}

/// Hears what happens and shows it.
pub(crate) struct Progress<'a> {
    run: &'a RunDir,
    tally: Tally<'a>,
    view: Box<dyn View>,
}

impl<'a> Progress<'a> {
    /// The view of the trials of `plan` that `outcomes` leaves to be run, by the first number
    /// of workers here, and by the second of all launchers together.
    pub(crate) fn new(
        run: &'a RunDir,
        plan: &'a Plan,
        outcomes: &[Option<Ending>],
        workers: [usize; 2],
        show: Show,
    ) -> Self {
        let tally = Tally::new(plan, outcomes, workers, Box::new(Instant::now));
        let view: Box<dyn View> = match show {
            Show::Nothing => Box::new(NoView),
            Show::Events => Box::new(events::Events::new(Stream::Output, run, &tally)),
            Show::People if ProgressDrawTarget::stderr().is_hidden() => {
                Box::new(lines::Lines::new(Stream::Error))
            }
            Show::People => {
                let width = || usize::from(console::Term::stderr().size().1);
                let target = ProgressDrawTarget::stderr();
                Box::new(bars::Bars::new(&tally, target, Box::new(width)))
            }
        };
        Self { run, tally, view }
    }

    /// Says a line to people.
    pub(crate) fn say(&mut self, line: &str) {
        self.view.say(line);
    }

    /// Takes away what is only for the time of the sweep.
    pub(crate) fn finish(mut self) {
        self.view.finish();
    }
}

impl Watcher for Progress<'_> {
    fn began(&mut self, worker: usize, index: usize) {
        self.tally.began(worker, index);
        self.view.began(&self.tally, worker);
    }

    fn event(&mut self, worker: usize, index: usize, event: &Event) {
        if let Event::Noticed { notice } = event {
            let id = &self.tally.plan.trials[index].id;
            self.view.say(&format!("trial {id}: {notice}"));
        }
        if let Event::Progress { step, steps } = event {
            self.tally.stepped(worker, *step, *steps);
        }
        self.view.event(&self.tally, worker, event);
    }

    fn stopped(&mut self, worker: usize, index: usize) {
        self.tally.stopped(worker);
        self.view.stopped(&self.tally, worker, index);
    }

    fn ended(&mut self, worker: Option<usize>, index: usize, outcome: &Ending) {
        let is_best = self.tally.ended(worker, index, outcome);
        let trial = &self.tally.plan.trials[index];
        // Seeds are not settings: the best of them is luck.
        let is_best = is_best && trial.stage == Stage::Tune;
        let ended = FinishedTrial {
            worker,
            index,
            outcome,
            is_best,
            folder: self.run.trial(&trial.id).root().into(),
        };
        self.view.ended(&self.tally, &ended);
    }

    fn note(&mut self, line: &str) {
        self.view.say(line);
    }
}

struct NoView;

impl View for NoView {
    fn say(&mut self, _line: &str) {}
}

/// A trial in a few words; its task only where the sweep has several.
fn describe(plan: &Plan, index: usize) -> String {
    render::trial(&plan.trials[index], plan.sweep.tasks.len() > 1)
}

/// `about 3 min 04 s left`, or nothing where nobody knows.
fn left(left: Option<Duration>) -> String {
    left.map_or(String::new(), |left| {
        format!("about {} left", humantime(left))
    })
}
