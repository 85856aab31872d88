//! The figures of a report: which there are, and what stands under each.

mod across;
mod course;
mod results;
mod words;

pub(crate) use across::{Across, of_all_tasks};

use super::Figure;
use super::palette::Looks;
use crate::analysis::{Analysis, Task};
use crate::error::Error;
use crate::records::Records;
use crate::request::ReportRequest;
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

/// The most arms that one drawing tells apart at a glance.
const MOST_ARMS: usize = 10;

/// A table in parts of equally many arms, none of which has more than can be told apart.
fn by_arms(table: Table) -> Vec<Table> {
    in_parts(table, "arm", MOST_ARMS)
}

/// A table in parts of equally many different values of a column, in their order, none of which
/// has more than `most`; nothing of an empty one.
fn in_parts(table: Table, column: &'static str, most: usize) -> Vec<Table> {
    let index = table.column(column);
    let mut values = Vec::new();
    for row in table.rows() {
        if !values.contains(&row[index]) {
            values.push(row[index].clone());
        }
    }
    let parts = values.len().div_ceil(most);
    if parts < 2 {
        return filled(table).into_iter().collect();
    }
    let chunks = values.chunks(values.len().div_ceil(parts));
    chunks
        .enumerate()
        .map(|(part, values)| {
            let identity = table.identity().with(&format!("part {}", part + 1));
            let some = table.with_rows(|row| values.contains(&row[index]));
            some.identified(identity)
        })
        .collect()
}

/// What a title says of a part.
fn of_part(table: &Table) -> String {
    let part = table.identity().part();
    part.map_or(String::new(), |part| format!(", {part}"))
}

/// What a caption says of a part.
fn part_in_words(table: &Table) -> &'static str {
    match table.identity().part() {
        Some(_) => {
            " A figure shows ten arms at most: the others have parts of their own, on axes of their own."
        }
        None => "",
    }
}
