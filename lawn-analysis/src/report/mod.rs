//! The report: one page, one screen of text, figures and tables.

mod drill;
mod html;
mod request;
mod screen;
mod summary;
mod verdicts;

use std::path::{Path, PathBuf};

pub use crate::figures::Width;
pub use request::{
    Contrast, DecidingTest, FigureFiles, ReportFiles, ReportRequest, contrasts_by_name,
};
pub use verdicts::{ClaimVerdict, PlaceVerdict, Verdicts};

use crate::analysis::{
    Analysis, Answer, ArmScores, Claim, Family, Sensitivity, Support, Verdict, arm_ranks,
    arm_scores, best_baseline, claims, sensitivity,
};
use crate::error::Error;
use crate::figures::{self, Figure, escape};
use crate::parallel;
use crate::records::{Records, write_atomically};
use crate::tables::{self, Table};
use crate::text::number;
use html::Section;

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
        drawn.extend(figures::of_all_tasks(
            &analysis.tasks,
            &scores,
            ranks.as_ref(),
        ));
        Ok(Self {
            request,
            sensitivities: families.into_iter().collect::<Result<_, _>>()?,
            claims: claims(&analysis, request)?,
            scores,
            figures: drawn,
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
    /// dir/report.html   dir/summary.md   dir/verdicts.json
    /// dir/figures/<name>.{svg,png,pdf,csv,md,tex}   dir/tables/<name>.{csv,md,tex}
    /// ```
    ///
    /// Equal records and requests give equal bytes, on any number of threads.
    ///
    /// # Errors
    /// [`Error::Io`] where the file system refuses; [`Error::Figure`] where a drawing cannot be
    /// converted.
    pub fn write(&self, dir: &Path) -> Result<ReportFiles, Error> {
        let (request, analysis) = (self.request, &self.analysis);
        let tables = self.tables();
        let figure_files = parallel::map(request.threads, &self.figures, |figure| {
            figure.write(&dir.join("figures"), request.width)
        });
        let filled: Vec<&Table> = tables.iter().filter(|table| !table.is_empty()).collect();
        let table_files = parallel::map(request.threads, &filled, |table| {
            write_table(table, &dir.join("tables"))
        });
        let summary = dir.join("summary.md");
        let text = screen::markdown(analysis, request, &self.sensitivities, &self.claims);
        write_atomically(&summary, text.as_bytes())?;
        let verdicts = dir.join("verdicts.json");
        write_atomically(&verdicts, self.verdicts().to_json().as_bytes())?;
        let html = dir.join("report.html");
        write_atomically(&html, self.page(&tables).as_bytes())?;
        Ok(ReportFiles {
            html,
            summary,
            verdicts,
            figures: figure_files.into_iter().collect::<Result<_, _>>()?,
            tables: table_files
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
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
            tables::comparisons(analysis, &self.sensitivities),
            tables::pairs(analysis),
            tables::unmatched(analysis),
            tables::survival(analysis),
            tables::failures(analysis),
            tables::tuning(analysis),
            tables::confirmations(&analysis.tasks),
            tables::aggregates(&self.scores),
        ]
    }
}

fn write_table(table: &Table, dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let contents = [
        ("csv", table.to_csv()),
        ("md", table.to_markdown()),
        ("tex", table.to_latex()),
    ];
    let mut paths = Vec::with_capacity(contents.len());
    for (extension, text) in contents {
        let path = dir.join(format!("{}.{extension}", table.name));
        write_atomically(&path, text.as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

impl Report<'_> {
    fn page(&self, tables: &[Table]) -> String {
        let (analysis, request) = (&self.analysis, self.request);
        let named = |name: &str| {
            let found = tables
                .iter()
                .find(|table| table.name == name && !table.is_empty());
            found.map_or(String::new(), html::table)
        };
        let lines =
            summary::feasibility_lines(analysis, request, &self.sensitivities, &self.claims);
        let feasibility = html::list(&lines);
        let comparisons = [named("comparisons"), named("unmatched")].concat();
        let drawn = parallel::map(request.threads, &self.figures, html::figure).concat();
        let confirmations = tables.iter().find(|table| table.name == "confirmations");
        let trials = confirmations
            .filter(|table| !table.is_empty())
            .map_or(String::new(), |table| drill::trials(table, &analysis.tasks));
        let none = "No confirmation trial has finished yet, so there is nothing to draw.";
        let sections = [
            Section {
                id: "asked",
                heading: "What was asked",
                body: asked(analysis, request),
            },
            Section {
                id: "provenance",
                heading: "Provenance",
                body: html::definitions(&request.provenance),
            },
            Section {
                id: "feasibility",
                heading: "Before any p-value",
                body: if feasibility.is_empty() {
                    feasibility
                } else {
                    feasibility + &named("feasibility")
                },
            },
            Section {
                id: "claims",
                heading: "Claims",
                body: claimed(&self.claims) + &named("claims") + &named("aggregates"),
            },
            Section {
                id: "answers",
                heading: "Answers",
                body: answers(analysis),
            },
            Section {
                id: "figures",
                heading: "Figures",
                body: if drawn.is_empty() {
                    html::paragraph(none)
                } else {
                    drawn
                },
            },
            Section {
                id: "comparisons",
                heading: "Comparisons",
                body: comparisons,
            },
            Section {
                id: "tuning",
                heading: "Tuning",
                body: named("tuning"),
            },
            Section {
                id: "survival",
                heading: "Survival and failures",
                body: [named("survival"), named("failures")].concat(),
            },
            Section {
                id: "trials",
                heading: "Trials",
                body: trials,
            },
        ];
        html::page(&request.title, &sections)
    }
}

fn asked(analysis: &Analysis, request: &ReportRequest) -> String {
    let tasks = analysis.tasks.iter().map(|task| {
        let batches: Vec<String> = task
            .batch_sizes
            .iter()
            .map(|batch| crate::text::batch(*batch))
            .collect();
        let better = if task.higher_is_better {
            "more"
        } else {
            "less"
        };
        (
            format!("Task {}", task.name),
            format!(
                "{}, {better} is better; arms {}; batch sizes {}",
                task.metric,
                task.arms.join(", "),
                batches.join(" · ")
            ),
        )
    });
    let best = analysis.tasks.iter().filter_map(|task| {
        let best = best_baseline(task, request, &analysis.tuning)?;
        Some((
            format!("Best baseline on {}", task.name),
            format!("{best}, by validation data: every treatment is compared with it too"),
        ))
    });
    let contrasts = request.contrasts.iter().map(|contrast| {
        (
            "Contrast".to_owned(),
            format!("{} against {}", contrast.treatment, contrast.baseline),
        )
    });
    let margins = request.margins.iter().map(|(metric, margin)| {
        (
            "Margin".to_owned(),
            format!("{metric} ±{margin}: a smaller difference does not matter"),
        )
    });
    let rules = [
        (
            "Reference batch size".to_owned(),
            number(request.reference_batch_size as f64),
        ),
        (
            "Error rate of a family".to_owned(),
            format!("{}, two-sided, Holm", request.alpha),
        ),
        (
            "Deciding test".to_owned(),
            request.deciding_test.name().to_owned(),
        ),
    ];
    let pairs: Vec<(String, String)> = tasks
        .chain(contrasts)
        .chain(best)
        .chain(rules)
        .chain(margins)
        .collect();
    html::definitions(&pairs) + &html::list(&analysis.notes)
}

/// A verdict, in a word, with its sentence.
fn verdict_item(verdict: Verdict, word: &str, sentence: &str) -> String {
    format!(
        "<li><span class=\"verdict {verdict}\">{word}</span> <span>{}</span></li>\n",
        escape(sentence)
    )
}

fn claimed(claims: &[Claim]) -> String {
    if claims.is_empty() {
        return String::new();
    }
    let items: String = claims
        .iter()
        .map(|claim| {
            // A claim is coloured as what it says would be.
            let like = match claim.verdict {
                Support::BorneOut => Verdict::Better,
                Support::OppositeBorneOut => Verdict::Worse,
                Support::NotDecided => Verdict::Inconclusive,
            };
            verdict_item(
                like,
                claim.verdict.as_str(),
                &format!("On {}. {}", claim.task, claim.sentence),
            )
        })
        .collect();
    format!("<ul class=\"answers\">\n{items}</ul>\n")
}

fn answers(analysis: &Analysis) -> String {
    let mut text = String::new();
    let headlines = summary::headlines(analysis);
    let item =
        |answer: &Answer| verdict_item(answer.verdict, answer.verdict.as_str(), &answer.sentence);
    if !headlines.is_empty() {
        let items: String = headlines.into_iter().map(item).collect();
        text.push_str(&format!("<ul class=\"answers\">\n{items}</ul>\n"));
    }
    let by_batch = |family: &&Family| !family.question.overall();
    let families: Vec<&Family> = analysis.families.iter().filter(by_batch).collect();
    for family in families {
        let items: String = family.answers.iter().map(item).collect();
        text.push_str(&format!(
            "<details><summary>{}: {}, at every batch size</summary>\n\
             <ul class=\"answers\">\n{items}</ul></details>\n",
            escape(&family.task),
            family.question.name(),
        ));
    }
    text.push_str(&html::paragraph(summary::survival_line(analysis).trim()));
    text.push_str(&html::paragraph(summary::budget_line(analysis).trim()));
    text.replace("<p></p>\n", "")
}
