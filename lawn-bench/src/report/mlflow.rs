//! The trials of a run as MLflow's file store has them: folders of small text files.
//!
//! ```text
//! DIR/EXPERIMENT/meta.yaml                 the sweep
//! DIR/EXPERIMENT/TRIAL/meta.yaml           one trial that is over: when, and how it ended
//! DIR/EXPERIMENT/TRIAL/params/NAME         a value
//! DIR/EXPERIMENT/TRIAL/metrics/NAME        a line a measurement: milliseconds, value, step
//! DIR/EXPERIMENT/TRIAL/tags/NAME           a value
//! ```
//!
//! Layout and fields as `mlflow/store/tracking/file_store.py` reads them. A metric's time is that of
//! its evaluation, counted from the seconds of the log back from the trial's end.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use lawn_analysis::records::{Outcome, Word};
use serde_json::{Value, json};

use super::render;
use crate::Error;
use crate::plan::{Plan, Trial, outcomes};
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::run::trial_dir::TrialDir;
use crate::run::trial_file::TrialFile;
use crate::trial::hparams::HyperParameters;
use crate::trial::tensorboard;

/// MLflow's numbers for how a run ended.
const FINISHED: u32 = 3;
const FAILED: u32 = 4;

/// MLflow's number for code that is in no project of its own.
const LOCAL: u32 = 4;

/// Writes every trial of `run` that is over into the store `into`, and gives their number. What the
/// store has of these trials is written anew, everything else stays.
///
/// # Errors
///
/// [`Error::Io`], and as [`outcomes::read`] and [`TrialFile::read`].
pub fn export(run: &RunDir, plan: &Plan, into: &Path) -> Result<usize, Error> {
    let store = std::path::absolute(into).map_err(Error::io("find", into))?;
    let experiment = experiment(&plan.sweep.name);
    let origin = std::path::absolute(run.root()).map_err(Error::io("find", run.root()))?;
    let folder = store.join(&experiment);
    let mut trials = Vec::new();
    let endings = outcomes::read(run, plan)?.endings;
    for (trial, ending) in plan.trials.iter().zip(endings) {
        let dir = run.trial(&trial.id);
        let file = TrialFile::read(&dir)?;
        if let Some((file, ending)) = file.zip(ending.filter(Ending::is_final)) {
            trials.push(Exported::new(&origin, trial, &dir, &file, &ending)?);
        }
    }
    let times = || trials.iter().flat_map(|one| one.times);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    write(
        &folder.join("meta.yaml"),
        &yaml(&[
            ("artifact_location", json!(location(&folder))),
            ("creation_time", json!(first)),
            ("experiment_id", json!(experiment)),
            ("last_update_time", json!(last)),
            ("lifecycle_stage", json!("active")),
            ("name", json!(plan.sweep.name)),
        ]),
    )?;
    for trial in &trials {
        trial.write(&experiment, &folder.join(&trial.id))?;
    }
    Ok(trials.len())
}

/// A trial as it is written.
struct Exported {
    id: String,
    name: String,
    status: u32,
    /// Milliseconds since 1970-01-01 00:00 UTC of its start and end.
    times: [u64; 2],
    params: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    /// Name, milliseconds, value and step, in the order of the log.
    metrics: Vec<(String, u64, f64, u64)>,
}

impl Exported {
    fn new(
        origin: &Path,
        trial: &Trial,
        dir: &TrialDir,
        file: &TrialFile,
        ending: &Ending,
    ) -> Result<Self, Error> {
        let records = match dir.log().exists() {
            true => dir.read_log()?.records,
            false => Vec::new(),
        };
        let path = dir.outcome();
        let about = std::fs::metadata(&path).map_err(Error::io("read", &path))?;
        let since = about.modified().ok();
        let since = since.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let end = since.map_or(0, |since| since.as_millis() as u64);
        let seconds = |record: &lawn_models::EvaluationRecord| {
            let seconds = &record.seconds;
            seconds.train + seconds.data + seconds.evaluate + seconds.checkpoint
        };
        let all: f64 = records.iter().map(seconds).sum();
        let start = end.saturating_sub((all * 1e3) as u64);
        let mut metrics = Vec::new();
        let (mut passed, mut step) = (0.0, 0);
        for record in &records {
            passed += seconds(record);
            step = record.step;
            let time = start + (passed * 1e3) as u64;
            let scalars = tensorboard::scalars(record).into_iter();
            metrics.extend(scalars.map(|(name, value)| (named(&name), time, value, step)));
        }
        let measured = ending.summary.iter().flat_map(|it| &it.measurements);
        metrics.extend(measured.map(|one| {
            let name = named(&format!("final/{}", tensorboard::tag(one)));
            (name, end, one.value, step)
        }));
        let given = HyperParameters::new(trial, file.setting, &file.config.optimizer);
        let params = given.values().map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (named(name), text)
        });
        let name = render::trial(trial, true);
        let tags = [
            ("mlflow.runName", name.as_str()),
            ("lawn.outcome", ending.outcome.as_str()),
            ("lawn.run", &*origin.to_string_lossy()),
            ("lawn.trial", trial.id.as_str()),
        ];
        Ok(Self {
            id: run_id(origin, &trial.id),
            status: match ending.outcome {
                Outcome::Ok => FINISHED,
                _ => FAILED,
            },
            times: [start, end],
            params: params.collect(),
            tags: tags
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            metrics,
            name,
        })
    }

    /// Writes it into `folder`, in place of what was written before.
    fn write(&self, experiment: &str, folder: &Path) -> Result<(), Error> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::io("replace", folder)(error));
            }
            _ => {}
        }
        // Readers expect each of them.
        for part in ["artifacts", "metrics", "params", "tags"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).map_err(Error::io("create", &part))?;
        }
        for (part, values) in [("params", &self.params), ("tags", &self.tags)] {
            for (name, value) in values {
                write(&folder.join(part).join(name), value)?;
            }
        }
        let mut names: Vec<&str> = self
            .metrics
            .iter()
            .map(|(name, ..)| name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let own = self.metrics.iter().filter(|(other, ..)| other == name);
            let lines: String = own
                .map(|(_, time, value, step)| format!("{time} {value} {step}\n"))
                .collect();
            write(&folder.join("metrics").join(name), &lines)?;
        }
        // The last file: a folder without it is no run to a reader.
        let [start, end] = self.times;
        write(
            &folder.join("meta.yaml"),
            &yaml(&[
                ("artifact_uri", json!(location(&folder.join("artifacts")))),
                ("end_time", json!(end)),
                ("entry_point_name", json!("")),
                ("experiment_id", json!(experiment)),
                ("lifecycle_stage", json!("active")),
                ("run_id", json!(self.id)),
                ("run_name", json!(self.name)),
                ("run_uuid", json!(self.id)),
                ("source_name", json!("lawn")),
                ("source_type", json!(LOCAL)),
                ("source_version", json!("")),
                ("start_time", json!(start)),
                ("status", json!(self.status)),
                ("tags", json!([])),
                ("user_id", json!("")),
            ]),
        )
    }
}

/// The id of an experiment: 18 digits that follow from the name, so that a run which is exported
/// again is the same one.
fn experiment(name: &str) -> String {
    let hash = blake3::hash(name.as_bytes());
    let bytes = hash.as_bytes().first_chunk().expect("there are 32 bytes");
    format!("{:018}", u64::from_le_bytes(*bytes) % 10_u64.pow(18))
}

/// The id of a trial: 32 hexadecimal digits that follow from the folder of its run and its own. The same
/// trial in two folders, as on two machines, is two runs.
fn run_id(origin: &Path, trial: &str) -> String {
    let text = format!("{}\0{trial}", origin.display());
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// The name with the characters that MLflow takes: letters, digits, and `_-. :/`.
fn named(name: &str) -> String {
    let name = name.replace('@', "_at_");
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "_-. :/".contains(c);
    name.chars()
        .map(|c| if is_taken(c) { c } else { '_' })
        .collect()
}

fn location(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

/// A line a key. A value of JSON is one of YAML.
fn yaml(fields: &[(&str, Value)]) -> String {
    let lines = fields.iter();
    lines
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect()
}

/// Writes a file, which an export can always write again: it is not flushed.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    std::fs::write(path, text).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_mlflow_takes() {
        assert_eq!(named("final/hr@10/test"), "final/hr_at_10/test");
        assert_eq!(named("a*b\\c"), "a_b_c");
        assert_eq!(experiment("arms").len(), 18);
        assert_ne!(experiment("arms"), experiment("arm"));
    }
}
