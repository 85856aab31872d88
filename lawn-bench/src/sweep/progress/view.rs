//! A way of showing a sweep, and what all of them say alike.

use std::time::Duration;

use lawn_analysis::records::Outcome;

use super::tally::Tally;
use crate::duration::humantime;
use crate::plan::{Extension, Plan};
use crate::report::render;
use crate::run::ending::Ending;
use crate::trial::Event;

/// One way of showing. What a view has no use for it ignores.
pub(super) trait View {
    /// A line for people.
    fn say(&mut self, line: &str);
    /// The plan was extended.
    fn extended(&mut self, extension: &Extension) {
        self.say(&extension.describe());
    }
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
pub(super) struct FinishedTrial<'a> {
    /// The worker that ran it; none where another launcher did.
    pub(super) worker: Option<usize>,
    pub(super) index: usize,
    pub(super) outcome: &'a Ending,
    /// Whether its validation metric is the best of its cell so far.
    pub(super) is_best: bool,
    /// The folder of its files.
    pub(super) folder: std::path::PathBuf,
}

impl FinishedTrial<'_> {
    pub(super) fn failed(&self) -> bool {
        self.outcome.outcome != Outcome::Ok
    }

    /// The first line of what went wrong, and where to read more.
    pub(super) fn reason(&self) -> String {
        let detail = self.outcome.detail.as_deref().unwrap_or_default();
        let first = detail.lines().next().unwrap_or_default();
        format!("{first} (files: {})", self.folder.display())
    }
}

pub(super) struct NoView;

impl View for NoView {
    fn say(&mut self, _line: &str) {}
}

/// A trial in a few words; its task only where the sweep has several.
pub(super) fn describe(plan: &Plan, index: usize) -> String {
    render::trial(&plan.trials[index], plan.sweep.tasks.len() > 1)
}

/// `about 3 min 04 s left`, or nothing where nobody knows.
pub(super) fn left(left: Option<Duration>) -> String {
    left.map_or(String::new(), |left| {
        format!("about {} left", humantime(left))
    })
}

/// Steps a second in few characters: `0.83`, `41`, `1.2 k`.
pub(super) fn rounded(speed: f64) -> String {
    match speed {
        speed if speed < 10.0 => format!("{speed:.2}"),
        speed if speed < 1000.0 => format!("{speed:.0}"),
        speed => format!("{:.1} k", speed / 1000.0),
    }
}
