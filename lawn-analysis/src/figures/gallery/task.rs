//! The figures of one task.

use super::subject::{Subject, looks};
use super::{course, results};
use crate::analysis::{Analysis, Task};
use crate::error::Error;
use crate::figures::figure::Figure;
use crate::records::Records;
use crate::request::ReportRequest;

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
