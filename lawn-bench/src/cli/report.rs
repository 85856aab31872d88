use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::records::{
    Direction, Outcome, RESULT_COLUMNS, Results, ResultsOptions, TrialRow, Word,
};
use lawn_analysis::report::{Contrast, DecidingTest, contrasts_by_name};
use lawn_analysis::{Error as AnalysisError, Records, ReportFiles, ReportRequest, Width};

use super::output::{print, print_report, still};
use super::values;
use crate::Exit;
use crate::error::{allowed, refused};
use crate::plan::Plan;
use crate::process::{shell, streams};
use crate::run::files;
use crate::run::run_dir::RunDir;
use crate::{Error, sweep};

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
    asked: Question,
}

/// What is asked of results made elsewhere; a run's sweep file has said it.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --from")]
struct Question {
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
    contrasts: Vec<String>,
    /// Batch size that the large-batch drop is measured from [default: the smallest].
    #[arg(long, value_name = "B", conflicts_with = "dir", value_parser = clap::value_parser!(i64).range(1..))]
    reference_batch: Option<i64>,
    /// Largest difference of a metric that does not matter; any number of times.
    #[arg(long = "margin", value_name = "METRIC=DIFFERENCE", conflicts_with = "dir", value_parser = margin)]
    margins: Vec<(String, f64)>,
    /// Which direction of the metric is better, where the file has no column `higher_is_better`:
    /// higher, lower, or of one metric METRIC=lower; any number of times.
    #[arg(long, value_name = "DIRECTION", conflicts_with = "dir", value_parser = direction)]
    better: Vec<Direction>,
    /// What becomes of a trial of outcome ok that lacks a number in a column that decides, such
    /// as test_metric: refuse the file, or take the trial as diverged, crashed, timeout,
    /// out-of-memory or preempted.
    #[arg(
        long,
        value_name = "OUTCOME",
        conflicts_with = "dir",
        default_value = "refuse",
        value_parser = missing_metric
    )]
    missing_metric: MissingMetric,
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

/// Two names with a colon between; which one, where a name has one too, the arms decide.
fn contrast(text: &str) -> Result<String, String> {
    if splits(text).next().is_none() {
        return Err("must be BASELINE:TREATMENT, two names of arms".into());
    }
    Ok(text.to_owned())
}

/// Every way to read a text as BASELINE:TREATMENT.
fn splits(text: &str) -> impl Iterator<Item = Contrast> {
    let colons = text.match_indices(':');
    let contrasts = colons.map(|(at, _)| Contrast {
        baseline: text[..at].to_owned(),
        treatment: text[at + 1..].to_owned(),
    });
    contrasts.filter(|contrast| !contrast.baseline.is_empty() && !contrast.treatment.is_empty())
}

/// What is done with trials of outcome ok that have no metric.
#[derive(Clone, Copy, Debug)]
enum MissingMetric {
    Refuse,
    Take(Outcome),
}

fn missing_metric(text: &str) -> Result<MissingMetric, String> {
    match (text, Outcome::parse(text)) {
        ("refuse", _) => Ok(MissingMetric::Refuse),
        (_, Some(outcome)) if outcome != Outcome::Ok => Ok(MissingMetric::Take(outcome)),
        _ => {
            let outcomes = Outcome::ALL
                .iter()
                .filter(|outcome| **outcome != Outcome::Ok);
            let names = outcomes.map(|outcome| outcome.as_str());
            Err(allowed(std::iter::once("refuse").chain(names)))
        }
    }
}

fn direction(text: &str) -> Result<Direction, String> {
    let (metric, direction) = match text.rsplit_once('=') {
        Some((metric, direction)) => (Some(metric.to_owned()), direction),
        None => (None, text),
    };
    let higher_is_better = match direction {
        "higher" => true,
        "lower" => false,
        _ => {
            return Err(allowed([
                "higher",
                "lower",
                "METRIC=higher",
                "METRIC=lower",
            ]));
        }
    };
    Ok(Direction {
        metric,
        higher_is_better,
    })
}

fn margin(text: &str) -> Result<(String, f64), String> {
    // A name may have the sign too, a number has not.
    let (metric, margin) = text.rsplit_once('=').ok_or("must be METRIC=DIFFERENCE")?;
    match margin.parse() {
        Ok(margin) if margin > 0.0 && f64::is_finite(margin) => Ok((metric.to_owned(), margin)),
        _ => {
            let said = format!("the difference is `{margin}`");
            Err(refused(said, ["a number above 0"]))
        }
    }
}

fn deciding_test(text: &str) -> Result<DecidingTest, String> {
    match text {
        "sign-flip" => Ok(DecidingTest::SignFlip),
        "paired-t" => Ok(DecidingTest::PairedT),
        _ => Err(allowed(["sign-flip", "paired-t"])),
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

impl Question {
    fn report(&self, from: &Path, width: Option<Width>) -> Result<ReportFiles, Error> {
        let missing_metric = match self.missing_metric {
            MissingMetric::Refuse => None,
            MissingMetric::Take(outcome) => Some(outcome),
        };
        let options = ResultsOptions {
            directions: self.better.clone(),
            missing_metric,
        };
        let results = Results::read_with(from, &options).map_err(Self::unread)?;
        if !results.ignored.is_empty() {
            let columns = results.ignored.join(", ");
            let text = format!("{}: ignored columns: {columns}", from.display());
            streams::say(&still(&text));
        }
        let mut records = results.records;
        self.select(from, &mut records.trials)?;
        self.check_directions(from, results.directed, &records.trials)?;
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
        request.notes = results.notes;
        request.provenance = vec![("Results".into(), from.display().to_string())];
        if !results.ignored.is_empty() {
            let (count, names) = (results.ignored.len(), results.ignored.join(", "));
            let ignored = ("Columns ignored".into(), format!("{count}: {names}"));
            request.provenance.push(ignored);
        }
        request.provenance.push((
            "Report by".into(),
            format!("lawn {}", env!("CARGO_PKG_VERSION")),
        ));
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

impl Question {
    fn wrong(&self, from: &Path, option: &'static str, detail: impl Into<String>) -> Error {
        Error::Results {
            path: from.to_owned(),
            option,
            detail: detail.into(),
        }
    }

    /// An error of reading, with the option that settles it.
    fn unread(error: AnalysisError) -> Error {
        let hint = match &error {
            AnalysisError::MissingNumber { .. } => {
                "--missing-metric diverged, or crashed, takes them as such".to_owned()
            }
            AnalysisError::NoDirection { metric, .. } => format!("or give --better {metric}=lower"),
            _ => return Error::BadResults(error),
        };
        Error::Unsettled {
            error: Box::new(error),
            hint,
        }
    }

    /// Directions are asked of metrics that are there, where the file does not say them.
    fn check_directions(
        &self,
        from: &Path,
        directed: bool,
        trials: &[TrialRow],
    ) -> Result<(), Error> {
        if directed && !self.better.is_empty() {
            return Err(self.wrong(from, "--better", "has a column `higher_is_better`"));
        }
        let metrics = names(trials, |trial| &trial.metric);
        let directions = self.better.iter();
        let given: Vec<Option<&str>> = directions.map(|b| b.metric.as_deref()).collect();
        if let Some(metric) = repeated(&given) {
            let of = metric.map_or("every metric".to_owned(), |metric| format!("`{metric}`"));
            let detail = format!("is given two directions of {of}");
            return Err(self.wrong(from, "--better", detail));
        }
        let mut asked = given.into_iter().flatten();
        match asked.find(|metric| !metrics.contains(metric)) {
            Some(unknown) => {
                let detail = format!("has no metric `{unknown}`; found: {}", metrics.join(", "));
                Err(self.wrong(from, "--better", detail))
            }
            None => Ok(()),
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
        if !self.contrasts.is_empty() {
            let asked = self.contrasts.iter();
            return asked.map(|text| self.contrast(from, text, &arms)).collect();
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

    /// The contrast of arms that a text names.
    fn contrast(&self, from: &Path, text: &str, arms: &[&str]) -> Result<Contrast, Error> {
        let is_arm = |name: &String| arms.contains(&name.as_str());
        let mut known = splits(text).filter(|c| is_arm(&c.baseline) && is_arm(&c.treatment));
        let Some(contrast) = known.next() else {
            let parts = splits(text).flat_map(|c| [c.baseline, c.treatment]);
            let unknown: Vec<String> = parts.filter(|name| !is_arm(name)).collect();
            let name = match &unknown[..] {
                [name] => name.as_str(),
                _ if splits(text).count() == 1 => unknown[0].as_str(),
                _ => text,
            };
            let found = arms.join(", ");
            let detail = if name == text {
                format!("has no two arms `{text}` with a colon between; found: {found}")
            } else {
                format!("has no arm `{name}`; found: {found}")
            };
            return Err(self.wrong(from, "--contrast", detail));
        };
        if let Some(other) = known.next() {
            let detail = format!(
                "has arms for `{text}` as `{}` and `{}` and as `{}` and `{}`: call one another name",
                contrast.baseline, contrast.treatment, other.baseline, other.treatment
            );
            return Err(self.wrong(from, "--contrast", detail));
        }
        Ok(contrast)
    }

    fn margins(&self, from: &Path, trials: &[TrialRow]) -> Result<BTreeMap<String, f64>, Error> {
        let metrics = names(trials, |trial| &trial.metric);
        let given: Vec<&String> = self.margins.iter().map(|(metric, _)| metric).collect();
        if let Some(metric) = repeated(&given) {
            return Err(self.wrong(
                from,
                "--margin",
                format!("is given two margins of `{metric}`"),
            ));
        }
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

/// The first that is there twice.
fn repeated<T: PartialEq + Copy>(given: &[T]) -> Option<T> {
    let again = |index: &usize| given[..*index].contains(&given[*index]);
    (0..given.len()).find(again).map(|index| given[index])
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
