//! A page of findings: prose by hand around blocks that are made of kept records.

use std::fs;
use std::path::{Path, PathBuf};

use super::contents::Contents;
use super::kept::{KeptFloor, KeptStudy, MOST_KEPT_BYTES};
use super::matrix;
use crate::analysis::{Study, Support, Task, claims_across_tasks};
use crate::error::Error;
use crate::records::{Outcome, Stage};
use crate::tables::MeanRow;
use crate::text::{batch, better, count, integer, number, on_test};

/// What stands before the name of a block on its first line, and what on its last line.
const MARKS: [&str; 3] = ["<!-- begin: ", " -->", "<!-- end -->"];

/// Kept studies, of which the blocks of a page are made.
#[derive(Clone, Debug)]
pub struct Findings {
    /// In the order of their names.
    pub studies: Vec<KeptStudy>,
}

/// A page of findings with its figures, before anything is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFindings {
    /// The page.
    pub page: String,
    /// Figures by their paths beside the page.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Findings {
    /// Reads every study that is kept in a folder.
    ///
    /// # Errors
    /// [`Error::Findings`] for a folder without a study, and for records that take more than
    /// [`MOST_KEPT_BYTES`] together; as [`KeptStudy::load`].
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: dir.to_owned(),
            source,
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        folders.sort();
        let wrong = |why: String| Error::Findings {
            path: dir.to_owned(),
            why,
        };
        if folders.is_empty() {
            return Err(wrong("no study is kept here".to_owned()));
        }
        let mut bytes = 0;
        for folder in &folders {
            for entry in fs::read_dir(folder).map_err(io)? {
                bytes += entry.and_then(|entry| entry.metadata()).map_err(io)?.len();
            }
        }
        if bytes > MOST_KEPT_BYTES {
            return Err(wrong(format!(
                "the records take {bytes} bytes, allowed: {MOST_KEPT_BYTES}"
            )));
        }
        let studies = folders.iter().map(|folder| KeptStudy::load(folder));
        Ok(Self {
            studies: studies.collect::<Result<_, _>>()?,
        })
    }

    /// The page with its blocks made anew. What stands outside of them stays as it is.
    ///
    /// ```text
    /// <!-- begin: studies -->  what was run, a study a row
    /// <!-- begin: claims -->   the claims, a claim a row and a task a column, a contrast a line
    /// <!-- begin: answers -->  by study: notes, means, floors, and the main figures
    /// <!-- end -->             ends each of these
    /// ```
    ///
    /// # Errors
    /// [`Error::Findings`] for a block without an end or of another name, with `path` in it; as
    /// [`super::Report::new`] and [`super::Report::write`].
    pub fn render(&self, path: &Path, page: &str) -> Result<RenderedFindings, Error> {
        let contents = self.studies.iter().map(KeptStudy::contents);
        let contents: Vec<Contents<'_>> = contents.collect::<Result<_, _>>()?;
        let wrong = |line: usize, why: String| Error::Findings {
            path: path.to_owned(),
            why: format!("line {}: {why}", line + 1),
        };
        let mut files = Vec::new();
        let mut text = String::new();
        let mut inside: Option<usize> = None;
        for (number, line) in page.lines().enumerate() {
            let begins = line.strip_prefix(MARKS[0]);
            let name = begins.and_then(|rest| rest.strip_suffix(MARKS[1]));
            match (name, inside) {
                (Some(_), Some(first)) => {
                    let why = format!("a block begins within that of line {}", first + 1);
                    return Err(wrong(number, why));
                }
                (Some(name), None) => {
                    let block = match name {
                        "studies" => self.runs(&contents),
                        "claims" => self.claims(&contents)?,
                        "answers" => self.answers(&contents, &mut files)?,
                        other => {
                            let why = format!(
                                "no block is called `{other}`; allowed: studies, claims, answers"
                            );
                            return Err(wrong(number, why));
                        }
                    };
                    text.push_str(&format!("{line}\n\n{}\n\n", block.trim_end()));
                    inside = Some(number);
                }
                (None, Some(_)) if line == MARKS[2] => {
                    text.push_str(&format!("{line}\n"));
                    inside = None;
                }
                (None, Some(_)) => {}
                (None, None) if line == MARKS[2] => {
                    return Err(wrong(number, "no block ends here".to_owned()));
                }
                (None, None) => text.push_str(&format!("{line}\n")),
            }
        }
        match inside {
            Some(first) => Err(wrong(first, format!("this block has no `{}`", MARKS[2]))),
            None => Ok(RenderedFindings { page: text, files }),
        }
    }

    fn runs(&self, contents: &[Contents<'_>]) -> String {
        let mut text =
            "| study | task | arms | batch sizes | settings tried | seeds | trials that \
                        did not end well |\n|:--|:--|:--|:--|--:|--:|--:|\n"
                .to_owned();
        for (study, contents) in self.studies.iter().zip(contents) {
            for task in &contents.analysis.tasks {
                let batches = task.batch_sizes.iter().map(|size| batch(*size));
                let seeds = task.arms.iter().map(|arm| task.seeds(arm).len());
                let lost = task.trials().filter(|trial| trial.outcome != Outcome::Ok);
                let tried = task.trials().filter(|trial| trial.stage == Stage::Tune);
                text.push_str(&format!(
                    "| [`{0}`]({0}.toml) | {1} ({2}, {3}) | {4} | {5} | {6} | {7} | {8} |\n",
                    study.name,
                    task.name,
                    task.metric,
                    better(task.higher_is_better),
                    task.arms.join(", "),
                    batches.collect::<Vec<_>>().join(", "),
                    tried.count(),
                    seeds.max().unwrap_or(0),
                    lost.count(),
                ));
            }
        }
        text
    }

    fn claims(&self, contents: &[Contents<'_>]) -> Result<String, Error> {
        let studies: Vec<Study<'_>> = contents
            .iter()
            .map(|contents| Study {
                analysis: &contents.analysis,
                claims: &contents.claims,
                request: contents.request,
            })
            .collect();
        let heading = |(study, contents): (&KeptStudy, &Contents<'_>)| -> Vec<String> {
            let of = |task: &Task| format!("{}: {}", study.name, matrix::task_heading(task));
            contents.analysis.tasks.iter().map(of).collect()
        };
        let headings: Vec<String> = self
            .studies
            .iter()
            .zip(contents)
            .flat_map(heading)
            .collect();
        let across = claims_across_tasks(&studies)?;
        let asked = across.iter().flat_map(|one| &one.cells);
        let asked = asked.filter(|cell| cell.is_asked);
        let verdicts: Vec<Option<Support>> = asked
            .map(|cell| {
                let claim = cell.claim.as_ref().filter(|claim| claim.is_measured());
                claim.map(|claim| claim.verdict)
            })
            .collect();
        let of = |wanted| verdicts.iter().filter(|found| **found == wanted).count();
        let head = format!(
            "Of {}, one for each contrast, asked of {}: {} borne out, {} with the opposite borne out, {} \
             not decided, {} that cannot be said there.",
            count(verdicts.len(), "claim", "claims"),
            count(headings.len(), "task", "tasks"),
            of(Some(Support::BorneOut)),
            of(Some(Support::OppositeBorneOut)),
            of(Some(Support::NotDecided)),
            of(None),
        );
        Ok(format!(
            "{head}\n\n{}",
            matrix::markdown(&across, &headings)
        ))
    }

    fn answers(
        &self,
        contents: &[Contents<'_>],
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<String, Error> {
        let mut text = String::new();
        for (study, contents) in self.studies.iter().zip(contents) {
            text.push_str(&format!("### {}\n\n", study.name));
            for note in &contents.analysis.notes {
                text.push_str(&format!("> {note}\n\n"));
            }
            for task in &contents.analysis.tasks {
                text.push_str(&means(task, contents.tables.means.rows()));
                text.push_str(&floors(task, &study.floors));
                // What a net answers is compared over time where distances are what is asked.
                let by_distance = study.records.epochs.iter();
                let by_distance = by_distance
                    .map(|epoch| epoch.function_distance)
                    .any(|distance| distance.is_some());
                let distances = contents
                    .distance_figures(&task.name)
                    .filter(|_| by_distance);
                for figure in contents.main_figures(&task.name).chain(distances) {
                    let rendered = figure.rendered(contents.request.width)?;
                    let png = rendered.files.into_iter().find(|(kind, _)| *kind == "png");
                    let path = format!("findings/{}-{}.png", study.name, figure.name);
                    text.push_str(&format!(
                        "\n![{}]({path})\n\n{}\n",
                        figure.title, figure.caption
                    ));
                    files.extend(png.map(|(_, png)| (path, png)));
                }
            }
            text.push('\n');
        }
        Ok(text)
    }
}

/// What the task gives without a net, in a sentence; nothing where it is not kept.
fn floors(task: &Task, kept: &[KeptFloor]) -> String {
    let own = kept
        .iter()
        .filter(|floor| floor.task == task.name && floor.metric == task.metric);
    let said: Vec<String> = own
        .map(|floor| {
            format!(
                "{} {}",
                floor.predictor.replace('-', " "),
                number(floor.value)
            )
        })
        .collect();
    match said.is_empty() {
        true => String::new(),
        false => format!(
            "\nWithout a net, on validation data, {} is: {}.\n",
            task.metric,
            said.join(", ")
        ),
    }
}

/// The means of a task, an arm a row and a batch size a column.
fn means(task: &Task, rows: &[MeanRow]) -> String {
    let heads: String = task
        .batch_sizes
        .iter()
        .map(|size| format!(" {} |", batch(*size)))
        .collect();
    let mut text = format!(
        "\nMean {} ({}) of {}, with its interval and the number of trials:\n\n| arm |{heads}\n|:--|{}\n",
        on_test(&task.metric),
        better(task.higher_is_better),
        task.name,
        "--:|".repeat(task.batch_sizes.len())
    );
    for arm in &task.arms {
        let cell = |size: &i64| {
            let is_it =
                |row: &&MeanRow| (&row.task, &row.arm, row.batch_size) == (&task.name, arm, *size);
            rows.iter().find(is_it).map_or(" – |".to_owned(), |row| {
                let Some(mean) = row.mean else {
                    return " – |".to_owned();
                };
                let ends = mean.interval.map_or(String::new(), |ends| {
                    format!(" [{}, {}]", number(ends.low), number(ends.high))
                });
                format!(
                    " {}{ends} n {} |",
                    number(mean.value),
                    integer(row.n as i64)
                )
            })
        };
        let cells: String = task.batch_sizes.iter().map(cell).collect();
        text.push_str(&format!("| {arm} |{cells}\n"));
    }
    text
}
