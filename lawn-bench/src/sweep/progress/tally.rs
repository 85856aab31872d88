//! What is over, what runs, how fast, and the best so far: the numbers of every view.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::plan::choices::score;
use crate::plan::{Cell, Only, Plan};
use crate::run::ending::Ending;
use lawn_analysis::records::Outcome;

/// What tells the time.
pub(super) type Clock = Box<dyn Fn() -> Instant>;

/// The numbers that views show.
pub(super) struct Tally<'a> {
    pub(super) plan: &'a Plan,
    /// Trials that this launch found to be run.
    pub(super) total: usize,
    /// Trials asked for that were over before.
    pub(super) before: usize,
    /// Those of them that are over.
    pub(super) done: usize,
    /// Those of them that did not end `ok`.
    pub(super) failed: usize,
    /// By worker, the trial that it runs.
    pub(super) running: Vec<Option<Running>>,
    /// By cell, the best validation metric so far, earlier launches included.
    pub(super) best: BTreeMap<&'a Cell, f64>,
    since: Instant,
    clock: Clock,
    /// Workers of all launchers together.
    crew: usize,
    left: HashMap<&'a Cell, usize>,
    speeds: HashMap<&'a Cell, Speed>,
}

/// A trial that runs.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) index: usize,
    pub(super) step: u64,
    pub(super) steps: u64,
    began: Instant,
    /// When the last step was heard of.
    heard: Option<Instant>,
}

impl Running {
    /// Part that is done, 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        self.step as f64 / self.steps.max(1) as f64
    }
}

/// What the trials of one cell were seen to take.
#[derive(Debug, Clone, Copy, Default)]
struct Speed {
    /// Steps of one trial.
    steps: u64,
    /// Steps heard of, and the seconds between them.
    walked: f64,
    seconds: f64,
    /// Seconds from start to first step, of so many trials.
    startup: f64,
    starts: f64,
    /// Seconds of whole trials, so many.
    whole: f64,
    wholes: f64,
}

impl Speed {
    fn steps_per_second(&self) -> Option<f64> {
        (self.walked > 0.0 && self.seconds > 0.0).then(|| self.walked / self.seconds)
    }

    /// Seconds of one trial: its start, and its steps at the speed seen. For trials too short to
    /// report a speed it is their mean.
    fn trial(&self) -> Option<f64> {
        match self.steps_per_second() {
            Some(speed) => Some(self.startup / self.starts.max(1.0) + self.steps as f64 / speed),
            None => (self.wholes > 0.0).then(|| self.whole / self.wholes),
        }
    }
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        (plan, only): (&'a Plan, &Only),
        outcomes: &[Option<Ending>],
        [workers, crew]: [usize; 2],
        clock: Clock,
    ) -> Self {
        let mut tally = Self {
            plan,
            total: 0,
            before: 0,
            done: 0,
            failed: 0,
            running: vec![None; workers],
            best: BTreeMap::new(),
            since: clock(),
            clock,
            crew: crew.max(workers),
            left: HashMap::new(),
            speeds: HashMap::new(),
        };
        for (trial, outcome) in plan.trials.iter().zip(outcomes) {
            let is_asked = only.has(&trial.cell);
            match outcome.as_ref().filter(|outcome| outcome.is_final()) {
                Some(outcome) => {
                    tally.before += usize::from(is_asked);
                    tally.rate(&trial.cell, outcome);
                }
                None if !is_asked => {}
                None => {
                    tally.total += 1;
                    *tally.left.entry(&trial.cell).or_default() += 1;
                }
            }
        }
        tally
    }

    /// Time since this launch began.
    pub(super) fn elapsed(&self) -> Duration {
        (self.clock)() - self.since
    }

    fn seconds_since(&self, then: Instant) -> f64 {
        ((self.clock)() - then).as_secs_f64()
    }

    fn cell(&self, index: usize) -> &'a Cell {
        let plan: &'a Plan = self.plan;
        &plan.trials[index].cell
    }

    /// Whether `outcome` is the best of its cell so far; remembers it if it is.
    fn rate(&mut self, cell: &'a Cell, outcome: &Ending) -> bool {
        let scored = self.plan.task(&cell.task).and_then(|task| {
            let metric = self.plan.metric(&cell.task)?;
            let score = score(metric, outcome.summary.as_ref()?)?;
            Some((score, task.metrics().is_higher_better(metric)))
                .filter(|(score, _)| score.is_finite())
        });
        let Some((score, higher)) = scored else {
            return false;
        };
        let better = |best: &f64| if higher { score > *best } else { score < *best };
        let is_best = self.best.get(cell).is_none_or(better);
        if is_best {
            self.best.insert(cell, score);
        }
        is_best
    }

    pub(super) fn began(&mut self, worker: usize, index: usize) {
        self.running[worker] = Some(Running {
            index,
            step: 0,
            steps: 0,
            began: (self.clock)(),
            heard: None,
        });
    }

    pub(super) fn stepped(&mut self, worker: usize, step: u64, steps: u64) {
        let now = (self.clock)();
        let Some(running) = &mut self.running[worker] else {
            return;
        };
        let index = running.index;
        let before = (running.heard.replace(now), running.step);
        let began = running.began;
        (running.step, running.steps) = (step, steps);
        let speed = self.speeds.entry(self.cell(index)).or_default();
        speed.steps = steps;
        match before {
            (Some(heard), last) => {
                speed.walked += step.saturating_sub(last) as f64;
                speed.seconds += (now - heard).as_secs_f64();
            }
            (None, _) => {
                speed.startup += (now - began).as_secs_f64();
                speed.starts += 1.0;
            }
        }
    }

    pub(super) fn stopped(&mut self, worker: usize) {
        self.running[worker] = None;
    }

    /// Takes note of an outcome; says whether it is the best of its cell so far.
    pub(super) fn ended(&mut self, worker: Option<usize>, index: usize, outcome: &Ending) -> bool {
        let cell = self.cell(index);
        if let Some(left) = self.left.get_mut(cell) {
            *left = left.saturating_sub(1);
        }
        if let Some(running) = worker.and_then(|worker| self.running[worker].take()) {
            let seconds = self.seconds_since(running.began);
            let speed = self.speeds.entry(cell).or_default();
            speed.whole += seconds;
            speed.wholes += 1.0;
        }
        self.done += 1;
        self.failed += usize::from(outcome.outcome != Outcome::Ok);
        self.rate(cell, outcome)
    }

    /// `7/40`: trials over, and all that are asked for; those of earlier launches count.
    pub(super) fn counted(&self) -> [usize; 2] {
        [self.before + self.done, self.before + self.total]
    }

    /// Steps a second of the trials of the cell of the trial at `index`, as far as they were seen.
    pub(super) fn speed(&self, index: usize) -> Option<f64> {
        self.speeds.get(self.cell(index))?.steps_per_second()
    }

    /// The metric that chooses among the settings of the trial at `index`, and its value on
    /// validation data at the end of training.
    pub(super) fn score(&self, index: usize, outcome: &Ending) -> Option<(&'a str, f64)> {
        let plan: &'a Plan = self.plan;
        let metric = plan.metric(&plan.trials[index].cell.task)?;
        Some((metric, score(metric, outcome.summary.as_ref()?)?))
    }

    /// Steps a second of the trial that `worker` runs, as its cell goes.
    pub(super) fn steps_per_second(&self, worker: usize) -> Option<f64> {
        let running = self.running[worker].as_ref()?;
        self.speeds
            .get(self.cell(running.index))?
            .steps_per_second()
    }

    /// Seconds of a trial of `cell`. One not seen yet is taken for the nearest that was:
    /// of its task, then its batch size, then its arm.
    fn trial_seconds(&self, cell: &Cell) -> Option<f64> {
        let own = self.speeds.get(cell).and_then(Speed::trial);
        let distance = |other: &Cell| {
            let ratio = (other.batch_size.max(1) as f64 / cell.batch_size.max(1) as f64).log2();
            (other.task != cell.task, ratio.abs(), other.arm != cell.arm)
        };
        own.or_else(|| {
            let seen = self
                .speeds
                .iter()
                .filter_map(|(other, speed)| Some((distance(other), speed.trial()?)));
            let nearest = seen.min_by(|(a, _), (b, _)| a.partial_cmp(b).expect("logs of counts"));
            nearest.map(|(_, seconds)| seconds)
        })
    }

    /// Time left of the trial that `worker` runs.
    pub(super) fn trial_left(&self, worker: usize) -> Option<Duration> {
        let running = self.running[worker].as_ref()?;
        let seconds = match self.steps_per_second(worker) {
            Some(speed) if running.steps > 0 => (running.steps - running.step) as f64 / speed,
            _ => {
                let whole = self.trial_seconds(self.cell(running.index))?;
                (whole - self.seconds_since(running.began)).max(0.0)
            }
        };
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Time until all trials are over, at the speeds seen; None before any was.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let workers = 0..self.running.len();
        let mut running: Vec<f64> = Vec::new();
        let mut waiting = self.left.clone();
        for worker in workers.filter(|&worker| self.running[worker].is_some()) {
            running.push(self.trial_left(worker)?.as_secs_f64());
            let index = self.running[worker].as_ref()?.index;
            if let Some(left) = waiting.get_mut(self.cell(index)) {
                *left = left.saturating_sub(1);
            }
        }
        let mut work: f64 = running.iter().sum();
        let mut trials = running.len();
        for (cell, count) in waiting.into_iter().filter(|(_, count)| *count > 0) {
            work += count as f64 * self.trial_seconds(cell)?;
            trials += count;
        }
        let hands = self.crew.min(trials).max(1) as f64;
        let longest = running.iter().copied().fold(0.0, f64::max);
        Duration::try_from_secs_f64((work / hands).max(longest)).ok()
    }

    /// Part of all trials asked for that is done, 0 to 1, running ones by their steps.
    pub(super) fn fraction(&self) -> f64 {
        let running: f64 = self.running.iter().flatten().map(Running::fraction).sum();
        let over = (self.before + self.done) as f64 + running;
        over / (self.before + self.total).max(1) as f64
    }
}
