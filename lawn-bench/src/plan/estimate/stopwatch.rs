//! What the steps and the evaluation of a trial take, noted while it is trained.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use lawn_models::{EvaluationRecord, Observer, TrialInfo};

use super::probe::{Probed, STEPS};

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

/// What steps in one batch size took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// Seconds of one.
    pub(super) seconds: f64,
    pub(super) peak_bytes: u64,
}

/// Notes how long each step takes.
pub(super) struct Stopwatch<T> {
    of: usize,
    batch_size: u64,
    pub(super) with_evaluation: bool,
    pub(super) info: Option<TrialInfo>,
    /// The end of the step before, or of the evaluation after it.
    last: Option<Instant>,
    /// Seconds of each step, the first aside, which warms up.
    between: Vec<f64>,
    evaluated: Option<f64>,
    /// Samples of the evaluation under way that were looked at first, and the seconds of that.
    looked_at: Option<(u64, f64)>,
    /// Whether what is known of the evaluation under way is enough.
    is_all: bool,
    /// What steps took, where that was measured before.
    pub(super) before: Option<Steps>,
    /// Whether steps are taken on the way to a larger batch only.
    pub(super) is_on_the_way: bool,
    /// The high-water mark when the data had been read, which a trial that is set up by itself has
    /// as well; 0 before that.
    pub(super) floor: Rc<Cell<u64>>,
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
            evaluated: None,
            looked_at: None,
            is_all: false,
            before: None,
            is_on_the_way: false,
            floor: Rc::default(),
            tell,
        }
    }

    pub(super) fn step_seconds(&self) -> Option<f64> {
        let mut steps = self.between.clone();
        // The median, so that a step that waited for another process counts little.
        steps.sort_by(f64::total_cmp);
        let before = self.before.map(|steps| steps.seconds);
        before.or(steps.get(steps.len() / 2).copied())
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        let peak = || peak_bytes().max(self.floor.get());
        self.before.map_or_else(peak, |steps| steps.peak_bytes)
    }
}

impl<T: FnMut(&str)> Stopwatch<T> {
    pub(super) fn say(&mut self) {
        let step_seconds = self.step_seconds();
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
        };
        (self.tell)(&(serde_json::to_string(&probed).unwrap_or_default() + "\n"));
    }
}

impl<T: FnMut(&str)> Observer for Stopwatch<T> {
    fn started(&mut self, info: &TrialInfo) {
        self.info = Some(info.clone());
        if self.floor.get() == 0 {
            self.floor.set(peak_bytes());
        }
        self.say();
    }

    fn progress(&mut self, _step: u64, _steps: u64) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.between.push((now - last).as_secs_f64());
        }
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
        self.evaluated = Some(now + rate * of.saturating_sub(samples) as f64);
        self.is_all = now >= PART && samples < of;
        self.say();
    }

    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.evaluated = Some(record.seconds.evaluate);
        self.say();
    }

    fn stop_requested(&self) -> bool {
        if self.with_evaluation {
            return self.evaluated.is_some();
        }
        let (steps, seconds) = (self.between.len(), self.between.iter().sum::<f64>());
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
