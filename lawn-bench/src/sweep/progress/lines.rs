//! Plain lines, for logs: one a trial that is over.

use std::io::Write;

use super::tally::Tally;
use super::view::{FinishedTrial, View, describe, left, rounded};

pub(super) struct Lines<W> {
    out: W,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> View for Lines<W> {
    fn say(&mut self, line: &str) {
        // A log that went away is no reason to stop training.
        let _ = self.out.write_all(format!("{line}\n").as_bytes());
    }

    fn stopped(&mut self, tally: &Tally<'_>, _worker: usize, index: usize) {
        self.say(&format!("stopped  {}", describe(tally.plan, index)));
    }

    fn ended(&mut self, tally: &Tally<'_>, ended: &FinishedTrial<'_>) {
        let [over, all] = tally.counted();
        let mut line = format!(
            "{over}/{all} {}  {}",
            ended.outcome.outcome,
            describe(tally.plan, ended.index)
        );
        if let Some((metric, score)) = tally.score(ended.index, ended.outcome) {
            line += &format!("  {metric} {score:.4}");
        }
        if let Some(speed) = tally.speed(ended.index) {
            line += &format!("  {} steps/s", rounded(speed));
        }
        if ended.worker.is_none() {
            line += "  (run by another launcher)";
        }
        if ended.is_best {
            line += "  best so far";
        }
        let left = left(tally.time_left());
        if !left.is_empty() && tally.done < tally.total {
            line += &format!("  {left}");
        }
        if ended.failed() {
            line += &format!("\n  {}", ended.reason());
        }
        self.say(&line);
    }
}
