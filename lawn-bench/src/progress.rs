//! What a sweep shows while it runs: bars on a terminal, lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lawn_models::Stage;

use crate::ending::Ending;
use crate::engine::Watcher;
use crate::plan::Plan;
use crate::trial::Event;
use lawn_analysis::records::Outcome;

/// Parts that each trial's progress is counted in.
const PARTS: u64 = 1000;

/// Bars with an ETA where standard error is a terminal, a line a trial elsewhere.
pub(crate) struct Progress<'a> {
    plan: &'a Plan,
    bars: MultiProgress,
    overall: ProgressBar,
    workers: Vec<Slot>,
    done: u64,
    total: u64,
    failures: u64,
    plain: bool,
    since: Instant,
}

/// What one worker does now.
struct Slot {
    bar: ProgressBar,
    parts: u64,
}

impl<'a> Progress<'a> {
    /// The view of `total` trials of `plan` that are still to run.
    pub(crate) fn new(plan: &'a Plan, total: usize, workers: usize, quiet: bool) -> Self {
        let bars = MultiProgress::with_draw_target(if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        });
        let plain = bars.is_hidden() && !quiet;
        let total = total as u64;
        let overall = bars.add(ProgressBar::new(total * PARTS));
        overall.set_style(style(
            "{msg} [{bar:30}] {percent:>3}%  {elapsed} elapsed, about {eta} left",
        ));
        let workers = (0..workers)
            .map(|_| {
                let bar = bars.add(ProgressBar::new(PARTS));
                bar.set_style(style("  {msg} [{bar:20}] {percent:>3}%"));
                Slot { bar, parts: 0 }
            })
            .collect();
        Self {
            plan,
            bars,
            overall,
            workers,
            done: 0,
            total,
            failures: 0,
            plain,
            since: Instant::now(),
        }
    }

    /// Prints a line above the bars.
    pub(crate) fn say(&self, line: &str) {
        if self.plain {
            eprintln!("{line}");
        } else {
            // A hidden or closed terminal has nobody to tell.
            let _ = self.bars.println(line);
        }
    }

    /// Removes the bars.
    pub(crate) fn finish(self) {
        let _ = self.bars.clear();
    }

    fn advance(&mut self, worker: usize, parts: u64) {
        self.workers[worker].parts = parts;
        self.workers[worker].bar.set_position(parts);
        let running: u64 = self.workers.iter().map(|slot| slot.parts).sum();
        self.overall.set_position(self.done * PARTS + running);
        let failures = match self.failures {
            0 => String::new(),
            count => format!(", {count} failed"),
        };
        self.overall
            .set_message(format!("{} of {} trials{failures}", self.done, self.total));
    }

    fn describe(&self, index: usize) -> String {
        let trial = &self.plan.trials[index];
        match (trial.stage, trial.setting) {
            (Stage::Tune, Some(setting)) => format!("tune {} · setting {setting}", trial.cell),
            _ => format!("confirm {} · seed {}", trial.cell, trial.seed),
        }
    }

    /// Time left at the speed so far.
    fn eta(&self) -> Duration {
        let left = (self.total - self.done) as f64 / self.done.max(1) as f64;
        Duration::from_secs_f64(self.since.elapsed().as_secs_f64() * left)
    }
}

impl Watcher for Progress<'_> {
    fn began(&mut self, worker: usize, index: usize) {
        let message = self.describe(index);
        self.workers[worker].bar.set_message(message);
        self.advance(worker, 0);
    }

    fn event(&mut self, worker: usize, _index: usize, event: &Event) {
        match event {
            Event::Started {
                resumed_step,
                steps,
            } => {
                self.advance(worker, PARTS * resumed_step / (*steps).max(1));
            }
            Event::Progress { step, steps } => self.advance(worker, PARTS * step / (*steps).max(1)),
            Event::Evaluated { .. } | Event::Ended { .. } => {}
        }
    }

    fn stopped(&mut self, worker: usize, index: usize) {
        self.advance(worker, 0);
        self.say(&format!("stopped  {}", self.describe(index)));
    }

    fn ended(&mut self, worker: Option<usize>, index: usize, outcome: &Ending) {
        let described = self.describe(index);
        self.done += 1;
        self.failures += u64::from(outcome.outcome != Outcome::Ok);
        if let Some(worker) = worker {
            self.advance(worker, 0);
        }
        let word = outcome.outcome;
        if self.plain {
            let eta = humantime(self.eta());
            self.say(&format!(
                "{}/{} {word}  {described}  (about {eta} left)",
                self.done, self.total
            ));
        }
        if outcome.outcome != Outcome::Ok && !self.plain {
            let detail = outcome.detail.as_deref().unwrap_or_default();
            self.say(&format!("{word}  {described}: {detail}"));
        }
    }

    fn note(&mut self, line: &str) {
        self.say(line);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants")
        .progress_chars("=> ")
}

/// A duration as `1 h 02 min`, `3 min 04 s` or `5 s`.
pub(crate) fn humantime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}
