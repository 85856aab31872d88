//! A report, made of records and written into a folder.

use std::collections::BTreeMap;
use std::path::Path;

use super::contents::Contents;
use super::files::{self, FigureFiles, PendingFiles, ReportFiles};
use super::live::Live;
use super::matrix;
use super::page::page;
use super::summary::summary;
use super::verdicts::Verdicts;
use crate::analysis::{Analysis, Claim, ClaimAcross};
use crate::error::Error;
use crate::figures::RenderedFigure;
use crate::parallel;
use crate::records::Records;
use crate::request::ReportRequest;

/// Analyses the records and writes the report into `dir`: [`Report::new`], then
/// [`Report::write`].
///
/// # Errors
/// As these two.
pub fn write_report(
    records: &Records,
    request: &ReportRequest,
    dir: &Path,
) -> Result<ReportFiles, Error> {
    Report::new(records, request)?.write(dir)
}

/// The page of a sweep that still runs, and what it links to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LivePage {
    /// The page.
    pub html: String,
    /// By their paths beside the page, the tables in CSV.
    pub tables: BTreeMap<String, String>,
}

/// The file that says what was asked.
pub(super) const REQUEST: &str = "request.json";

/// Everything that a report says, computed but not yet written.
pub struct Report<'a>(Contents<'a>);

impl<'a> Report<'a> {
    /// Analyses the records. A report uses whatever has finished, and says what is missing.
    ///
    /// # Errors
    /// [`Error::DuplicateTrial`], [`Error::MixedTask`] and [`Error::NotFiniteTrial`] where the
    /// records contradict themselves; [`Error::BadContrast`] for a contrast that cannot be asked;
    /// [`Error::OutOfRange`] for an alpha out of its range; [`Error::BadMargin`] for a margin that
    /// is not positive.
    pub fn new(records: &Records, request: &'a ReportRequest) -> Result<Self, Error> {
        Contents::new(records, request).map(Self)
    }

    /// Every question and its answer.
    pub fn analysis(&self) -> &Analysis {
        &self.0.analysis
    }

    /// What the arms are claimed to do, and what the records say about it.
    pub fn claims(&self) -> &[Claim] {
        &self.0.claims
    }

    /// The claims with what every task says of each.
    pub fn claims_by_task(&self) -> &[ClaimAcross] {
        &self.0.claims_across
    }

    /// The same as a table in Markdown, a claim a row and a task a column.
    pub fn claims_markdown(&self) -> String {
        let tasks = self.0.analysis.tasks.iter().map(matrix::task_heading);
        matrix::markdown(&self.0.claims_across, &tasks.collect::<Vec<_>>())
    }

    /// The summary as Markdown.
    pub fn summary(&self) -> String {
        summary(&self.0)
    }

    /// Writes the report into `dir`, which is created where it does not exist.
    ///
    /// ```text
    /// dir/report.html   dir/summary.md   dir/verdicts.json   dir/request.json   dir/files.json
    /// dir/figures/<name>.{svg,png,pdf,csv,md,tex}   dir/tables/<name>.{csv,md,tex}
    /// ```
    ///
    /// No two figures have the same name, whatever the names of tasks and arms are. Everything is
    /// drawn before anything is written. `files.json` lists what was written. A file that only the
    /// list of an earlier report in `dir` names is removed, if its content still has the listed
    /// hash.
    ///
    /// Equal records and requests give equal bytes, on any number of threads.
    ///
    /// # Errors
    /// [`Error::Io`] where the file system refuses; [`Error::Figure`] where a drawing cannot be
    /// converted.
    pub fn write(&self, dir: &Path) -> Result<ReportFiles, Error> {
        let threads = self.0.request.threads;
        let mut pending = PendingFiles::default();
        let mut add = |path: String, content: Vec<u8>| {
            let full = dir.join(&path);
            pending.add(path, content);
            full
        };
        let rendered = parallel::map(threads, &self.0.figures, |figure| {
            figure.rendered(self.0.request.width)
        });
        let mut figures = Vec::with_capacity(rendered.len());
        for (figure, rendered) in self.0.figures.iter().zip(rendered) {
            let RenderedFigure { width, files } = rendered?;
            for (extension, content) in files {
                add(format!("figures/{}.{extension}", figure.name), content);
            }
            let path = |extension: &str| dir.join(format!("figures/{}.{extension}", figure.name));
            figures.push(FigureFiles {
                name: figure.name.clone(),
                width,
                svg: path("svg"),
                png: path("png"),
                pdf: path("pdf"),
                csv: path("csv"),
            });
        }
        let mut table_files = Vec::new();
        for table in self.0.tables.filled() {
            for (extension, text) in [
                ("csv", table.to_csv()),
                ("md", table.to_markdown()),
                ("tex", table.to_latex()),
            ] {
                let path = format!("tables/{}.{extension}", table.name);
                table_files.push(add(path, text.into_bytes()));
            }
        }
        let summary = add("summary.md".to_owned(), summary(&self.0).into_bytes());
        add(REQUEST.to_owned(), self.0.request.to_json().into_bytes());
        let verdicts = self.verdicts().to_json().into_bytes();
        let verdicts = add("verdicts.json".to_owned(), verdicts);
        let html = add("report.html".to_owned(), page(&self.0, None).into_bytes());
        pending.write(dir, threads)?;
        Ok(ReportFiles {
            html,
            summary,
            verdicts,
            list: dir.join(files::LIST),
            figures,
            tables: table_files,
        })
    }

    /// The page of a sweep that still runs, for a server that also answers `/now` with
    /// [`Live::html`]. It is `report.html` with what the sweep does now above all else.
    pub fn live_page(&self, live: &Live) -> LivePage {
        let figures = self.0.figures.iter().map(|figure| {
            let path = format!("figures/{}.csv", figure.name);
            (path, figure.table().to_csv())
        });
        let tables = self.0.tables.filled().into_iter().map(|table| {
            let path = format!("tables/{}.csv", table.name);
            (path, table.to_csv())
        });
        LivePage {
            html: page(&self.0, Some(live)),
            tables: figures.chain(tables).collect(),
        }
    }

    /// Every verdict with its numbers, for serialization.
    pub fn verdicts(&self) -> Verdicts<'_> {
        Verdicts::new(&self.0)
    }
}
