use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::records::{RESULT_COLUMNS, Results, TrialRow};
use lawn_analysis::report::{Contrast, DecidingTest, contrasts_by_name};
use lawn_analysis::{Records, ReportFiles, ReportRequest, Width};

use super::exit::Exit;
use super::output::{print, print_report};
use super::values;
use crate::plan::Plan;
use crate::run_dir::RunDir;
use crate::{Error, files, shell, streams, sweep};

const EXAMPLES: &str = "\
Examples:
  lawn report runs/embedded
  lawn report runs/embedded --width icml     figures for one column of ICML
  lawn report runs/embedded --json           the verdicts for a script
  lawn report --from results.csv --out report
  lawn report --from results.csv --contrast sgd:mine --reference-batch 256 --margin accuracy=0.005";

/// What `--help` says after the options.
fn columns() -> String {
    let lines: String = RESULT_COLUMNS
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    format!(
        "{EXAMPLES}\n\nColumns of results.csv, one row a trial, in any order; others are ignored \
         and named:\n{lines}"
    )
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = columns())]
pub(super) struct Report {
    /// Directory of the run.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    dir: Option<PathBuf>,
    /// Results of a sweep made elsewhere: a CSV or Parquet file, one row a trial. `--help` lists
    /// its columns.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Where the figures are printed, which says how wide they are [default: report.width of the
    /// sweep, else neurips].
    #[arg(long, value_name = "NAME", value_parser = values::width)]
    width: Option<Width>,
    /// Print the verdicts as JSON: what verdicts.json of the report holds.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    asked: Asked,
}

/// What is asked of results made elsewhere; a run's sweep file has said it.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --from")]
struct Asked {
    /// Folder that the report is written to: a new or an empty one, or that of an older report.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "dir",
        default_value = "report"
    )]
    out: PathBuf,
    /// Title of the report [default: the name of the file].
    #[arg(long, conflicts_with = "dir")]
    title: Option<String>,
    /// Arms to compare; any number of times [default: every arm X against X-lawn].
    #[arg(long = "contrast", value_name = "BASELINE:TREATMENT", conflicts_with = "dir", value_parser = contrast)]
    contrasts: Vec<Contrast>,
    /// Batch size that the large-batch drop is measured from [default: the smallest].
    #[arg(long, value_name = "B", conflicts_with = "dir", value_parser = clap::value_parser!(i64).range(1..))]
    reference_batch: Option<i64>,
    /// Largest difference of a metric that does not matter; any number of times.
    #[arg(long = "margin", value_name = "METRIC=DIFFERENCE", conflicts_with = "dir", value_parser = margin)]
    margins: Vec<(String, f64)>,
    /// Which direction of the metric is better, where the file has no column `higher_is_better`.
    #[arg(long, value_name = "DIRECTION", conflicts_with = "dir", value_parser = ["higher", "lower"])]
    better: Option<String>,
    /// Report this task only; any number of times.
    #[arg(long = "task", value_name = "NAME", conflicts_with = "dir")]
    tasks: Vec<String>,
    /// Error rate of a family of tests.
    #[arg(
        long,
        value_name = "RATE",
        conflicts_with = "dir",
        default_value_t = 0.05
    )]
    alpha: f64,
    /// Test that decides the verdicts; the other one is reported beside it.
    #[arg(long, value_name = "TEST", conflicts_with = "dir", default_value = "sign-flip", value_parser = deciding_test)]
    test: DecidingTest,
}

fn contrast(text: &str) -> Result<Contrast, String> {
    match text.split_once(':') {
        Some((baseline, treatment)) if ![baseline, treatment].contains(&"") => Ok(Contrast {
            baseline: baseline.to_owned(),
            treatment: treatment.to_owned(),
        }),
        _ => Err("must be BASELINE:TREATMENT, two names of arms".into()),
    }
}

fn margin(text: &str) -> Result<(String, f64), String> {
    let (metric, margin) = values::key_value(text)?;
    match margin.parse() {
        Ok(margin) if margin > 0.0 && f64::is_finite(margin) => Ok((metric, margin)),
        _ => Err(format!(
            "the difference is `{margin}`, allowed: a number above 0"
        )),
    }
}

fn deciding_test(text: &str) -> Result<DecidingTest, String> {
    match text {
        "sign-flip" => Ok(DecidingTest::SignFlip),
        "paired-t" => Ok(DecidingTest::PairedT),
        _ => Err("allowed: sign-flip, paired-t".into()),
    }
}

impl Report {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let files = match (&self.dir, &self.from) {
            (_, Some(from)) => self.asked.report(from, self.width)?,
            (Some(dir), None) => {
                let run = RunDir::new(dir);
                let (files, damaged) = sweep::report(&run, &Plan::read(&run)?, self.width)?;
                for damage in &damaged {
                    let again = shell::lawn("sweep", dir);
                    streams::say(&format!(
                        "{damage}; the trial is left out until `{again}` runs it again"
                    ));
                }
                files
            }
            // The parser asks for one of them.
            (None, None) => return Ok(Exit::Usage),
        };
        if self.json {
            let path = &files.verdicts;
            let verdicts = std::fs::read_to_string(path).map_err(|source| Error::Io {
                action: "read",
                path: path.clone(),
                source,
            })?;
            print(&verdicts);
        } else {
            print_report(&files)?;
        }
        Ok(Exit::Ok)
    }
}

impl Asked {
    fn report(&self, from: &Path, width: Option<Width>) -> Result<ReportFiles, Error> {
        let results = Results::read(from).map_err(Error::BadResults)?;
        if !results.ignored.is_empty() {
            streams::say(&format!(
                "{}: ignored columns: {}",
                from.display(),
                results.ignored.join(", ")
            ));
        }
        let mut records = results.records;
        self.select(from, &mut records.trials)?;
        match self.better.as_deref() {
            Some(_) if results.directed => {
                return Err(self.wrong(from, "--better", "has a column `higher_is_better`"));
            }
            Some(direction) => {
                let higher = direction == "higher";
                let trials = records.trials.iter_mut();
                trials.for_each(|trial| trial.higher_is_better = higher);
            }
            None => {}
        }
        let smallest = records.trials.iter().map(|trial| trial.batch_size).min();
        let reference = self.reference_batch.or(smallest).unwrap_or(1);
        let name = from.file_stem().unwrap_or(from.as_os_str());
        let title = self.title.clone();
        let title = title.unwrap_or_else(|| name.to_string_lossy().into_owned());
        let mut request = ReportRequest::new(title, reference);
        request.contrasts = self.contrasts(from, &records)?;
        request.margins = self.margins(from, &records.trials)?;
        request.alpha = self.alpha;
        request.deciding_test = self.test;
        request.width = width.unwrap_or_default();
        request.provenance = vec![
            ("Results".into(), from.display().to_string()),
            (
                "Report by".into(),
                format!("lawn {}", env!("CARGO_PKG_VERSION")),
            ),
        ];
        let report = lawn_analysis::Report::new(&records, &request).map_err(Error::BadResults)?;
        require_free(&self.out)?;
        Ok(report.write(&self.out)?)
    }
}

/// Files by which a report is known.
const REPORT: [&str; 2] = ["report.html", "verdicts.json"];

/// A report takes the place of a report, and of nothing else.
fn require_free(out: &Path) -> Result<(), Error> {
    match files::entry_of(out)? {
        Some(found) if !REPORT.iter().any(|name| out.join(name).is_file()) => Err(Error::NotOurs {
            dir: out.into(),
            found,
            what: "report",
        }),
        _ => Ok(()),
    }
}

impl Asked {
    fn wrong(&self, from: &Path, option: &'static str, detail: impl Into<String>) -> Error {
        Error::Results {
            path: from.to_owned(),
            option,
            detail: detail.into(),
        }
    }

    /// Keeps the trials of the tasks asked for.
    fn select(&self, from: &Path, trials: &mut Vec<TrialRow>) -> Result<(), Error> {
        let found = names(trials, |trial| &trial.task);
        if let Some(unknown) = self
            .tasks
            .iter()
            .find(|task| !found.contains(&task.as_str()))
        {
            let detail = format!("has no task `{unknown}`; found: {}", found.join(", "));
            return Err(self.wrong(from, "--task", detail));
        }
        if !self.tasks.is_empty() {
            trials.retain(|trial| self.tasks.contains(&trial.task));
        }
        Ok(())
    }

    fn contrasts(&self, from: &Path, records: &Records) -> Result<Vec<Contrast>, Error> {
        let arms = names(&records.trials, |trial| &trial.arm);
        for contrast in &self.contrasts {
            for arm in [&contrast.baseline, &contrast.treatment] {
                if !arms.contains(&arm.as_str()) {
                    let detail = format!("has no arm `{arm}`; found: {}", arms.join(", "));
                    return Err(self.wrong(from, "--contrast", detail));
                }
            }
        }
        if !self.contrasts.is_empty() {
            return Ok(self.contrasts.clone());
        }
        let contrasts = contrasts_by_name(records);
        if contrasts.is_empty() {
            let detail = format!(
                "has no arm X with an arm X-lawn, so name the arms to compare as \
                 BASELINE:TREATMENT; found: {}",
                arms.join(", ")
            );
            return Err(self.wrong(from, "--contrast", detail));
        }
        Ok(contrasts)
    }

    fn margins(&self, from: &Path, trials: &[TrialRow]) -> Result<BTreeMap<String, f64>, Error> {
        let metrics = names(trials, |trial| &trial.metric);
        match self
            .margins
            .iter()
            .find(|(name, _)| !metrics.contains(&name.as_str()))
        {
            Some((name, _)) => {
                let detail = format!("has no metric `{name}`; found: {}", metrics.join(", "));
                Err(self.wrong(from, "--margin", detail))
            }
            None => Ok(self.margins.iter().cloned().collect()),
        }
    }
}

/// The distinct names of the trials, in their order.
fn names(trials: &[TrialRow], name: impl Fn(&TrialRow) -> &String) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for trial in trials {
        let name = name(trial).as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
