//! The figures of a report: which there are, and what stands under each.

mod across;
mod course;
mod results;
mod words;

pub(crate) use across::of_all_tasks;

use super::Figure;
use super::palette::Looks;
use crate::analysis::{Analysis, Task};
use crate::error::Error;
use crate::records::Records;
use crate::report::ReportRequest;
use crate::tables::Table;

/// What the figures of one task are drawn from.
struct Subject<'a> {
    task: &'a Task,
    analysis: &'a Analysis,
    records: &'a Records,
    request: &'a ReportRequest,
    looks: Looks,
}

impl Subject<'_> {
    /// Level of the intervals.
    fn level(&self) -> f64 {
        1.0 - self.request.alpha
    }

    /// The largest difference of the metric that does not matter.
    fn margin(&self) -> Option<f64> {
        self.request.margins.get(&self.task.metric).copied()
    }

    /// A title that begins with the task.
    fn title(&self, what: &str) -> String {
        format!("{}: {what}", self.task.name)
    }
}

/// Every figure of a task that has something to draw.
///
/// # Errors
/// As [`crate::tables::by_batch`].
pub(crate) fn of_task(
    task: &Task,
    analysis: &Analysis,
    records: &Records,
    request: &ReportRequest,
) -> Result<Vec<Figure>, Error> {
    let subject = Subject {
        task,
        analysis,
        records,
        request,
        looks: looks(&analysis.tasks),
    };
    let mut figures = results::figures(&subject)?;
    figures.extend(course::figures(&subject));
    Ok(figures)
}

/// The looks of all arms of a sweep: an arm looks the same for every task.
fn looks(tasks: &[Task]) -> Looks {
    Looks::new(tasks.iter().flat_map(|task| &task.arms))
}

fn filled(table: Table) -> Option<Table> {
    (!table.is_empty()).then_some(table)
}
