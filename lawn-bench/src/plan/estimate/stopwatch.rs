//! What the steps and the evaluation of a trial take, noted while it is trained.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use lawn_models::{EvaluationRecord, Observer, TrialInfo};

use super::probe::{Probed, STEPS};
use super::waits::Waits;

/// Steps, after one that warms up, that are enough where they take long.
const ENOUGH: usize = 3;

/// Seconds of steps of one batch size after which no more are taken, where there are enough.
const WALK: f64 = 0.25;

/// Seconds of steps after which one is enough, in a batch size on the way to others.
const SHORT_WALK: f64 = 0.1;

/// Seconds of steps of one batch size after which one is enough.
const LONG_WALK: f64 = 1.0;

/// Seconds of an evaluation that are enough, where it is not over by then: the rest is derived.
const PART: f64 = 0.75;

/// The least part of a step's time that is taken for its own, whatever it waited.
const LEAST_OWN: f64 = 0.02;

/// What steps in one batch size took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// Seconds of one, without what it waited for others.
    pub(super) seconds: f64,
    /// The same with that.
    pub(super) as_it_was: f64,
    /// The part of their time that they waited for others.
    pub(super) waited: f64,
    pub(super) peak_bytes: u64,
}

/// What holds for all trials of a measuring process.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// The high-water mark when the data had been read, which a trial that is set up by itself has
    /// as well; 0 before that.
    pub(super) floor: Cell<u64>,
    /// What it has waited for a core.
    pub(super) waits: RefCell<Waits>,
    /// Seconds of that for others before the first trial began.
    waited: Cell<Option<f64>>,
}

impl Start {
    /// A trial has begun.
    fn began(&self) {
        if self.floor.get() == 0 {
            self.floor.set(peak_bytes());
        }
        if self.waited.get().is_none() {
            let mut waits = self.waits.borrow_mut();
            waits.lap();
            // What the process waited before it looked is in the first lap of all.
            let all = Waits::default().lap();
            self.waited.set(Some(all * waits.of_others()));
        }
    }
}

/// What one step took.
#[derive(Debug, Clone, Copy)]
struct Step {
    seconds: f64,
    /// Seconds of that in which it waited for a core.
    waited: f64,
}

/// Notes how long each step takes.
pub(super) struct Stopwatch<T> {
    of: usize,
    batch_size: u64,
    pub(super) with_evaluation: bool,
    pub(super) info: Option<TrialInfo>,
    /// The end of the step before, or of the evaluation after it.
    last: Option<Instant>,
    /// Each step, the first aside, which warms up.
    between: Vec<Step>,
    /// What they wait for.
    waits: Waits,
    /// Whether that takes time.
    pub(super) is_on_cpu: bool,
    evaluated: Option<f64>,
    /// Samples of the evaluation under way that were looked at first, and the seconds of that.
    looked_at: Option<(u64, f64)>,
    /// Whether what is known of the evaluation under way is enough.
    is_all: bool,
    /// What steps took, where that was measured before.
    pub(super) before: Option<Steps>,
    /// Whether steps are taken on the way to a larger batch only.
    pub(super) is_on_the_way: bool,
    pub(super) start: Rc<Start>,
    /// In words, how the steps diverged, once they have.
    pub(super) diverged: Option<String>,
    tell: T,
}

impl<T> Stopwatch<T> {
    pub(super) fn of(of: usize, batch_size: u64, tell: T) -> Self {
        Self {
            of,
            batch_size,
            with_evaluation: false,
            info: None,
            last: None,
            between: Vec::new(),
            waits: Waits::default(),
            is_on_cpu: true,
            evaluated: None,
            looked_at: None,
            is_all: false,
            before: None,
            is_on_the_way: false,
            start: Rc::default(),
            diverged: None,
            tell,
        }
    }

    /// Seconds of a step, without what it waited for others.
    pub(super) fn step_seconds(&self) -> Option<f64> {
        let before = self.before.map(|steps| steps.seconds);
        let part = match self.is_on_cpu {
            true => self.waits.of_others(),
            false => 0.0,
        };
        let own = |step: &Step| (step.seconds - part * step.waited).max(LEAST_OWN * step.seconds);
        before.or_else(|| median(self.between.iter().map(own)))
    }

    /// Seconds of a step.
    pub(super) fn as_it_was(&self) -> Option<f64> {
        let before = self.before.map(|steps| steps.as_it_was);
        before.or_else(|| median(self.between.iter().map(|step| step.seconds)))
    }

    /// The part of the time of the steps that they waited for others.
    pub(super) fn waited(&self) -> f64 {
        if let Some(before) = self.before {
            return before.waited;
        }
        let all: f64 = self.between.iter().map(|step| step.seconds).sum();
        match self.is_on_cpu && all > 0.0 {
            true => (self.waits.for_others() / all).min(1.0),
            false => 0.0,
        }
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        let peak = || peak_bytes().max(self.start.floor.get());
        self.before.map_or_else(peak, |steps| steps.peak_bytes)
    }
}

impl<T: FnMut(&str)> Stopwatch<T> {
    pub(super) fn say(&mut self) {
        // Where none was taken before, there is no number.
        let step_seconds = self.step_seconds().filter(|seconds| seconds.is_finite());
        let is_measured = match self.with_evaluation {
            true => self.evaluated.is_some(),
            false => step_seconds.is_some(),
        };
        let Some(info) = &self.info else { return };
        let probed = Probed {
            of: self.of,
            batch_size: self.batch_size,
            epoch_samples: info.train_samples.max(1),
            // The launcher knows when the process began.
            start_seconds: 0.0,
            step_seconds,
            evaluation_seconds: self.evaluated,
            peak_bytes: self.peak_bytes(),
            treatments: info.treatments.clone(),
            without_cuda_kernels: info.without_cuda_kernels.clone(),
            is_all: self.is_all,
            waited: self.waited(),
            waited_at_start: self.start.waited.get().unwrap_or_default(),
            diverged: self.diverged.clone().filter(|_| !is_measured),
        };
        (self.tell)(&(serde_json::to_string(&probed).unwrap_or_default() + "\n"));
    }
}

impl<T: FnMut(&str)> Observer for Stopwatch<T> {
    fn started(&mut self, info: &TrialInfo) {
        self.info = Some(info.clone());
        self.start.began();
        self.say();
    }

    fn progress(&mut self, _step: u64, _steps: u64) {
        let now = Instant::now();
        match self.last {
            Some(last) => self.between.push(Step {
                seconds: (now - last).as_secs_f64(),
                waited: self.waits.lap(),
            }),
            None => self.waits.begin(),
        }
        // What is looked up here is no part of a step.
        self.last = Some(Instant::now());
        if self.between.len() == ENOUGH {
            self.say();
        }
    }

    fn measuring(&mut self, samples: u64, of: u64) {
        let Some(last) = self.last.filter(|_| self.with_evaluation) else {
            return;
        };
        let now = last.elapsed().as_secs_f64();
        let (first, until_first) = *self.looked_at.get_or_insert((samples, now));
        // The first of them may have to warm up.
        let rate = match samples > first {
            true => (now - until_first) / (samples - first) as f64,
            false => now / samples as f64,
        };
        let all = now + rate * of.saturating_sub(samples) as f64;
        self.evaluated = Some(all * self.own_part(now));
        self.is_all = now >= PART && samples < of;
        self.say();
    }

    fn evaluated(&mut self, record: &EvaluationRecord) {
        let all = record.seconds.evaluate;
        self.evaluated = Some(all * self.own_part(all));
        self.say();
    }

    fn stop_requested(&self) -> bool {
        if self.with_evaluation {
            return self.evaluated.is_some();
        }
        let seconds = self.between.iter().map(|step| step.seconds).sum::<f64>();
        let steps = self.between.len();
        let is_last = steps as u64 + 2 >= STEPS;
        if self.is_on_the_way && steps > 0 && seconds >= SHORT_WALK {
            return true;
        }
        let is_enough = steps >= ENOUGH && (seconds >= WALK || is_last);
        is_enough || seconds >= LONG_WALK
    }

    fn may_save(&self) -> bool {
        false
    }
}

impl<T> Stopwatch<T> {
    /// The part of an evaluation's `seconds` so far that it did not wait for others.
    fn own_part(&mut self, seconds: f64) -> f64 {
        self.waits.lap();
        match self.is_on_cpu && seconds > 0.0 {
            true => (1.0 - self.waits.for_others() / seconds).clamp(LEAST_OWN, 1.0),
            false => 1.0,
        }
    }
}

/// The one in the middle.
fn median(seconds: impl Iterator<Item = f64>) -> Option<f64> {
    let mut seconds: Vec<f64> = seconds.collect();
    // A step that waited for something else counts little.
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

/// Has the high-water mark of memory begin anew, where Linux can: what was measured before in this
/// process is none of what follows.
pub(super) fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The high-water mark of this process's resident memory, where Linux tells it.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}
