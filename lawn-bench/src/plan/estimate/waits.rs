//! How long this process waits for a core that other processes have, as Linux counts it.
//!
//! A thread that could run and does not waits in a queue. Where others cannot have caused that, since
//! they used less of the processors, the process waits for itself, as it does on a quiet machine.

use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// Parts of a second in which Linux tells what processors did.
const TICKS: f64 = 100.0;

/// What the threads of this process waited since a moment.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// By thread, nanoseconds that it has waited.
    known: BTreeMap<String, u64>,
    /// Seconds of all laps.
    waited: f64,
    began: Option<Used>,
}

/// Seconds of processors that were used.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Used {
    by_all: f64,
    by_this: f64,
}

impl Waits {
    /// Begins anew.
    pub(super) fn begin(&mut self) {
        self.lap();
        self.waited = 0.0;
        self.began = Used::now();
    }

    /// Seconds that the thread waited which waited longest, since the last lap. What is done in
    /// parallel waits for that one.
    pub(super) fn lap(&mut self) -> f64 {
        let now = threads();
        let since = |(thread, [_, waited]): (&String, &[u64; 2])| {
            let before = self.known.get(thread).copied().unwrap_or(0);
            waited.saturating_sub(before)
        };
        let longest = now.iter().map(since).max().unwrap_or(0) as f64 / SECOND;
        self.known = now
            .into_iter()
            .map(|(thread, [_, waited])| (thread, waited))
            .collect();
        self.waited += longest;
        longest
    }

    /// How much of what was waited since the beginning others can have caused, from 0 to 1.
    pub(super) fn of_others(&self) -> f64 {
        match (self.began, Used::now()) {
            (Some(before), Some(now)) => caused(before, now, self.waited),
            _ => 0.0,
        }
    }

    /// Seconds of all laps that others can have caused.
    pub(super) fn for_others(&self) -> f64 {
        self.of_others() * self.waited
    }
}

fn caused(before: Used, now: Used, waited: f64) -> f64 {
    let others = (now.by_all - before.by_all) - (now.by_this - before.by_this);
    match waited > 0.0 {
        true => (others / waited).clamp(0.0, 1.0),
        false => 0.0,
    }
}

impl Used {
    /// None where the system does not tell.
    fn now() -> Option<Self> {
        let by_all = by_all(&fs::read_to_string("/proc/stat").ok()?)?;
        let threads = threads();
        let by_this: u64 = threads.values().map(|[used, _]| used).sum();
        (!threads.is_empty()).then_some(Self {
            by_all,
            by_this: by_this as f64 / SECOND,
        })
    }
}

/// Seconds that all processors were busy, from the first line of `/proc/stat`: user, nice, system,
/// idle, waiting for disks, interrupts of two kinds, stolen by the machine below.
fn by_all(stat: &str) -> Option<f64> {
    let numbers = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace();
    let ticks: Vec<f64> = numbers.map_while(|number| number.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|at| ticks.get(*at));
    (ticks.len() >= 4).then(|| busy.sum::<f64>() / TICKS)
}

/// By thread of this process, nanoseconds that it ran and that it waited to.
fn threads() -> BTreeMap<String, [u64; 2]> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let of = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let mut numbers = text
            .split_whitespace()
            .map_while(|number| number.parse().ok());
        let name = thread.file_name().to_string_lossy().into_owned();
        Some((name, [numbers.next()?, numbers.next()?]))
    };
    threads.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_can_have_caused_no_more_than_they_used() {
        let at = |by_all, by_this| Used { by_all, by_this };
        // One second of waiting, and others that used three, a half, and nothing.
        for (all, this, expected) in [(4.0, 1.0, 1.0), (1.5, 1.0, 0.5), (1.0, 1.0, 0.0)] {
            let part = caused(at(10.0, 5.0), at(10.0 + all, 5.0 + this), 1.0);
            assert!((part - expected).abs() < 1e-12, "{part}");
        }
        assert_eq!(caused(at(0.0, 0.0), at(9.0, 1.0), 0.0), 0.0);
    }

    #[test]
    fn processors_are_busy_unless_they_are_idle() {
        let stat = "cpu  100 10 50 9000 700 3 2 35 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(by_all(stat), Some(2.0));
        assert_eq!(by_all("intr 1 2 3\n"), None);
        assert_eq!(by_all(""), None);
    }

    #[test]
    fn a_process_that_shares_a_core_waits_for_it() {
        // Threads of this process that have to share cores wait for each other, and others did not
        // cause that beyond what they used.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut waits = Waits::default();
        waits.begin();
        std::thread::scope(|scope| {
            for _ in 0..4 * cores {
                scope.spawn(|| {
                    let since = std::time::Instant::now();
                    while since.elapsed().as_millis() < 300 {
                        std::hint::black_box(0);
                    }
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
            let waited = waits.lap();
            // Where the system does not tell, nothing was waited.
            assert!(threads().is_empty() || waited > 0.02, "{waited}");
            assert!(waits.for_others() <= waited);
        });
    }
}
