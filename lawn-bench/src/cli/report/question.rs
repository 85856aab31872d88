//! What is asked of results made elsewhere, and whether these can answer it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::records::{Direction, Results, ResultsFile, ResultsOptions, TrialRow};
use lawn_analysis::report::{Contrast, DecidingTest, KeptStudy, contrasts_by_name};
use lawn_analysis::{Error as AnalysisError, Records, ReportFiles, ReportRequest, Width};

use super::options::{
    MissingMetric, contrast, deciding_test, direction, margin, missing_metric, splits,
};
use super::outside::{Outside, hint, retried};
use crate::cli::output::still;
use crate::error::{Error, Fault, Place};
use crate::process::streams;
use crate::run::files;

/// What is asked of results made elsewhere; a run's sweep file has said it.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --from")]
pub(super) struct Question {
    /// Folder that the report is written to: a new or an empty one, or that of an older report
    /// [default: report]. Beside the directory of a run, which may then be one that nobody can
    /// write to, the records go there too [default: report and records of the run].
    #[arg(long, value_name = "DIR", help_heading = "Options")]
    out: Option<PathBuf>,
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
    /// Take the numbers of a metric as of one unit, where those of one file or arm look like percent
    /// of another's.
    #[arg(long, conflicts_with = "dir")]
    same_unit: bool,
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

impl Question {
    /// Where the report of a run goes, if not into the run.
    ///
    /// # Errors
    ///
    /// [`Error::NotOurs`] where something else is there.
    pub(super) fn out_of_run(&self) -> Result<Option<&Path>, Error> {
        let out = self.out.as_deref();
        out.map(|out| require_free(out).map(|()| out)).transpose()
    }

    /// Writes the report of the results that are given.
    pub(super) fn report(
        &self,
        given: &Outside,
        width: Option<Width>,
    ) -> Result<ReportFiles, Error> {
        let from = &given.name();
        if let Some(path) = given.repeated() {
            let found = format!("{} is given twice", path.display());
            return Err(wrong(from, "--from", found, &[]));
        }
        let missing_metric = match self.missing_metric {
            MissingMetric::Refuse => None,
            MissingMetric::Take(outcome) => Some(outcome),
        };
        let options = ResultsOptions {
            layout: given.layout(),
            outcomes: given.outcomes(),
            skipped: given.skipped(),
            directions: self.better.clone(),
            missing_metric,
            same_unit: self.same_unit,
            title: self.title.clone(),
        };
        let files = given.files()?;
        let unread = |error| unread(error, &files, given.last());
        let results = Results::read_files(&files, &options).map_err(unread)?;
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
        let title = self.title.clone().unwrap_or_else(|| given.title());
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
        let report = lawn_analysis::Report::new(&records, &request);
        let report = report.map_err(|error| match retried(&error, &results.failures) {
            Some(hint) => Error::Unsettled {
                error: Box::new(error),
                hint,
            },
            None => unread(error),
        });
        self.write(&report?)
    }

    /// Writes the report of records that are kept without their run, with what was asked of them.
    pub(super) fn report_kept(
        &self,
        dir: &Path,
        width: Option<Width>,
    ) -> Result<ReportFiles, Error> {
        let mut kept = KeptStudy::load(dir)?;
        kept.request.width = width.unwrap_or(kept.request.width);
        let report = lawn_analysis::Report::new(&kept.records, &kept.request);
        self.write(&report.map_err(Error::BadResults)?)
    }

    fn write(&self, report: &lawn_analysis::Report<'_>) -> Result<ReportFiles, Error> {
        let out = self.out.as_deref().unwrap_or(Path::new("report"));
        require_free(out)?;
        Ok(report.write(out)?)
    }
}

/// Files by which a report is known.
const REPORT: [&str; 2] = ["report.html", "verdicts.json"];

/// A report takes the place of a report, and of nothing else.
fn require_free(out: &Path) -> Result<(), Error> {
    match files::entry_of(out)? {
        Some(found) if !REPORT.iter().any(|name| out.join(name).is_file()) => {
            Err(Error::not_ours(out, &found, "report"))
        }
        _ => Ok(()),
    }
}

/// The error of an option that the results do not go with; `allowed` is what they have.
pub(super) fn wrong(
    from: &Path,
    option: &str,
    found: impl Into<String>,
    allowed: &[&str],
) -> Error {
    let fault = Fault::new(Place::file(from).of(option), found);
    Error::Results(Box::new(fault.allowed(allowed)))
}

/// An error of reading, with the option that settles it.
fn unread(error: AnalysisError, files: &[ResultsFile], last: Option<&str>) -> Error {
    match hint(&error, files, last) {
        Some(hint) => Error::Unsettled {
            error: Box::new(error),
            hint,
        },
        None => Error::BadResults(error),
    }
}

impl Question {
    /// Directions are asked of metrics that are there, where the file does not say them.
    fn check_directions(
        &self,
        from: &Path,
        directed: bool,
        trials: &[TrialRow],
    ) -> Result<(), Error> {
        if directed && !self.better.is_empty() {
            let found = "the file has a column `higher_is_better`";
            return Err(wrong(from, "--better", found, &[]));
        }
        let metrics = names(trials, |trial| &trial.metric);
        let directions = self.better.iter();
        let given: Vec<Option<&str>> = directions.map(|b| b.metric.as_deref()).collect();
        if let Some(metric) = repeated(&given) {
            let of = metric.map_or("every metric".to_owned(), |metric| format!("`{metric}`"));
            let found = format!("two directions of {of} are given");
            return Err(wrong(from, "--better", found, &[]));
        }
        let mut asked = given.into_iter().flatten();
        match asked.find(|metric| !metrics.contains(metric)) {
            Some(unknown) => {
                let found = format!("no metric is called `{unknown}`");
                Err(wrong(from, "--better", found, &metrics))
            }
            None => Ok(()),
        }
    }

    /// Keeps the trials of the tasks asked for.
    fn select(&self, from: &Path, trials: &mut Vec<TrialRow>) -> Result<(), Error> {
        let tasks = names(trials, |trial| &trial.task);
        let mut asked = self.tasks.iter();
        if let Some(unknown) = asked.find(|task| !tasks.contains(&task.as_str())) {
            let found = format!("no task is called `{unknown}`");
            return Err(wrong(from, "--task", found, &tasks));
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
        // One arm alone has nothing to be compared with, and the report says so.
        if contrasts.is_empty() && arms.len() > 1 {
            let found = "no arm X has an arm X-lawn, so name the arms to compare as \
                         BASELINE:TREATMENT";
            return Err(wrong(from, "--contrast", found, &arms));
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
            let found = if name == text {
                format!("`{text}` is no two arms with a colon between")
            } else {
                format!("no arm is called `{name}`")
            };
            return Err(wrong(from, "--contrast", found, arms));
        };
        if let Some(other) = known.next() {
            let found = format!(
                "`{text}` is `{}` and `{}`, and it is `{}` and `{}`: give one of the arms another name",
                contrast.baseline, contrast.treatment, other.baseline, other.treatment
            );
            return Err(wrong(from, "--contrast", found, &[]));
        }
        Ok(contrast)
    }

    fn margins(&self, from: &Path, trials: &[TrialRow]) -> Result<BTreeMap<String, f64>, Error> {
        let metrics = names(trials, |trial| &trial.metric);
        let given: Vec<&String> = self.margins.iter().map(|(metric, _)| metric).collect();
        if let Some(metric) = repeated(&given) {
            let found = format!("two margins of `{metric}` are given");
            return Err(wrong(from, "--margin", found, &[]));
        }
        match self
            .margins
            .iter()
            .find(|(name, _)| !metrics.contains(&name.as_str()))
        {
            Some((name, _)) => {
                let found = format!("no metric is called `{name}`");
                Err(wrong(from, "--margin", found, &metrics))
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
