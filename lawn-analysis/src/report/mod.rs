//! The report: a page and a summary that begin with the answer, figures and tables.

mod drill;
mod files;
mod html;
mod lines;
mod page;
mod summary;
mod verdicts;

use std::path::Path;

pub use crate::analysis::contrasts_by_name;
pub use crate::request::{Contrast, DecidingTest, ReportRequest};
pub use crate::width::Width;
pub use files::{FigureFiles, ReportFiles};
pub use verdicts::{ClaimVerdict, PlaceVerdict, Verdicts};

use crate::analysis::{
    Analysis, ArmScores, Claim, Question, Sensitivity, arm_ranks, arm_scores, claims, improvements,
    sensitivity,
};
use crate::error::Error;
use crate::figures::{self, Across, Figure, Rendered};
use crate::parallel;
use crate::records::Records;
use crate::tables::{self, Table};
use files::Pending;

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

/// Everything that a report says, computed and not yet written.
pub struct Report<'a> {
    request: &'a ReportRequest,
    analysis: Analysis,
    sensitivities: Vec<Vec<Option<Sensitivity>>>,
    claims: Vec<Claim>,
    scores: Vec<ArmScores>,
    figures: Vec<Figure>,
    means: Table,
}

impl<'a> Report<'a> {
    /// Analyses the records. A report is made whatever has finished; what is missing is said in it.
    ///
    /// # Errors
    /// [`Error::DuplicateTrial`], [`Error::MixedTask`] and [`Error::NotFiniteTrial`] where the
    /// records contradict themselves; [`Error::OutOfRange`] for an alpha or margin that makes no
    /// sense.
    pub fn new(records: &Records, request: &'a ReportRequest) -> Result<Self, Error> {
        let analysis = Analysis::new(records, request)?;
        let families = parallel::map(request.threads, &analysis.families, |family| {
            sensitivity(family, request)
        });
        let scores = arm_scores(&analysis.tasks, request)?;
        let ranks = arm_ranks(&analysis.tasks, request.alpha);
        let of_tasks = parallel::map(request.threads, &analysis.tasks, |task| {
            figures::of_task(task, &analysis, records, request)
        });
        let mut drawn = Vec::new();
        for figures in of_tasks {
            drawn.extend(figures?);
        }
        let across = Across {
            scores: &scores,
            improvements: &improvements(&scores, request)?,
            ranks: ranks.as_ref(),
        };
        drawn.extend(figures::of_all_tasks(&analysis.tasks, across, request));
        figures::set_apart(&mut drawn);
        Ok(Self {
            request,
            sensitivities: families.into_iter().collect::<Result<_, _>>()?,
            claims: claims(&analysis, request)?,
            scores,
            figures: drawn,
            means: tables::means(&analysis.tasks, 1.0 - request.alpha)?,
            analysis,
        })
    }

    /// Every question asked and answered.
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    /// What the arms are claimed to do, and what the records say about it.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Writes the report into `dir`, which is made where it does not exist.
    ///
    /// ```text
    /// dir/report.html   dir/summary.md   dir/verdicts.json   dir/files.json
    /// dir/figures/<name>.{svg,png,pdf,csv,md,tex}   dir/tables/<name>.{csv,md,tex}
    /// ```
    ///
    /// No two figures have one name, whatever the names of tasks and arms are. Everything is drawn
    /// before anything is written. `files.json` lists what was: the files of an earlier report in
    /// `dir` that the list names and this report has not are removed, as long as their content is
    /// what was listed.
    ///
    /// Equal records and requests give equal bytes, on any number of threads.
    ///
    /// # Errors
    /// [`Error::Io`] where the file system refuses; [`Error::Figure`] where a drawing cannot be
    /// converted.
    pub fn write(&self, dir: &Path) -> Result<ReportFiles, Error> {
        let threads = self.request.threads;
        let tables = self.tables();
        let mut pending = Pending::default();
        let mut add = |path: String, content: Vec<u8>| {
            let full = dir.join(&path);
            pending.add(path, content);
            full
        };
        let rendered = parallel::map(threads, &self.figures, |figure| {
            figure.rendered(self.request.width)
        });
        let mut figures = Vec::with_capacity(rendered.len());
        for (figure, rendered) in self.figures.iter().zip(rendered) {
            let Rendered { width, files } = rendered?;
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
        for table in tables.iter().filter(|table| !table.is_empty()) {
            for (extension, text) in [
                ("csv", table.to_csv()),
                ("md", table.to_markdown()),
                ("tex", table.to_latex()),
            ] {
                let path = format!("tables/{}.{extension}", table.name);
                table_files.push(add(path, text.into_bytes()));
            }
        }
        let summary = add("summary.md".to_owned(), self.summary().into_bytes());
        let verdicts = self.verdicts().to_json().into_bytes();
        let verdicts = add("verdicts.json".to_owned(), verdicts);
        let html = add("report.html".to_owned(), self.page(&tables).into_bytes());
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

    /// Every verdict with its numbers, to be serialized.
    pub fn verdicts(&self) -> Verdicts<'_> {
        Verdicts::new(
            self.request,
            &self.analysis,
            &self.sensitivities,
            &self.claims,
        )
    }

    fn tables(&self) -> Vec<Table> {
        let analysis = &self.analysis;
        vec![
            tables::feasibility(
                analysis,
                &self.sensitivities,
                &self.claims,
                self.request.alpha,
            ),
            tables::claims(&self.claims),
            self.means.clone(),
            tables::comparisons(analysis, &self.sensitivities),
            tables::unpaired(analysis),
            tables::pairs(analysis),
            tables::unmatched(analysis),
            tables::survival(analysis),
            tables::failures(analysis),
            tables::tuning(analysis),
            tables::confirmations(&analysis.tasks),
            tables::aggregates(&self.scores),
        ]
    }

    /// The figures that show a task's test metric by batch size: the main ones.
    fn main_figures(&self, task: &str) -> impl Iterator<Item = &Figure> {
        let of = [task, tables::ByBatch::TestMetric.slug()];
        let is_it = move |figure: &&Figure| figure.table().identity().begins_with(&of);
        self.figures.iter().filter(is_it)
    }
}

/// Whether a question is a primary one: what every contrast is registered for.
fn is_primary(question: Question) -> bool {
    question == Question::TestMetric
}
