//! What the figures of one task are drawn from.

use crate::analysis::{Analysis, Task};
use crate::figures::palette::Looks;
use crate::records::Records;
use crate::request::ReportRequest;

/// What the figures of one task are drawn from.
pub(super) struct Subject<'a> {
    pub(super) task: &'a Task,
    pub(super) analysis: &'a Analysis,
    pub(super) records: &'a Records,
    pub(super) request: &'a ReportRequest,
    pub(super) looks: Looks,
}

impl Subject<'_> {
    /// Level of the intervals.
    pub(super) fn level(&self) -> f64 {
        1.0 - self.request.alpha
    }

    /// The largest difference of the metric that does not matter.
    pub(super) fn margin(&self) -> Option<f64> {
        self.request.margins.get(&self.task.metric).copied()
    }

    /// A title that begins with the task.
    pub(super) fn title(&self, what: &str) -> String {
        format!("{}: {what}", self.task.name)
    }
}

/// The looks of all arms of a sweep: an arm looks the same for every task.
pub(super) fn looks(tasks: &[Task]) -> Looks {
    Looks::new(tasks.iter().flat_map(|task| &task.arms))
}
