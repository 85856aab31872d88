//! Files of results that another tool wrote, and where they have what a report needs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::Error as AnalysisError;
use lawn_analysis::records::{Layout, Outcome, Pattern, ResultsFile, Table, TrialRow, WideColumns};

use super::options::{Stated, constant, file_name, outcome, renamed, wide};
use crate::Error;
use crate::process::shell;

/// The name of standard input on the command line, and in what is said of it.
const STANDARD_INPUT: [&str; 2] = ["-", "standard input"];

/// The most files that a name of all of them lists.
const MOST_FILES: usize = 3;

/// The files, and how they are laid out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results made elsewhere")]
pub(super) struct Outside {
    /// Results of a sweep made elsewhere: CSV, JSON lines or Parquet files, one row a trial; `-` is
    /// standard input. `--help` lists their columns.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// Read a column of results from a column of the files; any number of times.
    #[arg(
        long = "column",
        value_name = "COLUMN=NAME",
        conflicts_with = "dir",
        value_parser = renamed
    )]
    columns: Vec<(String, String)>,
    /// Give every row the same value of a column that the files lack; any number of times.
    #[arg(
        long = "constant",
        value_name = "COLUMN=VALUE",
        conflicts_with = "dir",
        value_parser = constant
    )]
    constants: Vec<(String, String)>,
    /// Take each column whose name matches as trials of its own: `acc_seed{seed}` holds the test
    /// metric of one seed; any number of times.
    #[arg(
        long,
        value_name = "[COLUMN=]PATTERN",
        conflicts_with = "dir",
        value_parser = wide
    )]
    wide: Vec<WideColumns>,
    /// Read columns from the name of each file: `run-{arm}_b{batch_size}_s{seed}.csv`. `{_}` is any
    /// text; a pattern with slashes also reads names of folders.
    #[arg(long, value_name = "PATTERN", conflicts_with = "dir", value_parser = file_name)]
    file_name: Option<Pattern>,
    /// Of all rows of a trial, read the one with the greatest number in a column of the files, such
    /// as Step.
    #[arg(long, value_name = "NAME", conflicts_with = "dir")]
    last: Option<String>,
    /// What a word in the column `outcome` denotes, beyond COMPLETE, FAIL, PRUNED, finished, killed
    /// and such; `skip` leaves its rows out; any number of times.
    #[arg(
        long = "outcome",
        value_name = "WORD=OUTCOME",
        conflicts_with = "dir",
        value_parser = outcome
    )]
    outcomes: Vec<(String, Stated)>,
}

impl Outside {
    /// Whether files are given.
    pub(super) fn is_given(&self) -> bool {
        !self.from.is_empty()
    }

    /// The files.
    pub(super) fn files(&self) -> Result<Vec<ResultsFile>, Error> {
        let [sign, name] = STANDARD_INPUT;
        let file = |path: &PathBuf| {
            if path == Path::new(sign) {
                ResultsFile::from_reader(name, io::stdin().lock())
            } else {
                ResultsFile::open(path)
            }
        };
        let files = self.from.iter().map(file);
        files.collect::<Result<_, _>>().map_err(Error::BadResults)
    }

    /// The path of a file that is given twice.
    pub(super) fn repeated(&self) -> Option<&Path> {
        let again = |index: &usize| self.from[..*index].contains(&self.from[*index]);
        let index = (0..self.from.len()).find(again)?;
        Some(&self.from[index])
    }

    /// All files in one name, for what is said of them together.
    pub(super) fn name(&self) -> PathBuf {
        let [sign, name] = STANDARD_INPUT;
        let shown = self.from.iter().take(MOST_FILES).map(|path| {
            if path == Path::new(sign) {
                name.to_owned()
            } else {
                path.display().to_string()
            }
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        match self.from.len().saturating_sub(MOST_FILES) {
            0 => shown.into(),
            more => format!("{shown} and {more} more").into(),
        }
    }

    /// The title of a report of them, where none is given.
    pub(super) fn title(&self) -> String {
        match &self.from[..] {
            [path] if path != Path::new(STANDARD_INPUT[0]) => {
                let name = path.file_stem().unwrap_or(path.as_os_str());
                name.to_string_lossy().into_owned()
            }
            [_] => "Results".to_owned(),
            several => format!("Results of {} files", several.len()),
        }
    }

    pub(super) fn layout(&self) -> Layout {
        Layout {
            columns: self.columns.clone(),
            constants: self.constants.clone(),
            wide: self.wide.clone(),
            file_name: self.file_name.clone(),
            last: self.last.clone(),
        }
    }

    /// The column that says which row of a trial is its last.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    pub(super) fn outcomes(&self) -> Vec<(String, Outcome)> {
        let stated = self.outcomes.iter();
        let taken = stated.filter_map(|(word, stated)| match stated {
            Stated::Take(outcome) => Some((word.clone(), *outcome)),
            Stated::Skip => None,
        });
        taken.collect()
    }

    /// The words whose rows are left out.
    pub(super) fn skipped(&self) -> Vec<String> {
        let stated = self.outcomes.iter();
        let skipped = stated.filter(|(_, stated)| matches!(stated, Stated::Skip));
        skipped.map(|(word, _)| word.clone()).collect()
    }
}

/// What to do about two trials that are one, where one of them has failed and the other has not.
pub(super) fn retried(
    error: &AnalysisError,
    failures: &BTreeMap<String, String>,
) -> Option<String> {
    let AnalysisError::DuplicateTrial { first, second, .. } = error else {
        return None;
    };
    let (failed, word) = match (failures.get(first), failures.get(second)) {
        (Some(word), None) => (first, word),
        (None, Some(word)) => (second, word),
        _ => return None,
    };
    Some(format!(
        "`{failed}` ended as `{word}`: where failed trials were run again, --outcome {} leaves out all that \
         ended so",
        quoted(&format!("{word}=skip"))
    ))
}

/// The option that would settle what a reader refused, where rows of a trial are in the order of the column
/// `last`.
pub(super) fn hint(
    error: &AnalysisError,
    files: &[ResultsFile],
    last: Option<&str>,
) -> Option<String> {
    match error {
        AnalysisError::DuplicateTrial { .. } | AnalysisError::RepeatedTrial { .. } => {
            let mut columns = files.iter().filter_map(|file| file.step_column().ok()?);
            let column = columns.next().filter(|_| last.is_none())?;
            Some(format!(
                "where they are rows of one trial, --last {} reads the last of each",
                quoted(&column)
            ))
        }
        AnalysisError::TwoLast { .. } => Some(
            "leave out the one that is not to be read, or give --last a column that goes on from row to \
             row; where they are of two trials, --column trial_id=NAME tells them apart"
                .to_owned(),
        ),
        AnalysisError::MissingResult {
            columns, suggested, ..
        } => {
            let mut options: Vec<String> = suggested
                .iter()
                .map(|(ours, theirs)| format!("--column {}", quoted(&format!("{ours}={theirs}"))))
                .collect();
            let is_open = |ours: &&String| suggested.iter().all(|(known, _)| known != *ours);
            options.extend(
                columns
                    .iter()
                    .filter(is_open)
                    .map(|ours| match ours.as_str() {
                        "task" => "--constant task=NAME".to_owned(),
                        ours => format!("--column {ours}=NAME"),
                    }),
            );
            Some(format!("would {} do?", options.join(" ")))
        }
        AnalysisError::MissingNumber {
            suggested,
            ended_early,
            ..
        } => {
            let column = suggested.as_ref().map(|theirs| {
                let column = quoted(&format!("outcome={theirs}"));
                format!("--column {column} reads it; ")
            });
            let well = match ended_early {
                true => {
                    "; where an early end is a good one, --constant outcome=ok says so, and beside a \
                     column outcome --outcome WORD=ok"
                }
                false => "",
            };
            Some(format!(
                "{}--missing-metric diverged, or crashed, takes them as such{well}",
                column.unwrap_or_default()
            ))
        }
        AnalysisError::EmptyCell { ended, .. } => Some(match ended {
            Some(word) => format!(
                "--outcome {} leaves out all that ended so",
                quoted(&format!("{word}=skip"))
            ),
            None => "fill it in, or leave the row out of the file, as that of a parent run".to_owned(),
        }),
        AnalysisError::MixedUnits { .. } => {
            Some("--same-unit says that they are of one".to_owned())
        }
        AnalysisError::NoDirection { metric, .. } => Some(format!(
            "or give --better {0}, or --better {1}",
            quoted(&format!("{metric}=higher")),
            quoted(&format!("{metric}=lower"))
        )),
        AnalysisError::Cell {
            column,
            value,
            path,
            ..
        } => {
            let ours = column.split('=').next().unwrap_or(column);
            if ours == "outcome" && !value.is_empty() {
                let stated = quoted(&format!("{value}=crashed"));
                return Some(format!(
                    "--outcome {stated}, or another, says what it denotes"
                ));
            }
            // The column is the right one, and its commas are not.
            if value.contains(',') && value.replace(',', ".").parse::<f64>().is_ok() {
                return None;
            }
            let option = match last {
                Some(last) if last == column.as_str() => "--last ".to_owned(),
                _ if is_of_results(ours) => format!("--column {ours}="),
                _ => return None,
            };
            let file = files.iter().find(|file| file.name() == path)?;
            let names = file.columns().ok()?;
            let others: Vec<&str> = names.iter().map(String::as_str).take(MOST_NAMES).collect();
            let more = match names.len().saturating_sub(MOST_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!(
                "{option}NAME reads another column; the file has {}{more}",
                others.join(", ")
            ))
        }
        _ => None,
    }
}

/// Whether results have a column of that name.
fn is_of_results(name: &str) -> bool {
    TrialRow::COLUMNS.iter().any(|(column, _)| *column == name)
}

/// The most columns that a hint lists.
const MOST_NAMES: usize = 40;

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    shell::line([argument])
}
