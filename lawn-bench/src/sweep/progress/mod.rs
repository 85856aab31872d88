//! What a sweep shows while it runs: bars on a terminal, lines elsewhere, events for programs.

mod bars;
mod events;
mod lines;
mod tally;
#[cfg(test)]
mod tests;
mod view;

use std::time::Instant;

use indicatif::ProgressDrawTarget;
use lawn_models::Stage;

use crate::engine::Watcher;
use crate::plan::{Extension, Only, Plan};
use crate::process::streams::Stream;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::trial::Event;
pub(crate) use events::end as print_end;
use tally::Tally;
use view::{FinishedTrial, NoView, View};

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

/// Hears what happens and shows it.
pub(crate) struct Progress<'a> {
    run: &'a RunDir,
    tally: Tally<'a>,
    view: Box<dyn View>,
}

impl<'a> Progress<'a> {
    /// The view of the trials of `plan` in `only` that `outcomes` leaves to be run, by the first number
    /// of workers here, and by the second of all launchers together.
    pub(crate) fn new(
        run: &'a RunDir,
        (plan, only): (&'a Plan, &Only),
        outcomes: &[Option<Ending>],
        workers: [usize; 2],
        show: Show,
    ) -> Self {
        let tally = Tally::new((plan, only), outcomes, workers, Box::new(Instant::now));
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

    /// Says what was added to the plan.
    pub(crate) fn extended(&mut self, extension: &Extension) {
        self.view.extended(extension);
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
